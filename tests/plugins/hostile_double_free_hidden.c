/* SPDX-License-Identifier: Apache-2.0
 * Frees a block twice without being noticed by the C library: it writes to the block in between, over the mark of freed blocks.
 * The allocator then returns the same block twice, both times to this plugin, which knows it and frees it once. */
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
  // The cache's list leads from this block to itself. The plugin, as the block's owner, ends the list in glibc's notation, so that
  // no other caller gets it.
  *(uintptr_t *)first = (uintptr_t)first >> 12;
  char *second        = CORPUS_LAUNDER((char *)TSmalloc(SIZE)); // SITE twice: tsapi +1 -n
  TSReleaseAssert(first == again && second == again);
  TSfree(first);
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  // First empties the thread's cache of that size: a block that does not fit into it is checked more strictly.
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
