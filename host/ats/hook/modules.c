/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/modules.h"

#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/limits.h"
#include "base/log.h"
#include "hook/allocator.h"
#include "hook/extensions.h"
#include "hook/heap.h"
#include "hook/libc_objects.h"
#include "hook/mapped.h"
#include "hook/plugin.h"
#include "hook/stack.h"
#include "hook/state.h"
#include "hook/undumped.h"
#include "module/hold.h"
#include "owner/caller.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "owner/walk.h"
#include "server/api.h"

/* Redirected slots of a module, by the module's entry: those that were written, in this order. All code in this file that changes
   them is called by module.c with a module, under the modules' lock. */
struct patched {
  struct memtrack_patch *patches;
  size_t count;
  bool heap;    /* of the heap's functions too */
  bool server;  /* and of those that only the server's own heap needs */
  bool foreign; /* it calls another malloc() than the server: its heap is left alone */
};

static struct patched patched[MEMTRACK_MODULES_MAX];
static bool installed; /* in all modules that were there at the start */
static struct memtrack_reason failure;

static struct patched *
patched_of(const struct memtrack_module *module)
{
  return &patched[memtrack_module_number(module)];
}

/* The C library also calls its own malloc() through a slot. */
static bool
is_c_library(const struct memtrack_module *module)
{
  return (uintptr_t)gnu_get_libc_version - module->start < module->end - module->start;
}

void
memtrack_modules_forget_addresses(void)
{
  memtrack_walk_forget();
  memtrack_caller_forget();
}

bool
memtrack_modules_is_foreign(const struct memtrack_module *module)
{
  return module->kind == MEMTRACK_MODULE_LEFT_ALONE || (uintptr_t)&memtrack_hooks - module->start < module->end - module->start ||
         (memtrack_allocator_is_in(module->start, module->end) && !is_c_library(module));
}

/* The tables of replacements, with their symbols' definitions as seen by a module that does not define them, and the words of a
   module that they are for. A call of the heap that is not bound yet is left alone: the loader will bind it to the shared hook, or
   to another allocator that only this module sees (RTLD_DEEPBIND). */
enum table {
  PLUGIN_API,
  PLUGIN_API_INLINED,
  LOADER,
  SHARED_HEAP,
  HEAP_ALIASES,
  EXTENSIONS,
  PLUGIN_HEAP,
  LIBRARY_HEAP,
  SERVER_HEAP,
  SERVER_NEWS,
  MAPS,
  SERVER_MAPS,
  SERVER_ADVICE,
  JOINS,
  LIBC_OBJECTS,
  LIBC_OBJECT_ENDS,
  SERVER_OWN,
  TABLE_COUNT
};

#define ALL_WORDS (MEMTRACK_WORDS_CALLS | MEMTRACK_WORDS_ADDRESSES)
static struct {
  const struct memtrack_redirect *redirects;
  unsigned words;
  const void *global[MEMTRACK_REDIRECTS_MAX];
} tables[TABLE_COUNT] = {
  [PLUGIN_API]         = {.redirects = memtrack_plugin_api, .words = ALL_WORDS | MEMTRACK_WORDS_UNBOUND},
  [PLUGIN_API_INLINED] = {.redirects = memtrack_plugin_api_inlined, .words = ALL_WORDS | MEMTRACK_WORDS_UNBOUND},
  [LOADER]             = {.words = ALL_WORDS | MEMTRACK_WORDS_UNBOUND},
  [SHARED_HEAP]        = {.redirects = memtrack_shared_heap, .words = MEMTRACK_WORDS_ADDRESSES},
  [HEAP_ALIASES]       = {.redirects = memtrack_heap_aliases, .words = ALL_WORDS},
  [EXTENSIONS]         = {.redirects = memtrack_extensions, .words = ALL_WORDS},
  [PLUGIN_HEAP]        = {.redirects = memtrack_plugin_heap, .words = MEMTRACK_WORDS_CALLS},
  [LIBRARY_HEAP]       = {.redirects = memtrack_library_heap, .words = MEMTRACK_WORDS_CALLS},
  [SERVER_HEAP]        = {.redirects = memtrack_server_heap, .words = MEMTRACK_WORDS_CALLS},
  [SERVER_NEWS]        = {.redirects = memtrack_server_news, .words = MEMTRACK_WORDS_CALLS},
  [MAPS]               = {.redirects = memtrack_maps, .words = ALL_WORDS | MEMTRACK_WORDS_UNBOUND},
  [SERVER_MAPS]        = {.redirects = memtrack_server_maps, .words = ALL_WORDS | MEMTRACK_WORDS_UNBOUND},
  [SERVER_ADVICE]      = {.redirects = memtrack_server_advice, .words = ALL_WORDS | MEMTRACK_WORDS_UNBOUND},
  [JOINS]              = {.redirects = memtrack_joins, .words = ALL_WORDS | MEMTRACK_WORDS_UNBOUND},
  [LIBC_OBJECTS]       = {.redirects = memtrack_libc_objects, .words = ALL_WORDS | MEMTRACK_WORDS_UNBOUND},
  [LIBC_OBJECT_ENDS]   = {.redirects = memtrack_libc_object_ends, .words = ALL_WORDS | MEMTRACK_WORDS_UNBOUND},
  [SERVER_OWN]         = {.redirects = memtrack_server_own_heap, .words = MEMTRACK_WORDS_CALLS},
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
  unsigned words = tables[table].words | (is_c_library(module) ? MEMTRACK_WORDS_OWN : 0);
  bool foreign;
  if (memtrack_slots_collect(&found, (const void *)module->start, tables[table].redirects, tables[table].global, words, &foreign)) {
    return refuse(module, "out of memory");
  }
  to->foreign |= foreign;
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

/* Finds functions of a module that are never a site, in one of the ways of symbol.h. What reading takes is not counted. */
static void
read_wrappers(struct memtrack_module *module, size_t (*find)(struct memtrack_symbols *, struct memtrack_range **),
              struct memtrack_wrappers *wrappers)
{
  MEMTRACK_GUARD_REENTRY;
  struct memtrack_module_source source;
  memtrack_module_describe(module, &source);
  source.named                     = find != memtrack_symbols_wrappers;
  struct memtrack_symbols *symbols = memtrack_module_symbols(&source);
  if (symbols) {
    struct memtrack_range *ranges;
    size_t count     = find(symbols, &ranges);
    wrappers->ranges = ranges;
    wrappers->count  = count;
    memtrack_symbols_close(symbols);
  }
  memtrack_modules_forget_addresses();
}

/* Redirects the words from which a module may read the address of an allocation function, at every `heap`: the address is the same
   in all modules. Notes whether the module has an allocator of its own. */
static void
patch_addresses(struct memtrack_module *module)
{
  static char said[sizeof(module->text)];
  patch(module, SHARED_HEAP);
  patch(module, HEAP_ALIASES);
  patch(module, EXTENSIONS);
  if (patched_of(module)->foreign && strcmp(said, module->text) != 0) {
    memcpy(said, module->text, sizeof(said));
    memtrack_log(MEMTRACK_NOTE, "%s has an allocator of its own: what it allocates there has no row", module->path);
  }
}

/* What a module maps, unmaps and joins. The C library's own mappings are its allocator's. */
static int
patch_maps(struct memtrack_module *module)
{
  if (is_c_library(module)) {
    return 0;
  }
  int maps = patch(module, module->kind == MEMTRACK_MODULE_SERVER ? SERVER_MAPS : MAPS);
  return patch(module, JOINS) == 0 ? maps : -1;
}

/* Starts tracking the heap in a module, if it is not tracked yet. */
static void
patch_heap(struct memtrack_module *module, void *nothing)
{
  (void)nothing;
  struct patched *there = patched_of(module);
  if (memtrack_modules_is_foreign(module) || there->heap || there->foreign) {
    return;
  }
  int maps = patch_maps(module), result = 0;
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
  if (!is_c_library(module)) {
    result |= patch(module, module->kind == MEMTRACK_MODULE_SERVER ? LIBC_OBJECT_ENDS : LIBC_OBJECTS);
  }
  there->heap = maps == 0 && result == 0;
}

/* Starts counting the server's own heap in a module, if it is not counted yet. */
static void
patch_server(struct memtrack_module *module, void *nothing)
{
  (void)nothing;
  struct patched *there = patched_of(module);
  if (memtrack_modules_is_foreign(module) || module->kind == MEMTRACK_MODULE_PLUGIN || there->server || there->foreign) {
    return;
  }
  read_wrappers(module, memtrack_symbols_named_wrappers, &module->wrappers);
  there->server = module->kind != MEMTRACK_MODULE_SERVER || patch(module, SERVER_OWN) == 0;
}

/* The calls that are redirected at every `heap`. */
static void
patch_calls(struct memtrack_module *module)
{
  bool foreign = patched_of(module)->foreign;
  switch (module->kind) {
  case MEMTRACK_MODULE_SERVER:
    patch(module, SERVER_HEAP);
    patch(module, SERVER_ADVICE);
    break;
  case MEMTRACK_MODULE_PLUGIN:
    if (memtrack_api_is_inline()) {
      read_wrappers(module, memtrack_symbols_api_wrappers, &module->api_wrappers);
    }
    patch(module, module->api_wrappers.count ? PLUGIN_API_INLINED : PLUGIN_API);
    patch(module, LOADER);
    if (!foreign) {
      patch(module, PLUGIN_HEAP);
    }
    break;
  default:
    patch(module, PLUGIN_API);
    patch(module, LOADER);
    if (is_c_library(module)) {
      patch(module, LIBRARY_HEAP); /* what a plugin allocated, the C library may resize or release */
    }
  }
}

void
memtrack_modules_found(struct memtrack_module *module)
{
  memtrack_modules_forget_addresses();
  if (memtrack_modules_is_foreign(module)) {
    return;
  }
  patched_of(module)->heap = false; /* it may have been patched as a library */
  patch_addresses(module);
  patch_calls(module);
  if (memtrack_load_ordered(&memtrack_hooks.heap)) {
    patch_heap(module, NULL);
  }
  if (memtrack_load_ordered(&memtrack_hooks.server_heap)) {
    patch_server(module, NULL);
  }
}

void
memtrack_modules_gone(struct memtrack_module *module)
{
  struct patched *gone = patched_of(module);
  memtrack_naming_keep(module);
  free(gone->patches);
  memset(gone, 0, sizeof(*gone));
  memtrack_context_forget(module->start, module->end);
  memtrack_modules_forget_addresses();
}

/* The functions of a table that a definition names are its originals; those without one are not redirected. */
static void
take_originals(enum table table, const struct memtrack_definition *definitions)
{
  for (; definitions->symbol; ++definitions) {
    for (size_t i = 0; tables[table].redirects[i].symbol; ++i) {
      if (strcmp(tables[table].redirects[i].symbol, definitions->symbol) == 0) {
        tables[table].global[i] = definitions->original;
      }
    }
  }
}

void
memtrack_modules_resolve(const struct memtrack_redirect *loader)
{
  tables[LOADER].redirects = loader;
  for (size_t i = 0; i < TABLE_COUNT; ++i) {
    memtrack_slots_resolve(tables[i].redirects, tables[i].global);
  }
  for (enum table heap = SHARED_HEAP; heap < TABLE_COUNT; ++heap) {
    take_originals(heap, memtrack_heap_definitions);
  }
  take_originals(HEAP_ALIASES, memtrack_heap_alias_definitions); /* only the functions of malloc's own module take its blocks */
  take_originals(EXTENSIONS, memtrack_extension_definitions);
}

void *
memtrack_modules_api_hook(const char *name, const void *function)
{
  for (size_t i = 0; memtrack_plugin_api[i].symbol; ++i) {
    if ((!function || function == tables[PLUGIN_API].global[i]) && strcmp(name, memtrack_plugin_api[i].symbol) == 0) {
      return memtrack_plugin_api[i].hook;
    }
  }
  return NULL;
}

static void
patch_known(struct memtrack_module *module, void *nothing)
{
  (void)nothing;
  memtrack_modules_found(module);
}

int
memtrack_modules_install(struct memtrack_reason *reason)
{
  if (memtrack_module_each_held(patch_known, NULL)) {
    return memtrack_reason_set(reason, "%s", MEMTRACK_NO_MODULES);
  }
  if (failure.text[0]) {
    *reason = failure;
    return -1;
  }
  installed = true;
  return 0;
}

int
memtrack_modules_track_heap(struct memtrack_reason *reason)
{
  return memtrack_module_each_held(patch_heap, NULL) ? memtrack_reason_set(reason, "%s", MEMTRACK_NO_MODULES) : 0;
}

int
memtrack_modules_track_server(struct memtrack_reason *reason)
{
  return memtrack_module_each_held(patch_server, NULL) ? memtrack_reason_set(reason, "%s", MEMTRACK_NO_MODULES) : 0;
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
memtrack_modules_remove(struct memtrack_reason *reason)
{
  struct removal removal = {.reason = reason};
  if (memtrack_module_each_held(unpatch, &removal)) {
    return memtrack_reason_set(reason, "%s", MEMTRACK_NO_MODULES);
  }
  return removal.result;
}
