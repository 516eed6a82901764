/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "owner/naming.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/own.h"
#include "base/peek.h"
#include "core/account.h"
#include "core/registry.h"
#include "module/hold.h"
#include "module/module.h"
#include "owner/call_stack.h"
#include "owner/context.h"
#include "owner/frames.h"
#include "owner/location.h"
#include "owner/walk.h"

enum state { KNOWN, WAITING }; /* KNOWN: the name is final */

#define ABOVE 3 /* calls above a site */

/* Origin of a site, kept until the site has its final name. */
struct origin {
  uint32_t state;
  uint32_t module; /* id */
  uint64_t offset;
  char path[64]; /* from TSmalloc: file:line */
  /* Of the server: offsets of the calls above it, for a site in a function without a symbol; 0: none. */
  uint32_t above[ABOVE];
};

static struct origin *origins;                                              /* by site number */
uint8_t memtrack_naming_wrappers[MEMTRACK_SITE_FIRST + MEMTRACK_SITES_MAX]; /* by site number; read by each allocation */
static uint32_t origin_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* only one thread resolves at a time */
static bool waiting;                                      /* whether any site waits */
static bool waits[MEMTRACK_MODULES_MAX]; /* by the number of a module's entry: whether a site in the module may wait */

/* Unloaded modules with sites that wait. Beyond these, sites keep the address in their names. */
#define UNLOADED_MAX 240
static struct memtrack_module_source unloaded[UNLOADED_MAX];
static uint32_t unloaded_count;
static pthread_mutex_t unloaded_mutex = PTHREAD_MUTEX_INITIALIZER; /* taken under the mutex of the modules; no lock under it */

#define API_HEADER "ts.h:" /* whose inline functions pass their own line, since version 10 */

/* "memory/dir/foo.c:88" from TSmalloc's macro: the file's base name and the line suffice beside the module's name. Empty if it says
   nothing of the call. The server ignores the path, so it may be any pointer. Not inlined, because reading it takes 200 bytes of
   stack. */
static MT_NOINLINE void
copy_last_part(const char *path, char *to, size_t size)
{
  size_t length     = path ? memtrack_peek_length(path, PATH_MAX) : 0;
  const char *slash = length ? memrchr(path, '/', length) : NULL;
  const char *part  = slash ? slash + 1 : path;
  size_t used       = length ? path + length - part : 0;
  used              = used < size ? used : size - 1;
  if (used >= strlen(API_HEADER) && memcmp(part, API_HEADER, strlen(API_HEADER)) == 0) {
    used = 0;
  }
  memcpy(to, used ? part : "", used);
  to[used] = '\0';
}

/* Where a new site is: what its origin will hold. */
struct source {
  enum state state;
  uint32_t module;
  uint64_t offset;
  const char *path; /* NULL: none */
};

/* Keeps the calls of the same module above a call of the server: those that come first, since there may be others. Not inlined: it
   takes stack of its own, and the unwinder's. */
static MT_NOINLINE void
store_above(uint32_t site, const struct memtrack_module *module, uintptr_t address)
{
  if (site < MEMTRACK_SITE_FIRST || site >= origin_count) {
    return;
  }
  MEMTRACK_GUARD_REENTRY; /* the unwinder's own allocations */
  uintptr_t calls[ABOVE];
  bool of_server       = module && module->kind == MEMTRACK_MODULE_SERVER;
  size_t count         = of_server ? memtrack_walk_above(address, calls, ABOVE) : 0;
  uint32_t kept[ABOVE] = {0};
  for (size_t i = 0, next = 0; i < count && calls[i] - module->start < module->end - module->start; ++i) {
    if (!memtrack_module_is_wrapper(module, calls[i])) {
      kept[next++] = (uint32_t)(calls[i] - module->base);
    }
  }
  for (size_t i = 0; i < ABOVE; ++i) {
    memtrack_store(&origins[site].above[i], kept[i]);
  }
}

/* A number may be reassigned: overwrites its previous data. Each thread does so at its first event of the site, with the same data.
 */
static void
store_origin(uint32_t site, struct source source, bool wrapper)
{
  if (site < MEMTRACK_SITE_FIRST || site >= origin_count) {
    return;
  }
  memtrack_store(&memtrack_naming_wrappers[site], wrapper);
  struct origin *to = &origins[site];
  size_t length     = source.path ? strnlen(source.path, sizeof(to->path) - 1) : 0;
  memtrack_store(&to->state, KNOWN);
  memtrack_store(&to->module, source.module);
  memtrack_store(&to->offset, source.offset);
  memcpy(to->path, source.path ? source.path : "", length);
  memtrack_store(&to->path[length], '\0');
  memtrack_store_release(&to->state, source.state);
  if (source.state == WAITING) {
    memtrack_store_release(&waits[source.module % MEMTRACK_MODULES_MAX], true);
    memtrack_store_release(&waiting, true);
  }
}

static uint32_t
name_call(uint64_t address, uint64_t attributes, const char *path)
{
  const struct memtrack_module *module = memtrack_module_at(address - 1);
  uint32_t owner                       = memtrack_attributes_owner(attributes);
  uint32_t flags                       = 0;
  bool wrapper                         = false;
  struct source source                 = {.state = KNOWN};
  struct memtrack_call_name call       = {.offset = address};
  char file[sizeof(((struct origin *)0)->path)];
  if (!module) {
    flags = owner ? MEMTRACK_NAME_VIA : 0;
  } else {
    bool plugin = module->kind == MEMTRACK_MODULE_PLUGIN;
    /* The offset of the call, not of the instruction after it, so that addr2line reports its line. */
    call = (struct memtrack_call_name){.module = module->text, .offset = address - 1 - module->base, .file = file};
    copy_last_part(path, file, sizeof(file));
    if (plugin) {
      owner = module->owner; /* the code that receives the memory, whoever called it */
    } else if (owner) {
      flags = MEMTRACK_NAME_VIA;
    }
    /* The library's own function replaces a file and line that the plugin handed to TSmalloc. */
    source =
      (struct source){.state  = module->kind == MEMTRACK_MODULE_LIBRARY || module->kind == MEMTRACK_MODULE_SERVER ? WAITING : KNOWN,
                      .module = module->id,
                      .offset = address - module->base};
    if (plugin) {
      wrapper = memtrack_attributes_class(attributes) == MEMTRACK_CLASS_HEAP && memtrack_module_is_wrapper(module, address);
      flags |= wrapper ? MEMTRACK_NAME_HIDDEN : 0;
      source.state = !wrapper && module->fd >= 0 ? WAITING : KNOWN;
      source.path  = file;
    }
  }
  uint32_t site = memtrack_registry_call(address, attributes, &call, owner, flags);
  store_above(site, module, address);
  store_origin(site, source, wrapper);
  return site;
}

static MT_NOINLINE uint32_t
name_untracked(uint64_t attributes)
{
  uint32_t site = memtrack_registry_site(MEMTRACK_UNTRACKED_ADDRESS, attributes, "(untracked)",
                                         memtrack_attributes_owner(attributes), MEMTRACK_NAME_UNTRACKED);
  store_origin(site, (struct source){.state = KNOWN}, false);
  return site;
}

/* A memtrack_namer. */
static uint32_t
name_site(uint64_t address, uint64_t attributes, const char *text)
{
  if (address == MEMTRACK_UNTRACKED_ADDRESS) {
    return name_untracked(attributes);
  }
  switch (memtrack_attributes_class(attributes)) {
  case MEMTRACK_CLASS_IOBUFFER: {
    const struct memtrack_location *location = memtrack_location_of_text(text);
    uint32_t site        = memtrack_registry_site(address, attributes, text, location ? location->owner : MEMTRACK_OWNER_CORE, 0);
    struct source source = {.state = KNOWN};
    if (location && location->module) {
      source = (struct source){.state = WAITING, .module = location->module, .offset = location->offset};
    }
    store_origin(site, source, false);
    return site;
  }
  case MEMTRACK_CLASS_OPENSSL: {
    uint32_t site = memtrack_registry_site(address, attributes, text, memtrack_attributes_owner(attributes), 0);
    store_origin(site, (struct source){.state = KNOWN}, false);
    return site;
  }
  default:
    return name_call(address, attributes, text);
  }
}

int
memtrack_naming_open(uint32_t slots)
{
  void *memory = memtrack_own_map(slots * sizeof(struct origin), 0);
  if (!memory) {
    return -1;
  }
  origins      = memory;
  origin_count = slots;
  memtrack_account_set_namer(name_site);
  return 0;
}

uint64_t
memtrack_naming_memory(void)
{
  return origin_count * sizeof(struct origin);
}

/* Names the innermost function with a symbol above a site that is in a function without one. Under the mutex. */
static void
tell_above(struct memtrack_symbols *symbols, uint32_t site, const struct memtrack_module_source *module)
{
  struct origin *origin = &origins[site];
  char function[128], above[160], place[32];
  for (size_t i = 0; i < ABOVE && origin->above[i]; ++i) {
    if (memtrack_symbols_function(symbols, origin->above[i], function, sizeof(function)) != MEMTRACK_SYMBOL_NONE) {
      snprintf(above, sizeof(above), "below %s", function);
      snprintf(place, sizeof(place), "+0x%lx", (unsigned long)(origin->offset - 1));
      memtrack_registry_rename(site, &(struct memtrack_call_name){.module = module->text, .function = place, .file = above});
      return;
    }
  }
}

/* Under the mutex. */
static void
resolve_site(struct memtrack_symbols *symbols, uint32_t site, const struct memtrack_module_source *module)
{
  struct origin *origin = &origins[site];
  char known[160], called[160] = "";
  enum memtrack_symbol symbol = origin->path[0] ? memtrack_symbols_function(symbols, origin->offset, known, sizeof(known))
                                                : memtrack_symbols_name(symbols, origin->offset, known, sizeof(known));
  /* Without a line, what a plugin calls there tells more than the address: a library calls the allocator itself. */
  if (symbol != MEMTRACK_SYMBOL_LINE && !origin->path[0] && module->kind == MEMTRACK_MODULE_PLUGIN) {
    memtrack_symbols_called(symbols, origin->offset, called, sizeof(called));
  }
  if (symbol != MEMTRACK_SYMBOL_NONE || called[0]) {
    struct memtrack_call_name name = {.module = module->text, .offset = origin->offset - 1, .file = origin->path, .called = called};
    name.function                  = known;
    memtrack_registry_rename(site, &name);
  } else {
    tell_above(symbols, site, module);
  }
  memtrack_store(&origin->state, KNOWN);
}

/* Names all sites in a module, and the calls in sampled stacks, so that its file is opened once, and closed again. Under the mutex.
 */
static void
resolve_module(struct memtrack_module_source *module)
{
  bool calls = memtrack_frames_wait(module->id), opened = calls;
  struct memtrack_symbols *symbols = calls ? memtrack_module_symbols(module) : NULL;
  uint32_t count                   = memtrack_registry_count();
  for (uint32_t site = MEMTRACK_SITE_FIRST; site < count && site < origin_count; ++site) {
    struct origin *origin = &origins[site];
    if (memtrack_load_acquire(&origin->state) != WAITING || origin->module != module->id) {
      continue;
    }
    if (!opened) {
      symbols = memtrack_module_symbols(module);
      opened  = true;
    }
    if (!symbols) {
      memtrack_store(&origin->state, KNOWN);
      continue;
    }
    resolve_site(symbols, site, module);
  }
  if (calls) {
    memtrack_frames_name(module, symbols);
  }
  if (symbols) {
    memtrack_symbols_close(symbols);
  }
  memtrack_module_source_close(module);
}

/* The next loaded module with sites that wait. Modules are looked at in the order of their entries, each once. */
struct search {
  size_t from;
  bool found;
  struct memtrack_module_source source;
};

static void
look_at_module(struct memtrack_module *module, void *argument)
{
  struct search *search = argument;
  size_t number         = memtrack_module_number(module);
  if (!search->found && number >= search->from && memtrack_exchange_acquire(&waits[number], false)) {
    search->from  = number + 1;
    search->found = true;
    memtrack_module_describe(module, &search->source);
  }
}

static bool
find_loaded(struct search *search)
{
  search->found = false;
  memtrack_module_each(look_at_module, search);
  return search->found;
}

static bool
find_unloaded(struct memtrack_module_source *source)
{
  pthread_mutex_lock(&unloaded_mutex);
  bool found = unloaded_count > 0;
  if (found) {
    memtrack_store(&unloaded_count, unloaded_count - 1);
    *source = unloaded[unloaded_count];
  }
  pthread_mutex_unlock(&unloaded_mutex);
  return found;
}

/* Files are read without the mutex of the modules, which the loading of a plugin needs. */
void
memtrack_naming_resolve(void)
{
  struct search search = {.from = 0};
  if (!memtrack_exchange_acquire(&waiting, false)) {
    return;
  }
  MEMTRACK_GUARD_REENTRY; /* what reading takes is not counted */
  pthread_mutex_lock(&mutex);
  while (find_unloaded(&search.source)) {
    resolve_module(&search.source);
  }
  while (find_loaded(&search)) {
    bool held    = memtrack_symbols_are_loaders();
    void *handle = held ? memtrack_module_hold(search.source.path, search.source.base, NULL) : NULL;
    if (handle || !held) {
      resolve_module(&search.source);
    }
    memtrack_module_source_close(&search.source);
    memtrack_module_release(handle);
  }
  pthread_mutex_unlock(&mutex);
}

void
memtrack_naming_wait(uint32_t module)
{
  memtrack_store_release(&waits[module % MEMTRACK_MODULES_MAX], true);
  memtrack_store_release(&waiting, true);
}

bool
memtrack_naming_is_crowded(void)
{
  return memtrack_load(&unloaded_count) >= UNLOADED_MAX / 2;
}

void
memtrack_naming_keep(const struct memtrack_module *module)
{
  bool wanted =
    memtrack_exchange_acquire(&waits[memtrack_module_number(module)], false) || memtrack_call_stack_mentions(module->id);
  if (!wanted || memtrack_symbols_are_loaders()) {
    return;
  }
  pthread_mutex_lock(&unloaded_mutex);
  bool kept = unloaded_count < UNLOADED_MAX;
  if (kept) {
    memtrack_module_describe(module, &unloaded[unloaded_count]);
    unloaded[unloaded_count].base = 0; /* nothing is there any more */
    memtrack_store(&unloaded_count, unloaded_count + 1);
  }
  pthread_mutex_unlock(&unloaded_mutex);
  if (kept) {
    memtrack_store_release(&waiting, true);
  } else {
    memtrack_limit_hit(MEMTRACK_LIMIT_UNLOADED);
  }
}
