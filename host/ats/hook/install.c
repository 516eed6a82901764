/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/install.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "hook/allocator.h"
#include "hook/buffer.h"
#include "owner/context.h"
#include "hook/preloaded.h"
#include "base/log.h"
#include "module/module.h"
#include "owner/naming.h"
#include "hook/objects.h"
#include "core/registry.h"
#include "hook/release.h"
#include "owner/walk.h"

#define PATCHES_MAX 512 /* slots of one module that any of the tables names */

struct memtrack_plugins memtrack_plugins;

/* What was redirected in a module, by the module's entry. All of this file that changes it runs under the modules' lock: it is
   called with a module by module.c. */
struct patched {
  struct memtrack_patch *patches;
  size_t count;
  bool heap;
};

static struct patched patched[MEMTRACK_MODULES_MAX];
static bool installed;
static char failure[MEMTRACK_REASON_SIZE];

static struct patched *
patched_of(const struct memtrack_module *module)
{
  return &patched[memtrack_module_number(module)];
}

/* Whether a module is to be left alone altogether: ourselves, and those whose own allocations are the allocator's. */
static bool
is_foreign(const struct memtrack_module *module)
{
  static const char *const names[] = {"libc.so",     "ld-linux",    "libgcc_s",    "linux-vdso", "libpthread", "libdl.so",
                                      "libjemalloc", "libtcmalloc", "libmimalloc", "libasan",    "libtsan",    "libubsan"};
  if ((uintptr_t)&memtrack_plugins - module->start < module->end - module->start ||
      memtrack_allocator_is_in(module->start, module->end)) {
    return true;
  }
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); ++i) {
    if (strncmp(module->name, names[i], strlen(names[i])) == 0) {
      return true;
    }
  }
  return false;
}

/* Redirects a table's slots in a module. */
static void
patch(struct memtrack_module *module, const struct memtrack_redirect *table)
{
  static struct memtrack_patch found[PATCHES_MAX]; /* nothing is allocated under the loader's lock */
  struct patched *to = patched_of(module);
  char reason[MEMTRACK_REASON_SIZE];
  size_t count = memtrack_slots_collect((const void *)module->start, table, found, PATCHES_MAX);
  if (count > PATCHES_MAX) {
    memtrack_log(MEMTRACK_ERROR, "%s calls what is tracked through %zu slots, %d are followed", module->name, count, PATCHES_MAX);
    count = PATCHES_MAX;
  }
  struct memtrack_patch *all = count ? realloc(to->patches, (to->count + count) * sizeof(*all)) : NULL;
  if (!all) {
    return;
  }
  memcpy(all + to->count, found, count * sizeof(*all));
  to->patches = all;
  if (memtrack_slots_apply(all + to->count, count, true, reason)) {
    memtrack_log(MEMTRACK_ERROR, "not all calls of %s are tracked: %s", module->name, reason);
    snprintf(failure, sizeof(failure), "%.100s: %.80s", module->name, reason);
  }
  to->count += count;
}

/* Where functions of the C++ library were compiled into a plugin: they are never the site. */
static void
read_wrappers(struct memtrack_module *module)
{
  struct memtrack_symbols *symbols = memtrack_module_symbols(module);
  if (symbols) {
    struct memtrack_range *wrappers;
    size_t count          = memtrack_symbols_wrappers(symbols, &wrappers);
    module->wrappers      = wrappers;
    module->wrapper_count = count;
    memtrack_symbols_close(symbols);
  }
  memtrack_walk_forget();
}

/* Tracks the heap in a module, if it is not yet. */
static void
patch_heap(struct memtrack_module *module, void *nothing)
{
  (void)nothing;
  if (is_foreign(module) || patched_of(module)->heap) {
    return;
  }
  patched_of(module)->heap = true;
  switch (module->kind) {
  case MEMTRACK_MODULE_SERVER:
    patch(module, memtrack_server_news);
    break;
  case MEMTRACK_MODULE_PLUGIN:
    read_wrappers(module);
    break;
  default:
    patch(module, memtrack_library_heap);
  }
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
    patch(module, memtrack_server_heap);
    break;
  case MEMTRACK_MODULE_PLUGIN:
    patch(module, memtrack_plugin_api);
    patch(module, memtrack_plugin_heap);
    break;
  default:
    patch(module, memtrack_plugin_api);
  }
  if (atomic_load(&memtrack_plugins.heap)) {
    patch_heap(module, NULL);
  }
}

static void
on_gone(struct memtrack_module *module)
{
  struct patched *gone = patched_of(module);
  free(gone->patches);
  memset(gone, 0, sizeof(*gone));
  memtrack_context_forget(module->start, module->end);
  memtrack_walk_forget();
}

/* The functions that the server asks a plugin for. */
static bool
is_entry(const char *name)
{
  return strcmp(name, "TSPluginInit") == 0 || strncmp(name, "TSRemap", strlen("TSRemap")) == 0;
}

/* The server has loaded a plugin and asks for its functions. Any thread that loads: not an event's usual work. */
static void *
hook_dlsym(void *handle, const char *name)
{
  void *address = dlsym(handle, name);
  if (address == NULL || name == NULL || !is_entry(name)) {
    return address;
  }
  /* Each time: what is known at this address may be a module that was there before, and is being forgotten by another thread. */
  memtrack_module_scan(address, on_found, on_gone);
  return memtrack_context_wrap(address);
}

static int
hook_dlclose(void *handle)
{
  memtrack_naming_resolve(); /* afterwards there is no file to read from */
  int result = dlclose(handle);
  memtrack_walk_forget();
  memtrack_module_sweep(on_gone);
  atomic_fetch_add(&memtrack_plugins.unloads, 1);
  return result;
}

/* Loads and unloads so far, by the loader's own count. */
static int
count_changes(struct dl_phdr_info *info, size_t size, void *changes)
{
  (void)size;
  *(uint64_t *)changes = info->dlpi_adds + info->dlpi_subs;
  return 1; /* each module says the same */
}

/* Not while something comes or goes: a plugin that is loaded, and whose functions the server has not asked for yet, would be taken
   for a library. */
void
memtrack_plugins_poll(void)
{
  static uint64_t seen, scanned;
  uint64_t changes = 0;
  dl_iterate_phdr(count_changes, &changes);
  if (installed && changes == seen && changes != scanned) {
    scanned = changes;
    memtrack_module_scan(NULL, on_found, on_gone);
  }
  seen = changes;
}

static const struct memtrack_redirect loader_calls[] = {
  {"dlsym", (void *)hook_dlsym},
  {"dlclose", (void *)hook_dlclose},
  {NULL, NULL},
};

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

/* Plugins that were loaded before us: modules that have such a function themselves. */
struct earlier {
  uintptr_t start[MEMTRACK_MODULES_MAX];
  size_t count;
};

static void
find_earlier(struct memtrack_module *module, void *argument)
{
  struct earlier *earlier = argument;
  if (module->kind != MEMTRACK_MODULE_LIBRARY || is_foreign(module)) {
    return;
  }
  void *handle = dlopen(module->path, RTLD_LAZY | RTLD_NOLOAD);
  if (handle) {
    void *entry = dlsym(handle, "TSPluginInit");
    entry       = entry ? entry : dlsym(handle, "TSRemapInit");
    if (entry && (uintptr_t)entry - module->start < module->end - module->start) {
      earlier->start[earlier->count++] = module->start;
    }
    dlclose(handle);
  }
}

static void
patch_known(struct memtrack_module *module, void *nothing)
{
  (void)nothing;
  on_found(module);
}

int
memtrack_plugins_install(char *reason, char *buffers)
{
  const void *program = (const void *)getauxval(AT_ENTRY);
  if (memtrack_allocator_open(reason) || memtrack_hook_plugin_open(reason) || memtrack_hook_heap_open(reason)) {
    return -1;
  }
  Dl_info server, allocator;
  if (dladdr(program, &server) && dladdr((void *)malloc, &allocator) && server.dli_fbase == allocator.dli_fbase) {
    snprintf(reason, MEMTRACK_REASON_SIZE, "traffic_server is linked with an allocator: what it releases is not seen");
    return -1;
  }
  if (memtrack_objects_open()) {
    snprintf(reason, MEMTRACK_REASON_SIZE, "no memory for the table of objects");
    return -1;
  }
  memtrack_release_open();
  struct memtrack_patch loader[16];
  size_t count = memtrack_slots_collect(program, loader_calls, loader, 16);
  if (count == 0 || count > 16) {
    snprintf(reason, MEMTRACK_REASON_SIZE, "the server calls the loader through %zu slots, expected are 2", count);
    return -1;
  }
  buffers[0] = '\0';
  memtrack_buffer_calibrate(buffers);
  /* All that is loaded, libraries first, then what of it turns out to be a plugin. */
  memtrack_module_scan(NULL, ignore, ignore);
  static struct earlier earlier;
  memtrack_module_each(find_earlier, &earlier);
  for (size_t i = 0; i < earlier.count; ++i) {
    memtrack_module_scan((const void *)earlier.start[i], ignore, ignore);
  }
  memtrack_module_each(patch_known, NULL);
  if (failure[0]) {
    memcpy(reason, failure, sizeof(failure));
    char ignored[MEMTRACK_REASON_SIZE];
    memtrack_plugins_remove(ignored);
    return -1;
  }
  if (memtrack_slots_apply(loader, count, true, reason)) {
    char ignored[MEMTRACK_REASON_SIZE];
    memtrack_plugins_remove(ignored);
    return -1;
  }
  installed = true;
  if (earlier.count) {
    unsigned wrapped = memtrack_earlier_wrap();
    memtrack_log(MEMTRACK_WARNING,
                 "%zu plugins were loaded before memtrack.so, %s first: what they took until now is not counted, and of their "
                 "continuations %u are followed. Make memtrack.so the first line of plugin.config",
                 earlier.count, memtrack_module_at(earlier.start[0])->name, wrapped);
  }
  return 0;
}

struct removal {
  char *reason;
  int result;
};

static void
unpatch(struct memtrack_module *module, void *argument)
{
  struct removal *removal = argument;
  struct patched *there   = patched_of(module);
  /* The last ones first: a library that turned out to be a plugin has some slots in two tables. */
  for (size_t i = 0; i < there->count / 2; ++i) {
    struct memtrack_patch patch          = there->patches[i];
    there->patches[i]                    = there->patches[there->count - 1 - i];
    there->patches[there->count - 1 - i] = patch;
  }
  if (there->count && memtrack_slots_apply(there->patches, there->count, false, removal->reason)) {
    removal->result = -1;
  }
  free(there->patches);
  memset(there, 0, sizeof(*there));
}

int
memtrack_plugins_remove(char *reason)
{
  struct removal removal = {.reason = reason};
  memtrack_plugins_disarm();
  memtrack_module_each(unpatch, &removal);
  return removal.result;
}

void
memtrack_plugins_arm(void)
{
  if (installed) {
    memtrack_objects_clear();
    atomic_store(&memtrack_plugins.key, memtrack_tag_key());
    atomic_store(&memtrack_plugins.armed, true);
  }
}

void
memtrack_plugins_disarm(void)
{
  atomic_store(&memtrack_plugins.armed, false);
}

int
memtrack_plugins_heap(bool on, char *reason)
{
  if (!installed) {
    snprintf(reason, MEMTRACK_REASON_SIZE, "plugins are not tracked");
    return -1;
  }
  /* First everything that releases: an allocator that trusts the size that operator delete tells would be told that of the block
     without its tag. Once more for what was loaded meanwhile. */
  if (on) {
    memtrack_module_each(patch_heap, NULL);
  }
  atomic_store(&memtrack_plugins.heap, on);
  if (on) {
    memtrack_module_each(patch_heap, NULL);
  }
  return 0;
}
