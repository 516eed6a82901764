/* SPDX-License-Identifier: Apache-2.0
 * Balanced: TSmalloc, TSrealloc, TSstrdup and TSstrndup, each released by TSfree. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  void *block = TSmalloc(1);           // SITE behave: tsapi +1 -1 =0
  block       = TSrealloc(block, 100); // SITE behave: tsapi +1 -1 =0
  char *text  = TSstrdup("some text"); // SITE behave: tsapi +1 -1 =0
  char *part  = TSstrndup(text, 4);    // SITE behave: tsapi +1 -1 =0
  CORPUS_KEEP(part);
  TSfree(part);
  TSfree(text);
  TSfree(block);
  TSfree(NULL);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
