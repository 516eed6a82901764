/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/release.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hook/openssl.h"
#include "base/compiler.h"
#include "core/registry.h"

#define SAY_MAX 20

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
  memtrack_plugins.freed_mark = marks[0] == marks[1] && !dladdr((void *)marks[0], &info) ? marks[0] : 0;
#endif
}

/* Says it in traffic.out at once: after a second release the allocator may end the process. The first few only; all are counted. */
static void
say(const char *what, uint32_t birth, uint64_t size, bool known)
{
  static _Atomic uint32_t said;
  char name[MEMTRACK_NAME_MAX + 1] = "an unknown site", line[400];
  if (atomic_fetch_add_explicit(&said, 1, memory_order_relaxed) >= SAY_MAX) {
    return;
  }
  if (known) {
    memtrack_registry_text(birth >> MEMTRACK_EPOCH_BITS, name, sizeof(name));
  }
  int length = snprintf(line, sizeof(line), "memtrack warning=\"%s: a block of %" PRIu64 " bytes of %s\"\n", what, size, name);
  int before = errno; /* free() leaves it as it is */
  if (write(STDERR_FILENO, line, length) < 0) {
    errno = before; /* it is counted all the same */
  }
}

HOT_ bool
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

HOT_ void
memtrack_release_untagged(void *block, uint64_t usable, uint32_t cls)
{
  uint32_t birth   = 0;
  uint64_t size    = usable;
  uint64_t key     = atomic_load_explicit(&memtrack_plugins.key, memory_order_relaxed);
  uint64_t openssl = memtrack_openssl_key(); /* 0 where it was never armed */
  if (openssl && memtrack_release_tagged(block, usable, openssl)) {
    return;
  }
  if (memtrack_release_spent(block, usable)) {
    atomic_fetch_add_explicit(&memtrack_plugins.twice, 1, memory_order_relaxed);
    bool known = memtrack_tag_spent(block, usable, key, &birth, &size);
    say("released twice", birth, size, known);
  } else if (memtrack_tag_damaged(block, usable, key, &birth, &size)) {
    atomic_fetch_add_explicit(&memtrack_plugins.damaged, 1, memory_order_relaxed);
    memtrack_tag_clear(block, usable); /* whoever gets this block next and releases it is not to be taken for this one */
    memtrack_account_free(birth, size);
    say("written past its end", birth, size, true);
  } else {
    memtrack_release_foreign(usable, cls);
  }
}
