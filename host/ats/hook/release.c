/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/release.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "hook/allocator.h"
#include "hook/warning.h"

bool memtrack_rooms_told;

void
memtrack_release_open(void)
{
#if !MT_SANITIZED
  /* Other allocators make no marks, and may protect a released block. */
  if (!memtrack_allocator_defines((void *)gnu_get_libc_version)) {
    return;
  }
  /* A freed block is read on purpose: NOLINTBEGIN(clang-analyzer-unix.Malloc) */
  volatile uintptr_t *volatile probe[2];
  uintptr_t marks[2];
  for (int i = 0; i < 2; ++i) {
    probe[i] = malloc(1000);
    if (!probe[i]) {
      return;
    }
    probe[i][1] = 0;
  }
  for (int i = 0; i < 2; ++i) {
    free((void *)probe[i]);
    marks[i] = probe[i][1];
  }
  /* NOLINTEND(clang-analyzer-unix.Malloc) */
  /* Without its per-thread cache the C library keeps a list pointer in that word, which any block may contain. */
  Dl_info info;
  memtrack_hooks.freed_mark = marks[0] == marks[1] && !dladdr((void *)marks[0], &info) ? marks[0] : 0;
#endif
}

/* Blocks of a size in glibc's per-thread cache, and the largest usable size in that cache whose allocation elsewhere does not
   consolidate the heap. */
#define CACHED_MAX      7
#define CACHED_SIZE_MAX 1000

enum found { NOT_FREE, FREE_IN_CACHE, FREE_ELSEWHERE };

/* Whether the first word of a block can be that of a cached block: the next block's address or 0, combined with the position of the
   word. Rejects nearly all blocks that their owner has written to, at no cost for the allocator. */
static bool
can_be_cached(const void *block)
{
  uintptr_t next = (uintptr_t)block >> 12 ^ *(const uintptr_t *)block;
  return next == 0 || (next % 16 == 0 && next >> 47 == 0);
}

/* Whether a marked block is free: the allocator itself returns it. A block in this thread's cache is among the next few blocks of
   its size; a block that is not out of the cache, which removes its mark, is the last to look at. The blocks taken are returned in
   their previous order. */
static MT_NOINLINE enum found
find_free(void *block, uint64_t usable)
{
  void *taken      = NULL;
  bool cached      = true;
  enum found found = NOT_FREE;
  if (usable > CACHED_SIZE_MAX || !can_be_cached(block)) {
    return NOT_FREE;
  }
  for (int i = 0; i < CACHED_MAX && cached && found == NOT_FREE; ++i) {
    void *next = malloc(usable);
    __asm__ volatile("" : "+r"(next)); /* otherwise the compiler assumes that a new block differs from all existing blocks */
    if (next == NULL) {
      break;
    }
    cached = ((uintptr_t *)next)[1] == 0; /* NOLINT(clang-analyzer-unix.Malloc): it is in the list of what was taken */
    if (next == block) {
      found = cached ? FREE_IN_CACHE : FREE_ELSEWHERE;
    }
    *(void **)next = taken;
    taken          = next;
  }
  while (taken) {
    void *next = taken;
    taken      = *(void **)next;
    /* A block from this thread's cache is returned to it, so that the allocator detects the second release as it would without
       memtrack. A block from elsewhere would not be detected: it stays allocated, and the second release becomes its only
       release. */
    if (next != block || found == FREE_IN_CACHE) {
      free(next);
    }
  }
  return found;
}

MT_HOT bool
memtrack_release_tagged(void *block, uint64_t usable, uint64_t key)
{
  uint32_t birth;
  uint64_t size;
  if (!memtrack_block_untag_guarded(block, usable, key, &birth, &size)) {
    return false;
  }
  memtrack_account_free(birth, size);
  return true;
}

/* Whether a marked block is free, which is counted and reported. The allocator ends the process for a block of the cache. */
static bool
is_second_release(void *block, uint64_t usable, uint64_t key)
{
  uint32_t birth   = 0;
  uint64_t size    = usable;
  int before       = errno; /* preserved, as free() does */
  enum found found = find_free(block, usable);
  errno            = before;
  if (found == NOT_FREE) {
    return false;
  }
  memtrack_add(&memtrack_hooks.twice, 1);
  bool known = memtrack_tag_spent(block, usable, key, &birth, &size);
  (found == FREE_IN_CACHE ? memtrack_warning_now : memtrack_warning_put)(
    known ? MEMTRACK_WARNING_TWICE : MEMTRACK_WARNING_TWICE_UNKNOWN, birth, known ? size : usable);
  return true;
}

MT_HOT void
memtrack_release_untagged(void *block, uint64_t usable, uint32_t cls)
{
  uint32_t birth;
  uint64_t size;
  uint64_t key                    = memtrack_hooks_get(key);
  uint64_t openssl                = memtrack_hooks_get(openssl_key); /* 0 if it was never armed */
  struct memtrack_guarded guarded = memtrack_watch_untag(block, usable, key);
  if (guarded.birth != MEMTRACK_SITE_UNKNOWN) {
    memtrack_account_free(guarded.birth, guarded.size);
    return;
  }
  if (cls == MEMTRACK_RELEASE_BY_OTHERS) {
    return;
  }
  if (openssl && memtrack_release_tagged(block, usable, openssl)) {
    return;
  }
  if (memtrack_release_marked(block, usable) && is_second_release(block, usable, key)) {
    return;
  }
  if (memtrack_tag_damaged(block, usable, key, &birth, &size) && memtrack_watch_suspect(birth)) {
    memtrack_tag_clear(block, usable); /* the release by the block's next user must not look like this one */
    memtrack_account_free(birth, size);
  } else {
    memtrack_release_foreign(usable, cls);
  }
}
