/* SPDX-License-Identifier: Apache-2.0
 * Grows a block with realloc and reallocarray, each from its own line, and keeps the last. It grows until the allocator maps
 * pages for the block alone, and moves it with mremap. */
#define _GNU_SOURCE 1
#include <stdlib.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  char *grown = (char *)realloc(NULL, 24); // SITE behave: heap +1 -1 =0
  memset(grown, 'r', 24);
  grown = (char *)realloc(grown, 150000);      // SITE behave: heap +1 -1 =0
  grown = (char *)realloc(grown, 400000);      // SITE behave: heap +1 -1 =0
  grown = (char *)reallocarray(grown, 30, 40); // SITE behave: heap +1 -0 =1200
  TSReleaseAssert(grown[0] == 'r' && grown[23] == 'r');
  CORPUS_KEEP(grown);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
