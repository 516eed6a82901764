/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks of plugins' calls of the plugin API (plugin.c), as tables for their slots.
 */
#ifndef MEMTRACK_HOOK_PLUGIN_H
#define MEMTRACK_HOOK_PLUGIN_H

#include "base/reason.h"
#include "module/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For plugins, and for libraries that call the plugin API. Filled by memtrack_hook_plugin_open(). */
extern struct memtrack_redirect memtrack_plugin_api[];

/* For plugins into which functions of ts.h are compiled that call the plugin API, as they can be since version 10. */
extern struct memtrack_redirect memtrack_plugin_api_inlined[];

/* Fills the tables with this server's names. Returns 0, or -1 with a reason: the server lacks a function. init-only. */
int memtrack_hook_plugin_open(struct memtrack_reason *reason);

#ifdef __cplusplus
}
#endif

#endif
