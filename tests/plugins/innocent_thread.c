/* SPDX-License-Identifier: Apache-2.0
 * The plugin's own threads: memory is passed to them and freed there, and passed back and freed here. They do not use the
 * server, and end after each transaction. */
#include <pthread.h>
#include <stdlib.h>
#include "corpus.h"

struct work {
  void *given[2];
  void *made[2];
};

CORPUS_NOINLINE static void *
worker(void *data)
{
  struct work *work = (struct work *)data;
  work->made[0]     = TSmalloc(31); // SITE worker: tsapi +1 -1 =0
  work->made[1]     = malloc(32);   // SITE worker: heap +1 -1 =0
  TSfree(work->given[0]);
  free(work->given[1]);
  void *own = malloc(35); // SITE worker: heap +1 -1 =0
  CORPUS_KEEP(own);
  free(own);
  return NULL;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  struct work work;
  pthread_t thread;
  work.given[0] = TSmalloc(33); // SITE behave: tsapi +1 -1 =0
  work.given[1] = malloc(34);   // SITE behave: heap +1 -1 =0
  TSReleaseAssert(pthread_create(&thread, NULL, worker, &work) == 0);
  pthread_join(thread, NULL);
  TSfree(work.made[0]);
  free(work.made[1]);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
