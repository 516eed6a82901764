/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies words that another thread may be writing: the reader's side of a seqlock (Boehm, "Can seqlocks get along with programming
 * language memory models?", MSPC 2012). The writer's stores are in generated code and are not atomic, so a copy may be torn; the
 * caller detects that and copies again. ThreadSanitizer does not model seqlocks, hence the attribute (and core.c is compiled
 * without it).
 */
#ifndef MEMTRACK_WORDS_H
#define MEMTRACK_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Copies each word once. Any thread. */
MT_INLINE MT_NO_THREAD_SANITIZER void
memtrack_copy_words(uint64_t *to, const uint8_t *from, size_t words)
{
  volatile const uint64_t *cell = (volatile const uint64_t *)from;
  for (size_t i = 0; i < words; ++i) {
    to[i] = cell[i];
  }
}

#ifdef __cplusplus
}
#endif

#endif
