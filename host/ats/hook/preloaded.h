/* SPDX-License-Identifier: Apache-2.0
 *
 * Continuations of plugins that were loaded before memtrack. They already have their handlers, unwrapped, and nothing lists them.
 * But they are objects of a single class from one freelist. A continuation created by memtrack shows the position of the handler.
 * Objects near it with the same class and a plugin's function in that position get their handlers wrapped, like all later ones.
 */
#ifndef MEMTRACK_PRELOADED_H
#define MEMTRACK_PRELOADED_H

#ifdef __cplusplus
extern "C" {
#endif

/* Wraps the handlers that can be found. Returns their number; others remain unchanged, and calls made by their plugins are still
   charged. init-only, once the modules are known. */
unsigned memtrack_preloaded_wrap(void);

#ifdef __cplusplus
}
#endif

#endif
