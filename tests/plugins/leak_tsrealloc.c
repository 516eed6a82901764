/* SPDX-License-Identifier: Apache-2.0
 * Grows a block with TSrealloc, line by line, and keeps the last: the bytes move from site to site. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  char *grown = (char *)TSrealloc(NULL, 16); // SITE behave: tsapi +1 -1 =0
  memset(grown, 'g', 16);
  grown = (char *)TSrealloc(grown, 200); // SITE behave: tsapi +1 -1 =0
  memset(grown, 'r', 200);
  grown = (char *)TSrealloc(grown, 3000); // SITE behave: tsapi +1 -1 =0
  grown = (char *)TSrealloc(grown, 900);  // SITE behave: tsapi +1 -0 =900
  TSReleaseAssert(grown[0] == 'r' && grown[199] == 'r');
  CORPUS_KEEP(grown);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
