/* SPDX-License-Identifier: Apache-2.0
 * For modules without debug information: a function with a name in the dynamic symbols, and a function without. */
#include <stdlib.h>
#include "corpus.h"

CORPUS_NOINLINE void
leak_exported(void)
{
  CORPUS_KEEP(malloc(91)); // SITE leak_exported: heap +1 -0 =91
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  leak_exported();
  CORPUS_KEEP(malloc(92));   // SITE behave: heap +1 -0 =92
  CORPUS_KEEP(TSmalloc(93)); // SITE behave: tsapi +1 -0 =93
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
