/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that plugins map: mmap, mremap and munmap, called by a plugin, or by a library while a plugin's code is running (LuaJIT's
 * heap). The site is the plugin's own call, as in heap.c. What is unmapped leaves the table of ranges (hook/ranges.h), whoever
 * unmaps it.
 *
 * A mapping counts no bytes when it is made: its pages become resident when they are touched, which no hook sees. They are looked
 * for at each sample (hook/residence.h). mremap changes a range of its site, and makes none.
 *
 * The server's own mappings belong to no plugin, even if a plugin's code is running: a chunk of a freelist is everybody's.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "core/account.h"
#include "core/key.h"
#include "hook/mapped.h"
#include "hook/ranges.h"
#include "hook/state.h"
#include "owner/context.h"
#include "owner/plugin_call.h"

bool
memtrack_mapped_is_counted(uintptr_t address)
{
  return memtrack_hooks_get(heap) && memtrack_hooks_get(armed) && !memtrack_context.inside && memtrack_ranges_usable() &&
         (memtrack_context.owner != MEMTRACK_OWNER_CORE || memtrack_plugin_call_is(address));
}

/* The plugin's call that leads to the one at this address. */
static uintptr_t
plugin_call(uintptr_t address)
{
  return memtrack_plugin_call_is(address) ? address : memtrack_plugin_call_find(address);
}

uint32_t
memtrack_mapped_count(uintptr_t address)
{
  uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_MAPPED, 0, memtrack_context.owner);
  return memtrack_account_alloc(plugin_call(address), attributes, NULL, 0);
}

static void
record(const void *start, size_t length, int flags, uintptr_t address)
{
  bool is_private = (flags & MAP_ANONYMOUS) && (flags & MAP_TYPE) == MAP_PRIVATE;
  uintptr_t call  = plugin_call(address);
  uint32_t birth  = memtrack_account_block(call, memtrack_attributes(MEMTRACK_CLASS_MAPPED, 0, memtrack_context.owner), NULL, 0);
  bool sampled    = !memtrack_birth_is_plain(birth);
  if (birth == MEMTRACK_SITE_UNKNOWN) {
    return;
  }
  birth &= ~MEMTRACK_BIRTH_SAMPLED;
  memtrack_ranges_put(&(struct memtrack_mapped_range){.start  = (uintptr_t)start,
                                                      .end    = (uintptr_t)start + length,
                                                      .origin = memtrack_ranges_number(),
                                                      .birth  = birth,
                                                      .kind   = is_private ? MEMTRACK_RANGE_PRIVATE : MEMTRACK_RANGE_OTHER});
  if (sampled) {
    memtrack_sampling_tell(call, birth, length, start, false);
  }
}

/* The kernel replaces what is at a fixed address. */
static void *
map(void *address, size_t length, int protection, int flags, int fd, off_t offset, struct memtrack_taken *there)
{
  bool replaces = (flags & MAP_FIXED) && !(flags & MAP_FIXED_NOREPLACE);
  *there        = replaces ? memtrack_ranges_take(address, length) : (struct memtrack_taken){0};
  void *mapped  = mmap(address, length, protection, flags, fd, offset);
  if (mapped == MAP_FAILED) {
    memtrack_ranges_restore(*there);
  }
  return mapped;
}

static void *
plugin_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
  struct memtrack_taken there;
  void *mapped = map(address, length, protection, flags, fd, offset, &there);
  if (mapped != MAP_FAILED) {
    memtrack_ranges_drop(there);
    if (memtrack_mapped_is_counted(MT_RETURN_ADDRESS)) {
      record(mapped, length, flags, MT_RETURN_ADDRESS);
    }
  }
  return mapped;
}

static void *
other_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
  struct memtrack_taken there;
  void *mapped = map(address, length, protection, flags, fd, offset, &there);
  if (mapped != MAP_FAILED) {
    memtrack_ranges_drop(there);
  }
  return mapped;
}

static int
other_munmap(void *address, size_t length)
{
  struct memtrack_taken there = memtrack_ranges_take(address, length);
  int result                  = munmap(address, length);
  if (result) {
    memtrack_ranges_restore(there);
  } else {
    memtrack_ranges_drop(there);
  }
  return result;
}

/* The last argument exists only if the flags say so. With MREMAP_DONTUNMAP the old range stays, and its pages are in a new one. */
static void *
other_mremap(void *old, size_t old_length, size_t length, int flags, ...)
{
  void *to                     = NULL;
  struct memtrack_taken target = {0};
  if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
    va_list arguments;
    va_start(arguments, flags);
    to = va_arg(arguments, void *);
    va_end(arguments);
  }
  struct memtrack_taken moving = memtrack_ranges_take(old, old_length);
  if (flags & MREMAP_FIXED) {
    target = memtrack_ranges_take(to, length);
  }
  void *mapped = mremap(old, old_length, length, flags, to);
  if (mapped == MAP_FAILED) {
    memtrack_ranges_restore(target);
    memtrack_ranges_restore(moving);
    return mapped;
  }
  memtrack_ranges_drop(target);
  if (!(flags & MREMAP_DONTUNMAP)) {
    memtrack_ranges_move(moving, mapped, length);
    return mapped;
  }
  memtrack_ranges_restore(moving);
  if (moving.first && memtrack_mapped_is_counted(MT_RETURN_ADDRESS)) {
    record(mapped, length, MAP_PRIVATE | MAP_ANONYMOUS, MT_RETURN_ADDRESS);
  }
  return mapped;
}

const struct memtrack_redirect memtrack_maps[] = {
  {"mmap", (void *)plugin_mmap},
  {"mmap64", (void *)plugin_mmap},
  {"munmap", (void *)other_munmap},
  {"mremap", (void *)other_mremap},
  {NULL, NULL},
};

const struct memtrack_redirect memtrack_server_maps[] = {
  {"mmap", (void *)other_mmap},
  {"mmap64", (void *)other_mmap},
  {"munmap", (void *)other_munmap},
  {"mremap", (void *)other_mremap},
  {NULL, NULL},
};

_Static_assert(sizeof(off_t) == sizeof(off64_t), "mmap is mmap64");
