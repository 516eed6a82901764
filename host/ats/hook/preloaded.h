/* SPDX-License-Identifier: Apache-2.0
 *
 * Continuations of plugins that were loaded before us. They hold their handlers already, unwrapped, and nothing lists them. But
 * they are objects of one class from one freelist: one of our own shows where its handler stands, and those beside it with the same
 * class and a plugin's function in that place get their handlers wrapped like all later ones.
 */
#ifndef MEMTRACK_PRELOADED_H
#define MEMTRACK_PRELOADED_H

#ifdef __cplusplus
extern "C" {
#endif

/* Wraps the handlers that can be found. Returns how many; those that are not stay as they are, and their plugins' own calls are
   charged all the same. init-only, once the modules are known. */
unsigned memtrack_preloaded_wrap(void);

#ifdef __cplusplus
}
#endif

#endif
