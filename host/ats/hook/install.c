/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/install.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/atomic.h"
#include "base/limits.h"
#include "base/log.h"
#include "hook/allocator.h"
#include "hook/behalf.h"
#include "hook/buffer.h"
#include "hook/extensions.h"
#include "hook/heap.h"
#include "hook/held.h"
#include "hook/objects.h"
#include "hook/plugin.h"
#include "hook/preloaded.h"
#include "hook/release.h"
#include "hook/state.h"
#include "module/definition.h"
#include "module/hold.h"
#include "module/module.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "owner/thunk.h"
#include "owner/walk.h"
#include "server/api.h"

/* Redirected slots of a module, by the module's entry: those that were written, in this order. All code in this file that changes
   them is called by module.c with a module, under the modules' lock. */
struct patched {
  struct memtrack_patch *patches;
  size_t count;
  bool heap; /* of the heap's functions too */
};

#define OUT_OF_MEMORY "out of memory for a list of the modules"

static struct patched patched[MEMTRACK_MODULES_MAX];
static bool installed;
static size_t earlier_count; /* plugins that were loaded before memtrack; set at the start */
static struct memtrack_reason failure;

static struct patched *
patched_of(const struct memtrack_module *module)
{
  return &patched[memtrack_module_number(module)];
}

/* Whether a module is left alone entirely: memtrack.so, and modules whose allocations belong to the allocator. */
static bool
is_foreign(const struct memtrack_module *module)
{
  return module->kind == MEMTRACK_MODULE_LEFT_ALONE || (uintptr_t)&memtrack_hooks - module->start < module->end - module->start ||
         memtrack_allocator_is_in(module->start, module->end);
}

/* The tables of replacements, with their symbols' definitions as seen by a module that does not define them. */
enum table { PLUGIN_API, PLUGIN_API_INLINED, PLUGIN_HEAP, LIBRARY_HEAP, SERVER_HEAP, SERVER_NEWS, EXTENSIONS, TABLE_COUNT };

static struct {
  const struct memtrack_redirect *redirects;
  const void *global[MEMTRACK_REDIRECTS_MAX];
} tables[TABLE_COUNT] = {
  [PLUGIN_API] = {.redirects = memtrack_plugin_api},   [PLUGIN_API_INLINED] = {.redirects = memtrack_plugin_api_inlined},
  [PLUGIN_HEAP] = {.redirects = memtrack_plugin_heap}, [LIBRARY_HEAP] = {.redirects = memtrack_library_heap},
  [SERVER_HEAP] = {.redirects = memtrack_server_heap}, [SERVER_NEWS] = {.redirects = memtrack_server_news},
  [EXTENSIONS] = {.redirects = memtrack_extensions},
};

/* At the installation this is the reason why it is refused, which is said once for all modules. */
static int
refuse(const struct memtrack_module *module, const char *reason)
{
  memtrack_limit_hit(MEMTRACK_LIMIT_SLOTS);
  if (installed) {
    memtrack_log(MEMTRACK_ERROR, "some calls of %s are not tracked: %s", module->name, reason);
  }
  return memtrack_reason_set(&failure, "%.50s: %.140s", module->name, reason);
}

/* Redirects a table's slots in a held module. Returns 0, or -1 if any was refused. */
static int
patch(struct memtrack_module *module, enum table table)
{
  struct patched *to = patched_of(module);
  struct memtrack_reason reason;
  struct memtrack_slots found;
  if (memtrack_slots_collect(&found, (const void *)module->start, tables[table].redirects, tables[table].global)) {
    return refuse(module, "out of memory");
  }
  struct memtrack_patch *all = found.count ? realloc(to->patches, (to->count + found.count) * sizeof(*all)) : to->patches;
  int result                 = 0;
  if (found.count && !all) {
    result = refuse(module, "out of memory");
  } else {
    to->patches = all;
    result      = memtrack_slots_apply(found.list, found.count, true, &reason) ? refuse(module, reason.text) : 0;
  }
  for (size_t i = 0; i < found.count; ++i) {
    if (found.list[i].written) {
      to->patches[to->count++] = found.list[i];
    }
  }
  memtrack_slots_free(&found);
  return result;
}

/* Finds functions compiled into a plugin that are never a site, in one of two ways (symbol.h). */
static void
read_wrappers(struct memtrack_module *module, size_t (*find)(struct memtrack_symbols *, struct memtrack_range **),
              struct memtrack_wrappers *wrappers)
{
  struct memtrack_module_source source;
  memtrack_module_describe(module, &source);
  struct memtrack_symbols *symbols = memtrack_module_symbols(&source);
  if (symbols) {
    struct memtrack_range *ranges;
    size_t count     = find(symbols, &ranges);
    wrappers->ranges = ranges;
    wrappers->count  = count;
    memtrack_symbols_close(symbols);
  }
  memtrack_walk_forget();
}

/* Starts tracking the heap in a module, if it is not tracked yet. */
static void
patch_heap(struct memtrack_module *module, void *nothing)
{
  (void)nothing;
  if (is_foreign(module) || patched_of(module)->heap) {
    return;
  }
  int extensions = patch(module, EXTENSIONS), result = 0;
  switch (module->kind) {
  case MEMTRACK_MODULE_SERVER:
    result = patch(module, SERVER_NEWS);
    break;
  case MEMTRACK_MODULE_PLUGIN:
    read_wrappers(module, memtrack_symbols_wrappers, &module->wrappers);
    break;
  default:
    result = patch(module, LIBRARY_HEAP);
  }
  patched_of(module)->heap = extensions == 0 && result == 0;
}

static void
on_found(struct memtrack_module *module)
{
  memtrack_walk_forget();
  if (is_foreign(module)) {
    return;
  }
  switch (module->kind) {
  case MEMTRACK_MODULE_SERVER:
    patch(module, SERVER_HEAP);
    break;
  case MEMTRACK_MODULE_PLUGIN:
    if (memtrack_api_is_inline()) {
      read_wrappers(module, memtrack_symbols_api_wrappers, &module->api_wrappers);
    }
    patch(module, module->api_wrappers.count ? PLUGIN_API_INLINED : PLUGIN_API);
    patch(module, PLUGIN_HEAP);
    patched_of(module)->heap = false; /* it may have been patched as a library */
    break;
  default:
    patch(module, PLUGIN_API);
  }
  if (memtrack_load_ordered(&memtrack_hooks.heap)) {
    patch_heap(module, NULL);
  }
}

static void
on_gone(struct memtrack_module *module)
{
  struct patched *gone = patched_of(module);
  memtrack_naming_keep(module);
  free(gone->patches);
  memset(gone, 0, sizeof(*gone));
  memtrack_context_forget(module->start, module->end);
  memtrack_walk_forget();
}

/* The functions that the server looks up in a plugin: TSRemap... for remap.config, TSPluginInit for plugin.config. Many plugins
   define both, so the function that is looked up tells how the plugin is used. */
static bool
is_remap_entry(const char *name)
{
  return strncmp(name, "TSRemap", strlen("TSRemap")) == 0;
}

static bool
is_entry(const char *name)
{
  return strcmp(name, "TSPluginInit") == 0 || is_remap_entry(name);
}

/* Runs when the server has loaded a plugin and looks up its functions. On any thread that loads; not part of an event. For all
   other names dlsym() is jumped to, because RTLD_NEXT and RTLD_DEFAULT depend on its return address. */
static void *
hook_dlsym(void *handle, const char *name)
{
  if (!is_entry(name)) {
    return dlsym(handle, name);
  }
  void *address = dlsym(handle, name);
  if (address == NULL) {
    return NULL;
  }
  /* Scans each time: the known module at this address may be an earlier module that another thread is just removing. */
  memtrack_module_scan(address, is_remap_entry(name), on_found, on_gone);
  return memtrack_context_wrap(address);
}

/* Runs when the server unloads a plugin, for example on a network thread that drops the last reference to a configuration: reads no
   file, and waits for no thread that does, unless plugins are unloaded faster than the task thread names their sites. Without
   elfutils names come from the loader, which knows only loaded modules. */
static int
hook_dlclose(void *handle)
{
  if (memtrack_symbols_are_loaders() || memtrack_naming_is_crowded()) {
    memtrack_naming_resolve();
  }
  int result = dlclose(handle);
  memtrack_walk_forget();
  memtrack_module_sweep(on_gone);
  memtrack_add_ordered(&memtrack_hooks.unloads, 1);
  return result;
}

/* Number of loads and unloads so far, as counted by the loader. */
static int
count_changes(struct dl_phdr_info *info, size_t size, void *changes)
{
  (void)size;
  *(uint64_t *)changes = info->dlpi_adds + info->dlpi_subs;
  return 1; /* the number is the same in each module */
}

/* Each reason once. */
static void
report_thunks(void)
{
  static struct memtrack_reason said;
  struct memtrack_reason reason;
  if (memtrack_thunk_retry(&reason) && strcmp(reason.text, said.text) != 0) {
    said = reason;
    memtrack_log(MEMTRACK_WARNING, "further plugin functions run without an owner: %s", reason.text);
  }
}

/* Skipped while a load or unload is in progress: a plugin that is loaded, but whose functions the server has not looked up yet,
   would be registered as a library. */
void
memtrack_plugins_poll(void)
{
  static uint64_t seen, scanned;
  uint64_t changes = 0;
  report_thunks();
  dl_iterate_phdr(count_changes, &changes);
  if (installed && changes == seen && changes != scanned) {
    scanned = memtrack_module_scan(NULL, false, on_found, on_gone) ? scanned : changes;
  }
  seen = changes;
}

const struct memtrack_redirect memtrack_loader_calls[] = {
  {"dlsym", (void *)hook_dlsym},
  {"dlclose", (void *)hook_dlclose},
  {NULL, NULL},
};

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
  if (module->kind == MEMTRACK_MODULE_LIBRARY && !is_foreign(module)) {
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

static void
patch_known(struct memtrack_module *module, void *nothing)
{
  (void)nothing;
  on_found(module);
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
  memtrack_hook_extensions_open();
  memtrack_release_open();
  memtrack_walk_open();
  memtrack_thunk_open();
  memtrack_held_open();
  for (size_t i = 0; i < TABLE_COUNT; ++i) {
    memtrack_slots_resolve(tables[i].redirects, tables[i].global);
  }
  for (size_t i = 0; memtrack_extensions[i].symbol; ++i) {
    tables[EXTENSIONS].global[i] = memtrack_extension_definitions[i].original;
  }
  return 0;
}

/* Finds the slots through which the server calls the loader. Returns 0, or -1 with a reason. */
static int
find_loader_calls(struct memtrack_slots *slots, struct memtrack_reason *reason)
{
  const void *global[MEMTRACK_REDIRECTS_MAX];
  memtrack_slots_resolve(memtrack_loader_calls, global);
  if (memtrack_slots_collect(slots, (const void *)getauxval(AT_ENTRY), memtrack_loader_calls, global)) {
    return memtrack_reason_set(reason, "out of memory for the slots of the server");
  }
  return slots->count ? 0 : memtrack_reason_set(reason, "the server calls the loader through no slot");
}

/* Redirects the slots of all loaded modules: first of libraries, then of those that prove to be plugins, then the server's slots
   for the loader. */
static int
patch_all(struct memtrack_slots *loader, struct memtrack_reason *reason)
{
  if (memtrack_module_each_held(patch_known, NULL)) {
    memtrack_reason_set(reason, OUT_OF_MEMORY);
  } else if (failure.text[0]) {
    *reason = failure;
  } else if (memtrack_slots_apply(loader->list, loader->count, true, reason) == 0) {
    return 0;
  }
  memtrack_slots_restore(loader, NULL);
  memtrack_plugins_remove(NULL);
  return -1;
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
  int result = memtrack_module_scan(NULL, false, ignore, ignore) ? memtrack_reason_set(reason, OUT_OF_MEMORY) : 0;
  if (result == 0) {
    find_earlier(&earlier);
    result = patch_all(&loader, reason);
  }
  memtrack_slots_free(&loader);
  if (result) {
    return -1;
  }
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

struct removal {
  struct memtrack_reason *reason;
  int result;
};

static void
unpatch(struct memtrack_module *module, void *argument)
{
  struct removal *removal = argument;
  struct patched *there   = patched_of(module);
  int result              = 0;
  /* Last first: a library that proved to be a plugin has some slots in two tables. */
  for (size_t i = there->count; i-- > 0;) {
    result |= memtrack_slots_apply(&there->patches[i], 1, false, removal->reason);
  }
  if (result) {
    removal->result = -1;
    return; /* the list says which are still redirected */
  }
  free(there->patches);
  memset(there, 0, sizeof(*there));
}

int
memtrack_plugins_remove(struct memtrack_reason *reason)
{
  struct removal removal = {.reason = reason};
  memtrack_plugins_disarm();
  if (memtrack_module_each_held(unpatch, &removal)) {
    return memtrack_reason_set(reason, OUT_OF_MEMORY);
  }
  return removal.result;
}

void
memtrack_plugins_arm(void)
{
  if (installed) {
    memtrack_objects_clear();
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

/* Redirects what modules loaded from now on bind to. An allocator trusts the sizes that it is told: if such a function cannot be
   redirected, no block may be tagged. If another cannot, modules are only tracked later, by memtrack_plugins_poll(). */
static int
redirect_definitions(const struct memtrack_definition *table, struct memtrack_reason *reason)
{
  static bool warned;
  for (; table->symbol; ++table) {
    if (!table->original || memtrack_definition_redirect(table, reason) == 0) {
      continue;
    }
    if (!memtrack_allocator_ignores_size(table->original)) {
      return -1;
    }
    if (!warned) {
      memtrack_log(MEMTRACK_WARNING, "releases by libraries that plugins load are tracked only seconds later: %s", reason->text);
      warned = true;
    }
  }
  return 0;
}

static int
switch_heap_on(struct memtrack_reason *reason)
{
  /* Never taken back: modules bound meanwhile would keep these hooks, which are right for tagged and untagged blocks. */
  if (redirect_definitions(memtrack_extension_definitions, reason) || redirect_definitions(memtrack_heap_definitions, reason)) {
    return -1;
  }
  /* Modules that were bound before, including those that nobody has reported yet. Releasing functions first: an allocator that
     trusts the size passed to operator delete would otherwise receive the size of a block without its tag. */
  if (memtrack_module_scan(NULL, false, on_found, on_gone) || memtrack_module_each_held(patch_heap, NULL)) {
    return memtrack_reason_set(reason, OUT_OF_MEMORY);
  }
  memtrack_store_ordered(&memtrack_hooks.handles, true);
  memtrack_store_ordered(&memtrack_hooks.heap, true);
  memtrack_module_each_held(patch_heap, NULL); /* plugins found meanwhile */
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
  memtrack_store_ordered(&memtrack_hooks.heap, false);
  return 0;
}
