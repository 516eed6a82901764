/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "module/module.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/reason.h"
#include "core/registry.h"
#include "module/build_id.h"
#include "module/hold.h"
#include "module/module_name.h"
#include "module/segment.h"

#define NOWHERE UINTPTR_MAX

/* An entry whose start is NOWHERE is free. Readers take no lock: a reader asks for an address at which code is running, so its
   module cannot be unloaded meanwhile, and changes of other entries do not matter. */
static struct memtrack_module modules[MEMTRACK_MODULES_MAX];
static uint32_t module_count;
static uint32_t loads;                                    /* under the mutex */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* protects changes */

/* Data from dl_iterate_phdr, copied while the loader's lock is held. */
struct seen {
  uintptr_t start, end, base;
  char path[512];
};

struct listing {
  struct seen *list; /* NULL: there is no memory for it */
  size_t count, room;
};

static void
see(const struct dl_phdr_info *info, struct seen *seen)
{
  seen->base  = info->dlpi_addr;
  seen->start = NOWHERE;
  seen->end   = 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    struct memtrack_segment segment;
    if (memtrack_segment_get(info, i, &segment)) {
      seen->start = segment.from < seen->start ? segment.from : seen->start;
      seen->end   = segment.to > seen->end ? segment.to : seen->end;
    }
  }
  snprintf(seen->path, sizeof(seen->path), "%s", memtrack_module_path(info->dlpi_name));
}

static int
list_module(struct dl_phdr_info *info, size_t size, void *data)
{
  struct listing *listing = data;
  struct seen seen;
  (void)size;
  see(info, &seen);
  if (seen.start != NOWHERE && listing->count++ < listing->room) {
    listing->list[listing->count - 1] = seen;
  }
  return 0;
}

/* List of all mappings; the caller must free() it. Nothing may be allocated while the loader lists them, so the room is enlarged
   between two attempts. */
static struct listing
list_all(void)
{
  struct listing listing = {.count = 128};
  while (listing.count > listing.room) {
    free(listing.list);
    listing.room  = listing.count + listing.count / 2;
    listing.count = 0;
    listing.list  = calloc(listing.room, sizeof(*listing.list));
    if (!listing.list) {
      memtrack_limit_hit(MEMTRACK_LIMIT_MODULES);
      break;
    }
    dl_iterate_phdr(list_module, &listing);
  }
  return listing;
}

static bool
is_loaded(const struct memtrack_module *module)
{
  return memtrack_load_acquire(&module->start) != NOWHERE;
}

const struct memtrack_module *
memtrack_module_at(uintptr_t address)
{
  uint32_t count = memtrack_load_acquire(&module_count);
  for (uint32_t i = 0; i < count; ++i) {
    uintptr_t start = memtrack_load_acquire(&modules[i].start);
    if (start != NOWHERE && address - start < memtrack_load(&modules[i].end) - start) {
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

static bool
is_in(const struct memtrack_wrappers *wrappers, uint64_t offset)
{
  size_t low = 0, high = wrappers->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (offset >= wrappers->ranges[middle].to) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < wrappers->count && offset >= wrappers->ranges[low].from;
}

/* The call is before its return address, which may be the next function's. */
bool
memtrack_module_is_wrapper(const struct memtrack_module *module, uintptr_t address)
{
  return is_in(&module->wrappers, address - 1 - module->base) || memtrack_module_is_api_wrapper(module, address);
}

bool
memtrack_module_is_api_wrapper(const struct memtrack_module *module, uintptr_t address)
{
  return is_in(&module->api_wrappers, address - 1 - module->base);
}

static bool
contains(const struct seen *seen, const void *address)
{
  return address && (uintptr_t)address - seen->start < seen->end - seen->start;
}

static enum memtrack_module_kind
kind_of(const struct seen *seen)
{
  switch (memtrack_module_name_kind(seen->path)) {
  case MEMTRACK_MODULE_NAME_SERVER:
    return MEMTRACK_MODULE_SERVER;
  case MEMTRACK_MODULE_NAME_LEFT_ALONE:
    return MEMTRACK_MODULE_LEFT_ALONE;
  default:
    return MEMTRACK_MODULE_LIBRARY;
  }
}

/* Whether a file begins like the mapping: the same headers, and usually the build id. */
static bool
is_file_of(int fd, uintptr_t start)
{
  char head[1024];
  return pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) && memcmp(head, (const void *)start, sizeof(head)) == 0;
}

static bool
open_if_file_of(struct memtrack_module *module, const char *path, uintptr_t start)
{
  int fd = memtrack_limit_descriptor(open(path, O_RDONLY | O_CLOEXEC));
  if (fd >= 0 && !is_file_of(fd, start)) {
    close(fd);
    return false;
  }
  module->fd = fd;
  return fd >= 0;
}

/* Opens the file of a plugin that was just loaded. The server loads a remap plugin from a copy at RUNTIME/UUID/ plus the plugin's
   path, and removes the copy, 9.2 at once, 10 later: the plugin's own file is used if it is identical. Returns the path of the
   file, or of the copy if there is no file. */
static const char *
open_file(struct memtrack_module *module, uintptr_t start)
{
  const char *own = memtrack_module_name_of_copy(module->path);
  if (own && open_if_file_of(module, own, start)) {
    return own;
  }
  for (const char *at = module->path; at; at = strchr(at + 1, '/')) {
    if (open_if_file_of(module, at, start)) {
      return at;
    }
  }
  return module->path;
}

static bool
is_program(const struct memtrack_module *module)
{
  return strcmp(module->path, MEMTRACK_PROGRAM_PATH) == 0;
}

/* The program's path, which the loader does not tell; empty if it is not known. */
static void
read_program_path(char *path, size_t size)
{
  ssize_t length                = readlink(MEMTRACK_PROGRAM_PATH, path, size - 1);
  path[length > 0 ? length : 0] = '\0';
}

/* Registers a module's file: its build id and its path. Under the mutex, with the module held. */
static void
tell_file(const struct memtrack_module *module, const struct seen *seen, const char *path)
{
  bool program   = is_program(module);
  uint32_t owner = program ? MEMTRACK_OWNER_CORE : module->kind == MEMTRACK_MODULE_PLUGIN ? module->owner : MEMTRACK_OWNER_NONE;
  char id[MEMTRACK_BUILD_ID_TEXT], target[sizeof(module->path)];
  if (program) {
    read_program_path(target, sizeof(target));
    path = target;
  }
  memtrack_build_id_read(seen->start, seen->base, id, sizeof(id));
  memtrack_registry_file(program ? "core" : module->text, owner, id, path);
}

static bool
read_state(int fd, struct memtrack_file_state *state)
{
  struct stat stat;
  *state = (struct memtrack_file_state){0};
  if (fstat(fd, &stat)) {
    return false;
  }
  *state = (struct memtrack_file_state){.device      = stat.st_dev,
                                        .inode       = stat.st_ino,
                                        .size        = stat.st_size,
                                        .seconds     = stat.st_ctim.tv_sec,
                                        .nanoseconds = stat.st_ctim.tv_nsec};
  return true;
}

/* Records the state of a library's file. A server has a hundred libraries, of which few are ever named: no file is kept open. */
static void
note_file(struct memtrack_module *module, uintptr_t start)
{
  int fd = memtrack_limit_descriptor(open(module->path, O_RDONLY | O_CLOEXEC));
  if (fd >= 0) {
    if (is_file_of(fd, start)) {
      read_state(fd, &module->file);
    }
    close(fd);
  }
}

/* Opens a library's file. -1 if it is not the file that was loaded. */
static int
open_library(const struct memtrack_module_source *source)
{
  struct memtrack_file_state state;
  int fd = source->file.inode ? memtrack_limit_descriptor(open(source->path, O_RDONLY | O_CLOEXEC)) : -1;
  if (fd >= 0 && (!read_state(fd, &state) || memcmp(&state, &source->file, sizeof(state)) != 0)) {
    close(fd);
    fd = -1;
  }
  return fd;
}

void
memtrack_module_describe(const struct memtrack_module *module, struct memtrack_module_source *source)
{
  source->id    = module->id;
  source->kind  = module->kind;
  source->named = module->kind == MEMTRACK_MODULE_SERVER;
  source->fd    = module->fd >= 0 ? memtrack_limit_descriptor(fcntl(module->fd, F_DUPFD_CLOEXEC, 0)) : -1;
  source->base  = module->base;
  source->file  = module->file;
  memcpy(source->path, module->path, sizeof(source->path));
  memcpy(source->text, module->text, sizeof(source->text));
}

struct memtrack_symbols *
memtrack_module_symbols(struct memtrack_module_source *source)
{
  bool no_file = memtrack_symbols_are_loaders();
  int fd       = source->fd >= 0 || no_file ? source->fd : open_library(source);
  source->fd   = -1;
  if (fd < 0 && !no_file) {
    return NULL;
  }
  return source->named ? memtrack_symbols_open_named(fd, source->path, source->base, NULL)
                       : memtrack_symbols_open(fd, source->path, source->base, NULL);
}

void
memtrack_module_source_close(struct memtrack_module_source *source)
{
  if (source->fd >= 0) {
    close(source->fd);
  }
  source->fd = -1;
}

const char *
memtrack_module_owner_text(uint32_t owner)
{
  uint32_t count = memtrack_load_acquire(&module_count);
  for (uint32_t i = 0; i < count; ++i) {
    if (is_loaded(&modules[i]) && modules[i].owner == owner) {
      return modules[i].text;
    }
  }
  return "(unloaded)";
}

static const char *
last_part(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* The module's name in sites: that of its file. */
static void
name_module(struct memtrack_module *module)
{
  char program[sizeof(module->path)] = "";
  if (is_program(module)) {
    read_program_path(program, sizeof(program));
  }
  snprintf(module->text, sizeof(module->text), "%.100s", program[0] ? last_part(program) : module->name);
}

static void
make_plugin(struct memtrack_module *module, bool by_remap)
{
  module->kind = MEMTRACK_MODULE_PLUGIN;
  memtrack_module_name_load(module->name, by_remap, module->text, sizeof(module->text));
  module->owner = memtrack_registry_owner(module->text);
}

/* Under the mutex, with the module held. */
static struct memtrack_module *
add(const struct seen *seen, enum memtrack_module_kind kind, bool by_remap)
{
  uint32_t count = memtrack_load(&module_count), i = 0;
  while (i < count && is_loaded(&modules[i])) {
    ++i;
  }
  if (i == MEMTRACK_MODULES_MAX) {
    memtrack_limit_hit(MEMTRACK_LIMIT_MODULES);
    return NULL;
  }
  struct memtrack_module *module = &modules[i];
  /* `start` remains NOWHERE until all other fields are set. A reader that has found the entry's last module may still read `end`.
   */
  struct memtrack_module fresh = {.base = seen->base, .kind = kind, .fd = -1};
  memtrack_store(&module->end, seen->end);
  memcpy(&module->base, &fresh.base, sizeof(fresh) - offsetof(struct memtrack_module, base));
  module->id = ++loads * MEMTRACK_MODULES_MAX + i;
  memcpy(module->path, seen->path, sizeof(module->path));
  module->name = last_part(module->path);
  name_module(module);
  const char *path = module->path;
  if (kind == MEMTRACK_MODULE_PLUGIN) {
    make_plugin(module, by_remap);
    path = open_file(module, seen->start);
  } else if (kind == MEMTRACK_MODULE_LIBRARY || kind == MEMTRACK_MODULE_SERVER) {
    note_file(module, seen->start);
  }
  if (kind != MEMTRACK_MODULE_LEFT_ALONE) {
    tell_file(module, seen, path);
  }
  memtrack_store_release(&module->start, seen->start);
  if (i == count) {
    memtrack_store_release(&module_count, count + 1);
  }
  return module;
}

static bool
is_same(const struct memtrack_module *module, const struct seen *seen)
{
  return seen->start == module->start && seen->base == module->base && strcmp(seen->path, module->path) == 0;
}

/* Under the mutex. */
static void
forget(struct memtrack_module *module, void (*gone)(struct memtrack_module *))
{
  gone(module);
  memtrack_store_release(&module->start, NOWHERE);
  if (module->owner) {
    memtrack_registry_retire(module->owner);
  }
  if (module->fd >= 0) {
    close(module->fd);
  }
  free(module->wrappers.ranges);
  free(module->api_wrappers.ranges);
  module->wrappers = module->api_wrappers = (struct memtrack_wrappers){0};
}

static int
mark_mapped(struct dl_phdr_info *info, size_t size, void *mapped)
{
  struct seen seen;
  uint32_t count = memtrack_load(&module_count);
  (void)size;
  see(info, &seen);
  for (uint32_t i = 0; i < count; ++i) {
    ((bool *)mapped)[i] = ((bool *)mapped)[i] || (is_loaded(&modules[i]) && is_same(&modules[i], &seen));
  }
  return 0;
}

/* Forgets modules that are not mapped any more. Allocates nothing: a thread that unloads a module does this. Under the mutex. */
static void
forget_unmapped(void (*gone)(struct memtrack_module *))
{
  static bool mapped[MEMTRACK_MODULES_MAX];
  memset(mapped, 0, sizeof(mapped));
  dl_iterate_phdr(mark_mapped, mapped);
  uint32_t count = memtrack_load(&module_count);
  for (uint32_t i = 0; i < count; ++i) {
    if (is_loaded(&modules[i]) && !mapped[i]) {
      forget(&modules[i], gone);
    }
  }
}

static void (*sweeper)(struct memtrack_module *); /* set: modules that are no longer mapped are to be forgotten */

/* Does so, unless another thread has the mutex: that thread does it when it unlocks. */
static void
sweep(void)
{
  while (memtrack_load_ordered(&sweeper) && pthread_mutex_trylock(&mutex) == 0) {
    void (*gone)(struct memtrack_module *) = memtrack_exchange_ordered(&sweeper, NULL);
    if (gone) {
      forget_unmapped(gone);
    }
    pthread_mutex_unlock(&mutex);
  }
}

static void
unlock(void)
{
  pthread_mutex_unlock(&mutex);
  sweep();
}

/* Forgets modules at whose addresses another module was loaded. Under the mutex. */
static void
forget_under(const struct seen *seen, void (*gone)(struct memtrack_module *))
{
  uint32_t count = memtrack_load(&module_count);
  for (uint32_t i = 0; i < count; ++i) {
    struct memtrack_module *module = &modules[i];
    if (is_loaded(module) && module->start < seen->end && seen->start < module->end && !is_same(module, seen)) {
      forget(module, gone);
    }
  }
}

static int
is_the_same(struct dl_phdr_info *info, size_t size, void *data)
{
  const struct seen *seen = data;
  (void)size;
  return info->dlpi_addr == seen->base && strcmp(memtrack_module_path(info->dlpi_name), seen->path) == 0;
}

#define HOLD_TRIES 4

/* Holds a listed module. It may be unloaded by now, or be loaded again at the same place: then once more. Returns NULL with a
   reason if it is gone, or if the loader refuses each time. */
static void *
hold(struct seen *seen, struct memtrack_reason *reason)
{
  void *handle = NULL;
  for (int i = 0; !handle && i < HOLD_TRIES && (i == 0 || dl_iterate_phdr(is_the_same, seen)); ++i) {
    handle = memtrack_module_hold(seen->path, seen->base, reason);
  }
  return handle;
}

/* A module that is loaded but cannot be held becomes known and is left alone. Logged once, because it is known from then on. */
static void
leave_alone(struct seen *seen, const struct memtrack_reason *reason)
{
  if (!dl_iterate_phdr(is_the_same, seen)) {
    return;
  }
  pthread_mutex_lock(&mutex);
  bool fresh = !memtrack_module_at(seen->start) && add(seen, MEMTRACK_MODULE_LEFT_ALONE, false);
  unlock();
  if (fresh) {
    memtrack_log(MEMTRACK_WARNING, "%s is not tracked: %s", seen->path, reason->text);
  }
}

/* Whether a module is known, and if it is a plugin, known as a plugin. */
static bool
is_known(const struct seen *seen, bool plugin)
{
  const struct memtrack_module *present = memtrack_module_at(seen->start);
  return present && (!plugin || present->kind == MEMTRACK_MODULE_PLUGIN);
}

/* Registers a module that is listed and held. Returns NULL if it is already known, or if the table is full. Under the mutex. */
static struct memtrack_module *
make_known(const struct seen *seen, bool plugin, bool by_remap)
{
  struct memtrack_module *present = (struct memtrack_module *)memtrack_module_at(seen->start);
  if (!present) {
    return add(seen, plugin ? MEMTRACK_MODULE_PLUGIN : kind_of(seen), by_remap);
  }
  if (is_known(seen, plugin)) {
    return NULL;
  }
  /* So far a library: a plugin was linked with it, and it is now loaded as a plugin. */
  make_plugin(present, by_remap);
  tell_file(present, seen, open_file(present, seen->start));
  return present;
}

/* The unknown modules of the listing are held one at a time and without the mutex: a module may be gone by then, and another may be
   in its place. The server has a handle of the plugin that it is loading. */
int
memtrack_module_scan(const void *plugin, bool by_remap, void (*found)(struct memtrack_module *),
                     void (*gone)(struct memtrack_module *))
{
  pthread_mutex_lock(&mutex);
  forget_unmapped(gone);
  unlock();
  struct listing listing = list_all();
  for (size_t i = 0; i < listing.count; ++i) {
    struct seen *seen = &listing.list[i];
    bool loading      = contains(seen, plugin);
    if (is_known(seen, loading)) {
      continue;
    }
    struct memtrack_reason reason;
    void *handle = loading ? NULL : hold(seen, &reason);
    if (!handle && !loading) {
      leave_alone(seen, &reason);
      continue;
    }
    pthread_mutex_lock(&mutex);
    forget_under(seen, gone);
    struct memtrack_module *module = make_known(seen, loading, by_remap);
    if (module) {
      found(module);
    }
    unlock();
    memtrack_module_release(handle);
  }
  int result = listing.list ? 0 : -1;
  free(listing.list);
  return result;
}

int
memtrack_module_each_held(void (*body)(struct memtrack_module *, void *), void *argument)
{
  struct listing listing = list_all();
  for (size_t i = 0; i < listing.count; ++i) {
    const struct seen *seen = &listing.list[i];
    void *handle            = memtrack_module_at(seen->start) ? memtrack_module_hold(seen->path, seen->base, NULL) : NULL;
    if (!handle) {
      continue;
    }
    pthread_mutex_lock(&mutex);
    struct memtrack_module *module = (struct memtrack_module *)memtrack_module_at(seen->start);
    if (module && is_same(module, seen)) {
      body(module, argument);
    }
    unlock();
    memtrack_module_release(handle);
  }
  int result = listing.list ? 0 : -1;
  free(listing.list);
  return result;
}

void
memtrack_module_each(void (*body)(struct memtrack_module *, void *), void *argument)
{
  pthread_mutex_lock(&mutex);
  uint32_t count = memtrack_load(&module_count);
  for (uint32_t i = 0; i < count; ++i) {
    if (is_loaded(&modules[i])) {
      body(&modules[i], argument);
    }
  }
  unlock();
}

void
memtrack_module_sweep(void (*gone)(struct memtrack_module *))
{
  memtrack_store_ordered(&sweeper, gone);
  sweep();
}
