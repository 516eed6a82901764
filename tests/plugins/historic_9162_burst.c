/* SPDX-License-Identifier: Apache-2.0
 * Issue 9162 (also 5179, 5858): bursts of buffers of one size, then of another. The server keeps what a burst has taken, by size,
 * and no row holds it. The first transaction takes 100 buffers of 32 KiB at once, the second 800 of 4 KiB, and so on. */
#include "corpus.h"

enum { LARGE = 100, SMALL = 800 };

CORPUS_NOINLINE static TSIOBuffer
take(TSIOBufferSizeIndex size)
{
  return TSIOBufferSizedCreate(size); // SITE take: TSIOBuffer +n -n; iobuffer +n -n =0
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  static unsigned calls;
  int is_small = __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED) % 2 != 0;
  TSIOBuffer taken[SMALL];
  (void)txn;
  for (int i = 0; i < (is_small ? SMALL : LARGE); ++i) {
    taken[i] = take(is_small ? TS_IOBUFFER_SIZE_INDEX_4K : TS_IOBUFFER_SIZE_INDEX_32K);
  }
  for (int i = 0; i < (is_small ? SMALL : LARGE); ++i) {
    TSIOBufferDestroy(taken[i]);
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
