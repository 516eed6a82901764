/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/install.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/atomic.h"
#include "base/log.h"
#include "hook/allocator.h"
#include "hook/behalf.h"
#include "hook/buffer.h"
#include "hook/extensions.h"
#include "hook/heap.h"
#include "hook/held.h"
#include "hook/loader.h"
#include "hook/modules.h"
#include "hook/objects.h"
#include "hook/plugin.h"
#include "hook/preloaded.h"
#include "hook/ranges.h"
#include "hook/release.h"
#include "hook/state.h"
#include "module/definition.h"
#include "module/hold.h"
#include "module/module.h"
#include "owner/server_call.h"
#include "owner/thunk.h"
#include "owner/walk.h"

static bool installed;
static size_t earlier_count; /* plugins that were loaded before memtrack; set at the start */

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

/* Libraries that may be plugins loaded before memtrack. */
struct candidates {
  struct {
    uintptr_t start, end, base;
    char path[sizeof(((struct memtrack_module *)0)->path)];
  } list[MEMTRACK_MODULES_MAX];
  size_t count;
};

static void
list_candidate(struct memtrack_module *module, void *argument)
{
  struct candidates *candidates = argument;
  if (module->kind == MEMTRACK_MODULE_LIBRARY && !memtrack_modules_is_foreign(module)) {
    candidates->list[candidates->count].start = module->start;
    candidates->list[candidates->count].end   = module->end;
    candidates->list[candidates->count].base  = module->base;
    memcpy(candidates->list[candidates->count++].path, module->path, sizeof(module->path));
  }
}

/* Plugins that were loaded before memtrack. */
struct earlier {
  size_t count;
  char first[MEMTRACK_MODULE_TEXT];
};

/* Makes plugins of the libraries that define such a function themselves. plugin.config loaded them, as it loaded memtrack.so: the
   server reads remap.config later. */
static void
find_earlier(struct earlier *earlier)
{
  struct candidates *candidates = calloc(1, sizeof(*candidates));
  *earlier                      = (struct earlier){0};
  if (!candidates) {
    memtrack_log(MEMTRACK_WARNING,
                 "out of memory while looking for plugins that were loaded before memtrack.so: they are tracked as "
                 "libraries. Make memtrack.so the first line of plugin.config");
    return;
  }
  memtrack_module_each(list_candidate, candidates);
  for (size_t i = 0; i < candidates->count; ++i) {
    uintptr_t start = candidates->list[i].start;
    void *handle    = memtrack_module_hold(candidates->list[i].path, candidates->list[i].base, NULL);
    if (!handle) {
      continue;
    }
    void *entry = dlsym(handle, "TSPluginInit");
    entry       = entry ? entry : dlsym(handle, "TSRemapInit");
    if (entry && (uintptr_t)entry - start < candidates->list[i].end - start) {
      memtrack_module_scan((const void *)start, false, ignore, ignore);
      if (earlier->count++ == 0) {
        snprintf(earlier->first, sizeof(earlier->first), "%.100s", strrchr(candidates->list[i].path, '/') + 1);
      }
    }
    memtrack_module_release(handle);
  }
  dlerror();
  free(candidates);
}

/* Prepares everything that the hooks need before their first call. */
static int
open_hooks(struct memtrack_reason *reason)
{
  if (memtrack_allocator_open(reason) || memtrack_hook_plugin_open(reason) || memtrack_hook_heap_open(reason)) {
    return -1;
  }
  if (memtrack_allocator_defines((const void *)getauxval(AT_ENTRY))) {
    return memtrack_reason_set(reason, "traffic_server contains an allocator: its releases are not visible");
  }
  if (memtrack_objects_open()) {
    return memtrack_reason_set(reason, "out of memory for the object table");
  }
  if (memtrack_ranges_open()) {
    return memtrack_reason_set(reason, "out of memory for the table of mapped ranges");
  }
  memtrack_hook_extensions_open();
  memtrack_release_open();
  memtrack_walk_open();
  memtrack_thunk_open();
  memtrack_held_open();
  memtrack_modules_resolve(memtrack_loader_calls_of_plugins);
  return 0;
}

/* Finds the slots through which the server calls the loader. Returns 0, or -1 with a reason. */
static int
find_loader_calls(struct memtrack_slots *slots, struct memtrack_reason *reason)
{
  const void *global[MEMTRACK_REDIRECTS_MAX];
  memtrack_slots_resolve(memtrack_loader_calls, global);
  if (memtrack_slots_collect(slots, (const void *)getauxval(AT_ENTRY), memtrack_loader_calls, global,
                             MEMTRACK_WORDS_CALLS | MEMTRACK_WORDS_UNBOUND, NULL)) {
    return memtrack_reason_set(reason, "out of memory for the slots of the server");
  }
  return slots->count ? 0 : memtrack_reason_set(reason, "the server calls the loader through no slot");
}

/* Redirects the slots of all loaded modules: first of libraries, then of those that prove to be plugins, then the server's slots
   for the loader. */
static int
patch_all(struct memtrack_slots *loader, struct memtrack_reason *reason)
{
  if (memtrack_modules_install(reason) == 0 && memtrack_slots_apply(loader->list, loader->count, true, reason) == 0) {
    return 0;
  }
  memtrack_slots_restore(loader, NULL);
  memtrack_plugins_remove(NULL);
  return -1;
}

/* Redirects what modules loaded from now on bind to, and what dlsym() answers, at every `heap`: a function has the same address in
   all modules, and an allocation or release is seen from a module's constructors on. Never taken back, because modules keep these
   addresses, and may keep them anywhere: without tracking, the hooks only call the functions. An allocator trusts the sizes that it
   is told: if such a function cannot be redirected, -1, and no block may be tagged. If another cannot, modules are only tracked
   once they are found. */
static int
redirect_definitions(struct memtrack_reason *reason)
{
  static const struct memtrack_definition *const all[] = {memtrack_extension_definitions, memtrack_heap_definitions,
                                                          memtrack_heap_alias_definitions, memtrack_loader_definitions, NULL};
  static bool warned;
  int result = 0;
  for (size_t i = 0; all[i]; ++i) {
    for (const struct memtrack_definition *each = all[i]; each->symbol; ++each) {
      if (!each->original || memtrack_definition_redirect(each, reason) == 0) {
        continue;
      }
      result = memtrack_allocator_ignores_size(each->original) ? result : -1;
      if (!warned) {
        memtrack_log(MEMTRACK_WARNING, "calls by libraries that plugins load are tracked only seconds later: %s", reason->text);
        warned = true;
      }
    }
  }
  return result;
}

int
memtrack_plugins_install(struct memtrack_reason *reason, struct memtrack_reason *buffers)
{
  struct memtrack_slots loader;
  struct earlier earlier;
  if (open_hooks(reason) || find_loader_calls(&loader, reason)) {
    return -1;
  }
  buffers->text[0] = '\0';
  if (memtrack_buffer_calibrate(buffers) == 0) {
    memtrack_behalf_open();
  }
  int result = memtrack_module_scan(NULL, false, ignore, ignore) ? memtrack_reason_set(reason, MEMTRACK_NO_MODULES) : 0;
  if (result == 0) {
    find_earlier(&earlier);
    result = patch_all(&loader, reason);
  }
  memtrack_slots_free(&loader);
  if (result) {
    return -1;
  }
  struct memtrack_reason later; /* said in a line, and tried again when the heap is to be tracked */
  redirect_definitions(&later);
  memtrack_loader_start();
  installed     = true;
  earlier_count = earlier.count;
  if (earlier.count) {
    unsigned wrapped = memtrack_preloaded_wrap();
    memtrack_log(MEMTRACK_WARNING,
                 "%zu plugins were loaded before memtrack.so, %s first: their earlier allocations are not counted, and %u of their "
                 "continuations are followed. Make memtrack.so the first line of plugin.config",
                 earlier.count, earlier.first, wrapped);
  }
  return 0;
}

size_t
memtrack_plugins_earlier(void)
{
  return earlier_count;
}

int
memtrack_plugins_remove(struct memtrack_reason *reason)
{
  memtrack_plugins_disarm();
  return memtrack_modules_remove(reason);
}

void
memtrack_plugins_arm(void)
{
  if (installed) {
    memtrack_objects_clear();
    memtrack_ranges_clear();
    memtrack_held_clear();
    memtrack_store_ordered(&memtrack_hooks.key, memtrack_tag_key());
    memtrack_store_ordered(&memtrack_hooks.armed, true);
  }
}

void
memtrack_plugins_disarm(void)
{
  memtrack_store_ordered(&memtrack_hooks.armed, false);
}

static int
switch_heap_on(struct memtrack_reason *reason)
{
  if (redirect_definitions(reason)) {
    return -1;
  }
  /* Modules that were bound before, including those that nobody has reported yet. Releasing functions first: an allocator that
     trusts the size passed to operator delete would otherwise receive the size of a block without its tag. */
  if (memtrack_module_scan(NULL, false, memtrack_modules_found, memtrack_modules_gone)) {
    return memtrack_reason_set(reason, MEMTRACK_NO_MODULES);
  }
  if (memtrack_modules_track_heap(reason)) {
    return -1;
  }
  memtrack_store_ordered(&memtrack_hooks.handles, true);
  memtrack_store_ordered(&memtrack_hooks.heap, true);
  memtrack_modules_track_heap(reason); /* plugins found meanwhile */
  return 0;
}

int
memtrack_plugins_heap(bool on, struct memtrack_reason *reason)
{
  if (!installed) {
    return memtrack_reason_set(reason, "the plugin hooks are not installed");
  }
  if (on) {
    return switch_heap_on(reason);
  }
  memtrack_store_ordered(&memtrack_hooks.server_heap, false);
  memtrack_store_ordered(&memtrack_hooks.heap, false);
  return 0;
}

int
memtrack_plugins_server_heap(const struct memtrack_server *server, bool on, struct memtrack_reason *reason)
{
  if (on && (memtrack_server_call_open(server, reason) || memtrack_modules_track_server(reason))) {
    return -1;
  }
  memtrack_store_ordered(&memtrack_hooks.server_heap, on);
  return on ? memtrack_modules_track_server(reason) : 0; /* modules found meanwhile */
}
