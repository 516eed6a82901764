/* SPDX-License-Identifier: Apache-2.0
 * Leaks TSmalloc'ed blocks per transaction, from two lines: a small block, and a block larger than the allocator's caches. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  CORPUS_KEEP(TSmalloc(100));  // SITE behave: tsapi +1 -0 =100
  CORPUS_KEEP(TSmalloc(5000)); // SITE behave: tsapi +1 -0 =5000
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
