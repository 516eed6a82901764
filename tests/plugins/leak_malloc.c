/* SPDX-License-Identifier: Apache-2.0
 * Leaks with malloc and calloc. */
#include <stdlib.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  CORPUS_KEEP(malloc(300));            // SITE behave: heap +1 -0 =300
  CORPUS_KEEP(malloc(200000));         // SITE behave: heap +1 -0 =200000
  char *zeroed = (char *)calloc(7, 9); // SITE behave: heap +1 -0 =63
  for (int i = 0; i < 63; ++i) {
    TSReleaseAssert(zeroed[i] == 0);
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
