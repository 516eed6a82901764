/* SPDX-License-Identifier: Apache-2.0
 * Issue 2354: a hook reenables its transaction later, from a continuation of its own; in the meantime everything of the transaction
 * stays. Requests for /delayed are reenabled after 100 ms, those for /held never, all others at once. */
#include "corpus.h"

struct held {
  TSHttpTxn txn;
  TSEvent event;
};

static int
later(TSCont cont, TSEvent event, void *data)
{
  struct held *held = (struct held *)TSContDataGet(cont);
  (void)event;
  (void)data;
  TSHttpTxn txn = held->txn;
  TSfree(held);
  TSContDestroy(cont);
  TSHttpTxnReenable(txn, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

CORPUS_NOINLINE static void
delay(TSHttpTxn txn)
{
  struct held *held = (struct held *)TSmalloc(sizeof(*held)); // SITE delay: tsapi +n -n =0
  TSCont cont       = TSContCreate(later, TSMutexCreate());   // SITE delay: TSCont +n -n; TSMutex +n -n
  held->txn         = txn;
  TSContDataSet(cont, held);
  TSContScheduleOnPool(cont, 100, TS_THREAD_POOL_NET);
}

CORPUS_NOINLINE static void
hold(void)
{
  CORPUS_KEEP(TSmalloc(sizeof(struct held))); // SITE hold: tsapi +n -0
}

static int
handler(TSCont cont, TSEvent event, void *data)
{
  TSHttpTxn txn = (TSHttpTxn)data;
  (void)cont;
  (void)event;
  if (corpus_path_begins(txn, "delayed")) {
    delay(txn);
  } else if (corpus_path_begins(txn, "held")) {
    hold();
  } else {
    TSHttpTxnReenable(txn, TS_EVENT_HTTP_CONTINUE);
  }
  return 0;
}

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc;
  (void)argv;
  corpus_register();
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(handler, NULL)); // SITE TSPluginInit: TSCont +1 -0 once
}
