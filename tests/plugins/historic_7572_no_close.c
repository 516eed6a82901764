/* SPDX-License-Identifier: Apache-2.0
 * Issue 7572: a continuation with its data is made for each transaction, and no hook at the transaction's end destroys them. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  TSCont cont = TSContCreate(corpus_never_called, NULL); // SITE behave: TSCont +1 -0
  TSContDataSet(cont, TSmalloc(48));                     // SITE behave: tsapi +1 -0 =48
  (void)txn;
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
