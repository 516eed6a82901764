/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/release.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/registry.h"

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
  /* Without its per-thread cache the C library has a list's head there instead, which any block may hold. */
  Dl_info info;
  memtrack_hooks.freed_mark = marks[0] == marks[1] && !dladdr((void *)marks[0], &info) ? marks[0] : 0;
#endif
}

/* Says it in traffic.out at once: after a second release the allocator may end the process. The first few only; all are counted.
   `format` takes the size, and may take the site's name. */
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
  int before = errno; /* free() leaves it as it is */
  if (write(STDERR_FILENO, line, length) < 0) {
    errno = before; /* it is counted all the same */
  }
}

/* Twice as many as glibc's cache of a thread holds of one size, and the largest size that it holds. */
#define CACHED_MAX      14
#define CACHED_SIZE_MAX 1032

/* Whether a block is free: the allocator itself hands it out. A marked block is the next one of its size or one of the next few, or
   it is in use. Whatever was taken goes back in the order that it had. */
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
    __asm__ volatile("" : "+r"(next)); /* the compiler holds that a new block is no block that there was */
    if (next == NULL) {
      break;
    }
    found          = next == block;
    cached         = found && ((uintptr_t *)next)[1] != memtrack_hooks.freed_mark; /* the cache takes its mark off */
    *(void **)next = taken;
    taken          = next;
  }
  while (taken) {
    void *next = taken;
    taken      = *(void **)next;
    /* Out of this thread's cache it goes back there, so that the allocator finds the second release as it would have without us.
       From elsewhere it would not: then the block stays taken, and the second release is its only one. */
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
  uint64_t openssl = memtrack_hooks_get(openssl_key); /* 0 where it was never armed */
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
    memtrack_tag_clear(block, usable); /* whoever gets this block next and releases it is not to be taken for this one */
    memtrack_account_free(birth, size);
    write_warning("written past its end: a block of %" PRIu64 " bytes of %s", birth, size);
  } else {
    memtrack_release_foreign(usable, cls);
  }
}
