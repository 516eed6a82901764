/* SPDX-License-Identifier: Apache-2.0
 * Leaks with the aligning allocation functions. */
#define _GNU_SOURCE 1
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  void *block = NULL;
  TSReleaseAssert(posix_memalign(&block, 64, 500) == 0 && (uintptr_t)block % 64 == 0); // SITE behave: heap +1 -0 =500
  block = aligned_alloc(4096, 8192);                                                   // SITE behave: heap +1 -0 =8192
  TSReleaseAssert((uintptr_t)CORPUS_LAUNDER(block) % 4096 == 0);
  block = memalign(128, 77); // SITE behave: heap +1 -0 =77
  TSReleaseAssert((uintptr_t)CORPUS_LAUNDER(block) % 128 == 0);
  block = valloc(600); // SITE behave: heap +1 -0 =600
  TSReleaseAssert((uintptr_t)CORPUS_LAUNDER(block) % 4096 == 0);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
