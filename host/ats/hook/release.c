/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/release.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/registry.h"
#include "hook/allocator.h"

#define WARNINGS_MAX 20

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

void
memtrack_release_open(void)
{
#ifndef SANITIZED
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

/* Reports a bad release in traffic.out at once, because the allocator may end the process after a second release. Only the first
   few; all are counted. `format` takes the size, and may take the site's name. */
static void
write_warning(const char *format, uint32_t birth, uint64_t size)
{
  static uint32_t count;
  char name[MEMTRACK_NAME_MAX + 1], text[400], line[450];
  if (memtrack_add(&count, 1) >= WARNINGS_MAX) {
    return;
  }
  memtrack_registry_text(birth >> MEMTRACK_EPOCH_BITS, name, sizeof(name));
  snprintf(text, sizeof(text), format, size, name);
  int length = snprintf(line, sizeof(line), "memtrack warning=\"%s\"\n", text);
  int before = errno; /* preserved, as free() does */
  if (write(STDERR_FILENO, line, length) < 0) {
    errno = before; /* counted in any case */
  }
}

/* Twice the number of blocks of a size in glibc's per-thread cache, and the largest size in that cache. */
#define CACHED_MAX      14
#define CACHED_SIZE_MAX 1032

/* Whether a block is free: the allocator itself returns it. A marked block is among the next few blocks of its size, or it is in
   use. The blocks taken are returned in their previous order. */
static bool
is_free(void *block, uint64_t usable)
{
  void *taken = NULL;
  bool found = false, cached = false;
  if (usable > CACHED_SIZE_MAX) {
    return false;
  }
  for (int i = 0; i < CACHED_MAX && !found; ++i) {
    void *next = malloc(usable);
    __asm__ volatile("" : "+r"(next)); /* otherwise the compiler assumes that a new block differs from all existing blocks */
    if (next == NULL) {
      break;
    }
    found          = next == block; /* NOLINT(clang-analyzer-unix.Malloc): it is in the list of what was taken */
    cached         = found && ((uintptr_t *)next)[1] != memtrack_hooks.freed_mark; /* the cache removes its mark */
    *(void **)next = taken;
    taken          = next;
  }
  while (taken) {
    void *next = taken;
    taken      = *(void **)next;
    /* A block from this thread's cache is returned to it, so that the allocator detects the second release as it would without
       memtrack. A block from elsewhere would not be detected: it stays allocated, and the second release becomes its only
       release. */
    if (next != block || cached) {
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
  if (!memtrack_block_untag(block, usable, key, &birth, &size)) {
    return false;
  }
  memtrack_account_free(birth, size);
  return true;
}

MT_HOT void
memtrack_release_untagged(void *block, uint64_t usable, uint32_t cls)
{
  uint32_t birth   = 0;
  uint64_t size    = usable;
  uint64_t key     = memtrack_hooks_get(key);
  uint64_t openssl = memtrack_hooks_get(openssl_key); /* 0 if it was never armed */
  if (openssl && memtrack_release_tagged(block, usable, openssl)) {
    return;
  }
  if (memtrack_release_marked(block, usable) && is_free(block, usable)) {
    memtrack_add(&memtrack_hooks.twice, 1);
    if (memtrack_tag_spent(block, usable, key, &birth, &size)) {
      write_warning("released twice: a block of %" PRIu64 " bytes, last tracked at %s", birth, size);
    } else {
      write_warning("released twice: a block of %" PRIu64 " bytes of an unknown site", birth, usable);
    }
  } else if (memtrack_tag_damaged(block, usable, key, &birth, &size)) {
    memtrack_add(&memtrack_hooks.damaged, 1);
    memtrack_tag_clear(block, usable); /* the release by the block's next user must not look like this one */
    memtrack_account_free(birth, size);
    write_warning("written past its end: a block of %" PRIu64 " bytes of %s", birth, size);
  } else {
    memtrack_release_foreign(usable, cls);
  }
}
