/* SPDX-License-Identifier: Apache-2.0
 * Frees a block twice so that the C library does not notice: it has written to the block in between, over the mark by which freed
 * blocks are known. The allocator then hands the same block out twice, to this plugin both times: it knows, and frees it once. */
#include <stdlib.h>
#include "corpus.h"

enum { SIZE = 1000 }; // of a size that nobody else is likely to ask for in between

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  char *block = CORPUS_LAUNDER((char *)TSmalloc(SIZE)); // SITE behave: tsapi +1 -n
  char *again = CORPUS_LAUNDER(block);
  TSfree(block);
  memset(again, 0, 16);
  TSfree(CORPUS_LAUNDER(again));
  char *first  = CORPUS_LAUNDER((char *)TSmalloc(SIZE)); // SITE behave: tsapi +1 -n
  char *second = CORPUS_LAUNDER((char *)TSmalloc(SIZE)); // SITE behave: tsapi +1 -n
  TSReleaseAssert(first == again && second == again);
  TSfree(first);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
