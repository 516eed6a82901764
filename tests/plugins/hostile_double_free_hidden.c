/* SPDX-License-Identifier: Apache-2.0
 * Frees a block twice so that the C library does not notice: it has written to the block in between, over the mark by which freed
 * blocks are known. The allocator then hands the same block out twice, to this plugin both times: it knows, and frees it once. */
#include <stdint.h>
#include "corpus.h"

enum { SIZE = 1000, CACHED_MAX = 7 };

CORPUS_NOINLINE static void
twice(void)
{
  char *block = CORPUS_LAUNDER((char *)TSmalloc(SIZE)); // SITE twice: tsapi +1 -n
  char *again = CORPUS_LAUNDER(block);
  TSfree(block);
  memset(again, 0, 16);
  TSfree(CORPUS_LAUNDER(again));
  char *first = CORPUS_LAUNDER((char *)TSmalloc(SIZE)); // SITE twice: tsapi +1 -n
  // The cache's list leads from this block to itself. As its owner it ends the list, in glibc's notation, so that no one else gets
  // it.
  *(uintptr_t *)first = (uintptr_t)first >> 12;
  char *second        = CORPUS_LAUNDER((char *)TSmalloc(SIZE)); // SITE twice: tsapi +1 -n
  TSReleaseAssert(first == again && second == again);
  TSfree(first);
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  // The thread's cache of that size is emptied first: a block that finds no place in it is looked at more closely.
  void *kept[CACHED_MAX];
  (void)txn;
  for (int i = 0; i < CACHED_MAX; ++i) {
    kept[i] = TSmalloc(SIZE); // SITE behave: tsapi +7 -7 =0
  }
  twice();
  for (int i = 0; i < CACHED_MAX; ++i) {
    TSfree(kept[i]);
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
