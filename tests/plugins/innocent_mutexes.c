/* SPDX-License-Identifier: Apache-2.0
 * Mutexes with several owners: a mutex shared by two continuations, and the transaction's mutex, which belongs to the server. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  TSMutex mutex = TSMutexCreate();                                                // SITE behave: TSMutex +1 -1
  TSCont first  = TSContCreate(corpus_never_called, mutex);                       // SITE behave: TSCont +1 -1
  TSCont second = TSContCreate(corpus_never_called, TSContMutexGet(first));       // SITE behave: TSCont +1 -1
  TSCont third  = TSContCreate(corpus_never_called, TSContMutexGet((TSCont)txn)); // SITE behave: TSCont +1 -1
  TSContDestroy(first);
  TSContDestroy(second);
  TSContDestroy(third);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
