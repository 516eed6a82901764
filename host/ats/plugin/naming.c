/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "naming.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "account.h"
#include "buffer.h"
#include "log.h"
#include "registry.h"

enum state { KNOWN, WAITING }; /* KNOWN: its name is as good as it will be */

/* Where a plugin's site lies, kept until it has its better name. */
struct origin {
  _Atomic uint32_t state;
  uint32_t owner;
  uint64_t offset;
  char path[64]; /* of TSmalloc: file:line */
};

static struct origin *origins;                                              /* by site number */
uint8_t memtrack_naming_wrappers[MEMTRACK_SITE_FIRST + MEMTRACK_SITES_MAX]; /* likewise; each is asked for by an allocation */
static uint32_t origin_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* one resolves at a time */
static atomic_bool waiting;

int
memtrack_naming_open(uint32_t slots)
{
  void *memory = mmap(NULL, slots * sizeof(struct origin), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return -1;
  }
  origins      = memory;
  origin_count = slots;
  return 0;
}

uint64_t
memtrack_naming_memory(void)
{
  return origin_count * sizeof(struct origin);
}

/* "memory/dir/foo.c:88" as TSmalloc's macro makes it: the file's own name and the line are enough beside the module's. */
static const char *
last_part(const char *path)
{
  const char *slash = path ? strrchr(path, '/') : NULL;
  return slash ? slash + 1 : path;
}

/* A number may be given a second time: whatever it was before is overwritten. */
static void
keep(uint32_t site, const struct origin *origin, bool wrapper)
{
  if (site < MEMTRACK_SITE_FIRST || site >= origin_count) {
    return;
  }
  __atomic_store_n(&memtrack_naming_wrappers[site], wrapper, __ATOMIC_RELAXED);
  struct origin *to = &origins[site];
  atomic_store_explicit(&to->state, KNOWN, memory_order_relaxed);
  to->owner  = origin->owner;
  to->offset = origin->offset;
  memcpy(to->path, origin->path, sizeof(to->path));
  atomic_store_explicit(&to->state, origin->state, memory_order_release);
  if (origin->state == WAITING) {
    atomic_store_explicit(&waiting, true, memory_order_release);
  }
}

static uint32_t
name_call(uint64_t place, uint64_t detail, const char *path)
{
  const struct memtrack_module *module = memtrack_module_at(place - 1);
  uint32_t owner                       = detail >> MEMTRACK_ATTRIBUTES_OWNER_SHIFT;
  uint32_t flags                       = 0;
  bool wrapper                         = false;
  struct origin origin                 = {.state = KNOWN};
  char name[MEMTRACK_MODULE_TEXT], text[256];
  if (!module) {
    snprintf(text, sizeof(text), "0x%llx", (unsigned long long)place);
    flags = owner ? MEMTRACK_NAME_VIA : 0;
  } else {
    bool plugin = module->kind == MEMTRACK_MODULE_PLUGIN;
    memtrack_module_text(module, name);
    /* Of the call, not of what comes after it: addr2line tells its line. */
    snprintf(text, sizeof(text), path ? "%s+0x%llx (%.60s)" : "%s+0x%llx", name, (unsigned long long)(place - 1 - module->base),
             path ? last_part(path) : "");
    if (plugin) {
      owner = module->owner; /* the code that takes the memory, whoever called it */
    } else if (owner) {
      flags = MEMTRACK_NAME_VIA;
    }
    if (plugin) {
      wrapper =
        (uint32_t)detail >> MEMTRACK_ATTRIBUTES_CLASS_SHIFT == MEMTRACK_CLASS_HEAP && memtrack_module_is_wrapper(module, place);
      flags |= wrapper ? MEMTRACK_NAME_HIDDEN : 0;
      origin.state  = !wrapper && module->fd >= 0 ? WAITING : KNOWN;
      origin.owner  = module->owner;
      origin.offset = place - module->base;
      snprintf(origin.path, sizeof(origin.path), "%s", path ? last_part(path) : "");
    }
  }
  uint32_t site = memtrack_registry_site(place, detail, text, owner, flags);
  keep(site, &origin, wrapper);
  return site;
}

uint32_t
memtrack_naming_site(uint64_t place, uint64_t detail, const char *text)
{
  switch ((uint32_t)detail >> MEMTRACK_ATTRIBUTES_CLASS_SHIFT) {
  case MEMTRACK_CLASS_IOBUFFER: {
    const struct memtrack_buffer_location *location = memtrack_buffer_location_of(text);
    uint32_t site        = memtrack_registry_site(place, detail, text, location ? location->owner : MEMTRACK_OWNER_CORE, 0);
    struct origin origin = {.state = KNOWN};
    if (location) {
      origin =
        (struct origin){.state = location->in_plugin ? WAITING : KNOWN, .owner = location->owner, .offset = location->offset};
    }
    keep(site, &origin, false);
    return site;
  }
  case MEMTRACK_CLASS_OPENSSL: {
    uint32_t site = memtrack_registry_site(place, detail, text, detail >> MEMTRACK_ATTRIBUTES_OWNER_SHIFT, 0);
    keep(site, &(struct origin){.state = KNOWN}, false);
    return site;
  }
  default:
    return name_call(place, detail, text);
  }
}

/* Under the mutex. */
static void
resolve_site(struct memtrack_symbols *symbols, uint32_t site, const struct memtrack_module *module)
{
  struct origin *origin = &origins[site];
  char name[MEMTRACK_MODULE_TEXT], known[160], text[400];
  memtrack_module_text(module, name);
  text[0] = '\0';
  if (origin->path[0]) {
    if (memtrack_symbols_function(symbols, origin->offset, known, sizeof(known)) != MEMTRACK_SYMBOL_NONE) {
      snprintf(text, sizeof(text), "%s %s (%s)", name, known, origin->path);
    }
  } else if (memtrack_symbols_name(symbols, origin->offset, known, sizeof(known)) != MEMTRACK_SYMBOL_NONE) {
    snprintf(text, sizeof(text), "%s %s", name, known);
  }
  if (text[0]) {
    memtrack_registry_rename(site, text);
  }
  atomic_store_explicit(&origin->state, KNOWN, memory_order_relaxed);
}

/* A plugin's sites, all at once: its file is opened once, and closed again. Under the mutex. */
static void
resolve_module(struct memtrack_module *module, void *nothing)
{
  struct memtrack_symbols *symbols = NULL;
  uint32_t count                   = module->kind == MEMTRACK_MODULE_PLUGIN ? memtrack_registry_count() : 0;
  (void)nothing;
  for (uint32_t site = MEMTRACK_SITE_FIRST; site < count && site < origin_count; ++site) {
    struct origin *origin = &origins[site];
    if (atomic_load_explicit(&origin->state, memory_order_acquire) != WAITING || origin->owner != module->owner) {
      continue;
    }
    if (!symbols && !(symbols = memtrack_module_symbols(module))) {
      atomic_store_explicit(&origin->state, KNOWN, memory_order_relaxed);
      continue;
    }
    resolve_site(symbols, site, module);
  }
  if (symbols) {
    memtrack_symbols_close(symbols);
  }
}

void
memtrack_naming_resolve(void)
{
  if (!atomic_exchange_explicit(&waiting, false, memory_order_acquire)) {
    return;
  }
  pthread_mutex_lock(&mutex);
  memtrack_module_each(resolve_module, NULL);
  pthread_mutex_unlock(&mutex);
}
