/* SPDX-License-Identifier: Apache-2.0
 * Issue 4452: something is kept at each refresh by a timer, whatever the traffic. Refreshes begin with the first request,
 * when the server has all of its threads, and go on until one for /stop. */
#include <openssl/x509.h>
#include "corpus.h"

static int started, stopped;

CORPUS_NOINLINE static int
refresh(TSCont cont, TSEvent event, void *data)
{
  (void)event;
  (void)data;
  if (!__atomic_load_n(&stopped, __ATOMIC_RELAXED)) {
    CORPUS_KEEP(X509_new());
    CORPUS_KEEP(TSmalloc(16)); // SITE refresh: tsapi +n -0
    TSContScheduleOnPool(cont, 20, TS_THREAD_POOL_TASK);
  }
  return 0;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  if (!__atomic_exchange_n(&started, 1, __ATOMIC_RELAXED)) {
    TSCont cont = TSContCreate(refresh, TSMutexCreate()); // SITE behave: TSCont +1 -0 once; TSMutex +1 -0 once
    TSContScheduleOnPool(cont, 20, TS_THREAD_POOL_TASK);
  }
  if (corpus_path_begins(txn, "stop")) {
    __atomic_store_n(&stopped, 1, __ATOMIC_RELAXED);
  }
}

CORPUS_HANDLER(behave)

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc;
  (void)argv;
  corpus_register();
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(corpus_handler, NULL)); // SITE TSPluginInit: TSCont +1 -0 once
}
