/* SPDX-License-Identifier: Apache-2.0
 * Creates a continuation for each transaction, hooks it to the transaction's end, and forgets to destroy it there: the usual
 * leak of TSCont. Its handler leaks too, to test the code of a continuation created late. */
#include "corpus.h"

CORPUS_NOINLINE static int
at_close(TSCont cont, TSEvent event, void *data)
{
  (void)event;
  CORPUS_KEEP(TSstrdup("forgotten")); // SITE at_close: tsapi +1 -0 =10
  TSfree(TSContDataGet(cont));
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  TSCont cont = TSContCreate(at_close, NULL); // SITE behave: TSCont +1 -0
  TSContDataSet(cont, TSmalloc(64));          // SITE behave: tsapi +1 -1 =0
  TSHttpTxnHookAdd(txn, TS_HTTP_TXN_CLOSE_HOOK, cont);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
