/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "module/module.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/registry.h"

#define NOWHERE UINTPTR_MAX

/* An entry whose start is NOWHERE is free. Readers take no lock: who asks for an address runs code at it, so its module cannot go
   meanwhile, and what they see of other entries does not matter. */
static struct memtrack_module modules[MEMTRACK_MODULES_MAX];
static _Atomic uint32_t module_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of changes */

/* What dl_iterate_phdr tells, copied out from under the loader's lock. */
struct seen {
  uintptr_t start, end, base;
  char path[512];
};

struct listing {
  struct seen *list;
  size_t count, room;
};

static int
list_module(struct dl_phdr_info *info, size_t size, void *data)
{
  struct listing *listing = data;
  struct seen *seen       = &listing->list[listing->count];
  (void)size;
  if (listing->count == listing->room) {
    return 1;
  }
  seen->base  = info->dlpi_addr;
  seen->start = NOWHERE;
  seen->end   = 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    if (segment->p_type == PT_LOAD) {
      uintptr_t from = info->dlpi_addr + segment->p_vaddr, to = from + segment->p_memsz;
      seen->start = from < seen->start ? from : seen->start;
      seen->end   = to > seen->end ? to : seen->end;
    }
  }
  snprintf(seen->path, sizeof(seen->path), "%s", info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "/proc/self/exe");
  listing->count += seen->start != NOWHERE;
  return 0;
}

/* The list of all mappings; free() it. */
static struct listing
list_all(void)
{
  struct listing listing = {.list = calloc(MEMTRACK_MODULES_MAX, sizeof(struct seen)), .room = MEMTRACK_MODULES_MAX};
  if (!listing.list) {
    listing.room = 0;
  }
  dl_iterate_phdr(list_module, &listing);
  return listing;
}

static bool
is_loaded(const struct memtrack_module *module)
{
  return __atomic_load_n(&module->start, __ATOMIC_ACQUIRE) != NOWHERE;
}

const struct memtrack_module *
memtrack_module_at(uintptr_t address)
{
  uint32_t count = atomic_load_explicit(&module_count, memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    uintptr_t start = __atomic_load_n(&modules[i].start, __ATOMIC_ACQUIRE);
    if (start != NOWHERE && address - start < __atomic_load_n(&modules[i].end, __ATOMIC_RELAXED) - start) {
      return &modules[i];
    }
  }
  return NULL;
}

size_t
memtrack_module_number(const struct memtrack_module *module)
{
  return module - modules;
}

bool
memtrack_module_is_wrapper(const struct memtrack_module *module, uintptr_t address)
{
  uint64_t offset = address - 1 - module->base; /* of the call, not of what comes after it */
  size_t low = 0, high = module->wrapper_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (offset >= module->wrappers[middle].to) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < module->wrapper_count && offset >= module->wrappers[low].from;
}

static bool
has_prefix(const char *name, const char *prefix)
{
  return strncmp(name, prefix, strlen(prefix)) == 0;
}

static enum memtrack_module_kind
kind_of(const struct seen *seen, const void *plugin)
{
  const char *slash = strrchr(seen->path, '/');
  const char *name  = slash ? slash + 1 : seen->path;
  if (plugin && (uintptr_t)plugin - seen->start < seen->end - seen->start) {
    return MEMTRACK_MODULE_PLUGIN;
  }
  if (strcmp(seen->path, "/proc/self/exe") == 0 || has_prefix(name, "libtscore.") || has_prefix(name, "libtscpputil.") ||
      has_prefix(name, "libtsmgmt.") || has_prefix(name, "libtsconfig.")) {
    return MEMTRACK_MODULE_SERVER;
  }
  return MEMTRACK_MODULE_LIBRARY;
}

/* How many of this name there have been; under the mutex. The table is small and its entries are used again, so it is counted in a
   table of names. */
static uint32_t
next_generation(const char *name)
{
  static struct {
    char name[64];
    uint32_t count;
  } names[MEMTRACK_MODULES_MAX];
  for (size_t i = 0; i < MEMTRACK_MODULES_MAX; ++i) {
    if (names[i].count == 0) {
      snprintf(names[i].name, sizeof(names[i].name), "%s", name);
    }
    if (strncmp(names[i].name, name, sizeof(names[i].name) - 1) == 0) {
      return ++names[i].count;
    }
  }
  return 1;
}

/* Whether a file begins as the mapping does: with the same headers, and usually the build id. */
static bool
is_file_of(int fd, uintptr_t start)
{
  char head[1024];
  return pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) && memcmp(head, (const void *)start, sizeof(head)) == 0;
}

/* The file of a module that has just been loaded. The server loads a remap plugin from a copy, RUNTIME/UUID/ and the plugin's own
   path, and removes the copy at once: then the plugin's own file is taken, if it is the same. -1 where there is none. */
static int
open_file(const char *path, uintptr_t start)
{
  for (const char *at = path; at; at = strchr(at + 1, '/')) {
    int fd = open(at, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && is_file_of(fd, start)) {
      return fd;
    }
    if (fd >= 0) {
      close(fd);
    }
  }
  return -1;
}

struct memtrack_symbols *
memtrack_module_symbols(const struct memtrack_module *module)
{
  char reason[MEMTRACK_REASON_SIZE];
  int fd = module->fd >= 0 ? dup(module->fd) : -1;
  return fd >= 0 ? memtrack_symbols_open(fd, module->path, module->base, reason) : NULL;
}

void
memtrack_module_text(const struct memtrack_module *module, char *text)
{
  if (module->generation > 1) {
    snprintf(text, MEMTRACK_MODULE_TEXT, "%.90s#%u", module->name, module->generation);
  } else {
    snprintf(text, MEMTRACK_MODULE_TEXT, "%.100s", module->name);
  }
}

void
memtrack_module_owner_text(uint32_t owner, char *text)
{
  uint32_t count = atomic_load_explicit(&module_count, memory_order_acquire);
  snprintf(text, MEMTRACK_MODULE_TEXT, "(unloaded)");
  for (uint32_t i = 0; i < count; ++i) {
    if (is_loaded(&modules[i]) && modules[i].owner == owner) {
      memtrack_module_text(&modules[i], text);
    }
  }
}

static void
make_plugin(struct memtrack_module *module)
{
  char text[MEMTRACK_MODULE_TEXT];
  module->kind       = MEMTRACK_MODULE_PLUGIN;
  module->generation = next_generation(module->name);
  memtrack_module_text(module, text);
  module->owner = memtrack_registry_owner(text);
}

static struct memtrack_module *
add(const struct seen *seen, enum memtrack_module_kind kind)
{
  uint32_t count = atomic_load_explicit(&module_count, memory_order_relaxed), i = 0;
  while (i < count && is_loaded(&modules[i])) {
    ++i;
  }
  if (i == MEMTRACK_MODULES_MAX) {
    return NULL;
  }
  struct memtrack_module *module = &modules[i];
  memset(module, 0, sizeof(*module));
  module->start = NOWHERE;
  module->end   = seen->end;
  module->base  = seen->base;
  module->kind  = kind;
  module->fd    = -1;
  memcpy(module->path, seen->path, sizeof(module->path));
  const char *slash = strrchr(module->path, '/');
  module->name      = slash ? slash + 1 : module->path;
  if (kind == MEMTRACK_MODULE_PLUGIN) {
    make_plugin(module);
    module->fd = open_file(module->path, seen->start);
  }
  __atomic_store_n(&module->start, seen->start, __ATOMIC_RELEASE);
  if (i == count) {
    atomic_store_explicit(&module_count, count + 1, memory_order_release);
  }
  return module;
}

static bool
is_listed(const struct memtrack_module *module, const struct listing *listing)
{
  for (size_t i = 0; i < listing->count; ++i) {
    const struct seen *seen = &listing->list[i];
    if (seen->start == module->start && seen->base == module->base && strcmp(seen->path, module->path) == 0) {
      return true;
    }
  }
  return false;
}

/* Forgets what is not listed any more. Under the mutex. */
static void
forget_unloaded(const struct listing *listing, void (*gone)(struct memtrack_module *))
{
  uint32_t count = atomic_load_explicit(&module_count, memory_order_relaxed);
  for (uint32_t i = 0; i < count && listing->room; ++i) {
    struct memtrack_module *module = &modules[i];
    if (!is_loaded(module) || is_listed(module, listing)) {
      continue;
    }
    gone(module);
    __atomic_store_n(&module->start, NOWHERE, __ATOMIC_RELEASE);
    if (module->owner) {
      memtrack_registry_retire(module->owner);
    }
    if (module->fd >= 0) {
      close(module->fd);
    }
    free(module->wrappers);
    module->wrappers      = NULL;
    module->wrapper_count = 0;
  }
}

/* One thread may load while another unloads, and the new module come to lie where the old one was: so the old ones go first, and
   one listing serves both. Only with the mutex held is it taken, or an older one could come after a newer. */
void
memtrack_module_scan(const void *plugin, void (*found)(struct memtrack_module *), void (*gone)(struct memtrack_module *))
{
  pthread_mutex_lock(&mutex);
  struct listing listing = list_all();
  forget_unloaded(&listing, gone);
  for (size_t i = 0; i < listing.count; ++i) {
    const struct seen *seen         = &listing.list[i];
    enum memtrack_module_kind kind  = kind_of(seen, plugin);
    struct memtrack_module *present = (struct memtrack_module *)memtrack_module_at(seen->start);
    if (!present) {
      present = add(seen, kind);
    } else if (kind == MEMTRACK_MODULE_PLUGIN && present->kind != MEMTRACK_MODULE_PLUGIN) {
      /* A library so far: one that a plugin was linked with, now loaded as a plugin itself. */
      make_plugin(present);
      present->fd = open_file(present->path, seen->start);
    } else {
      continue;
    }
    if (present) {
      found(present);
    }
  }
  pthread_mutex_unlock(&mutex);
  free(listing.list);
}

void
memtrack_module_each(void (*body)(struct memtrack_module *, void *), void *argument)
{
  pthread_mutex_lock(&mutex);
  uint32_t count = atomic_load_explicit(&module_count, memory_order_relaxed);
  for (uint32_t i = 0; i < count; ++i) {
    if (is_loaded(&modules[i])) {
      body(&modules[i], argument);
    }
  }
  pthread_mutex_unlock(&mutex);
}

void
memtrack_module_sweep(void (*gone)(struct memtrack_module *))
{
  pthread_mutex_lock(&mutex);
  struct listing listing = list_all();
  forget_unloaded(&listing, gone);
  pthread_mutex_unlock(&mutex);
  free(listing.list);
}
