/* SPDX-License-Identifier: Apache-2.0
 *
 * Holds transactions and sessions: it returns from a hook and does not reenable. The path of the request says what becomes of its
 * transaction. After each change it writes how many it holds to standard error.
 *
 *   /held/request            never reenabled after READ_REQUEST_HDR
 *   /held/close              never reenabled after TXN_CLOSE
 *   /held/second             reenabled after READ_REQUEST_HDR a second later
 *   /held/thread             reenabled after READ_REQUEST_HDR by another thread, at once
 *
 * Its arguments: one in how many sessions is never reenabled after SSN_START, and of the others after SSN_CLOSE; 0: none.
 */
#include <pthread.h>
#include <stdio.h>
#include "corpus.h"

CORPUS_NOINLINE static void
report(const char *what, int *count, int change)
{
  dprintf(2, "holds: %s %d\n", what, __atomic_add_fetch(count, change, __ATOMIC_SEQ_CST));
}

CORPUS_NOINLINE static int
hold(TSCont cont, TSEvent event, void *data)
{
  static int held;
  (void)cont;
  (void)event;
  if (corpus_path_begins((TSHttpTxn)data, "held/request")) {
    report("request", &held, 1);
    return 0;
  }
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

CORPUS_NOINLINE static int
hold_at_close(TSCont cont, TSEvent event, void *data)
{
  static int held;
  (void)cont;
  (void)event;
  if (corpus_path_begins((TSHttpTxn)data, "held/close")) {
    report("close", &held, 1);
    return 0;
  }
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

static int delayed;

CORPUS_NOINLINE static int
resume(TSCont cont, TSEvent event, void *data)
{
  TSHttpTxn txn = (TSHttpTxn)TSContDataGet(cont);
  (void)event;
  (void)data;
  TSContDestroy(cont);
  report("second", &delayed, -1);
  TSHttpTxnReenable(txn, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

CORPUS_NOINLINE static int
delay(TSCont cont, TSEvent event, void *data)
{
  (void)cont;
  (void)event;
  if (corpus_path_begins((TSHttpTxn)data, "held/second")) {
    TSCont later = TSContCreate(resume, TSMutexCreate());
    TSContDataSet(later, data);
    report("second", &delayed, 1);
    TSContScheduleOnPool(later, 1000, TS_THREAD_POOL_NET);
    return 0;
  }
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

static void *
reenable(void *data)
{
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  return NULL;
}

/* The other thread may be first, or this one may return first. */
CORPUS_NOINLINE static int
leave_to_thread(TSCont cont, TSEvent event, void *data)
{
  static unsigned threads;
  pthread_t thread;
  (void)cont;
  (void)event;
  if (corpus_path_begins((TSHttpTxn)data, "held/thread")) {
    TSReleaseAssert(pthread_create(&thread, NULL, reenable, data) == 0);
    if (__atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED) % 2) {
      pthread_join(thread, NULL);
    } else {
      pthread_detach(thread);
    }
    return 0;
  }
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

static unsigned every[2], sessions[2];

static int
is_due(int at)
{
  return every[at] && __atomic_fetch_add(&sessions[at], 1, __ATOMIC_RELAXED) % every[at] == 0;
}

CORPUS_NOINLINE static int
hold_session(TSCont cont, TSEvent event, void *data)
{
  static int held;
  (void)cont;
  (void)event;
  if (is_due(0)) {
    report("session", &held, 1);
    return 0;
  }
  TSHttpSsnReenable((TSHttpSsn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

CORPUS_NOINLINE static int
hold_session_at_close(TSCont cont, TSEvent event, void *data)
{
  static int held;
  (void)cont;
  (void)event;
  if (is_due(1)) {
    report("closing", &held, 1);
    return 0;
  }
  TSHttpSsnReenable((TSHttpSsn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  for (int i = 1; i < argc && i < 3; ++i) {
    every[i - 1] = strtoul(argv[i], NULL, 10);
  }
  corpus_register();
  TSHttpHookAdd(TS_HTTP_READ_REQUEST_HDR_HOOK, TSContCreate(hold, NULL));
  TSHttpHookAdd(TS_HTTP_READ_REQUEST_HDR_HOOK, TSContCreate(delay, NULL));
  TSHttpHookAdd(TS_HTTP_READ_REQUEST_HDR_HOOK, TSContCreate(leave_to_thread, NULL));
  TSHttpHookAdd(TS_HTTP_TXN_CLOSE_HOOK, TSContCreate(hold_at_close, NULL));
  TSHttpHookAdd(TS_HTTP_SSN_START_HOOK, TSContCreate(hold_session, NULL));
  TSHttpHookAdd(TS_HTTP_SSN_CLOSE_HOOK, TSContCreate(hold_session_at_close, NULL));
}
