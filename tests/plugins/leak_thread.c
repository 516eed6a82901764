/* SPDX-License-Identifier: Apache-2.0
 * A thread made by TSThreadCreate and started with the plugin. Each transaction gives it work, for which it leaks. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <openssl/crypto.h>
#include "corpus.h"

static sem_t asked, done;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

CORPUS_NOINLINE static void
work(void)
{
  CORPUS_KEEP(TSmalloc(61));       // SITE work: tsapi +1 -0 =61
  CORPUS_KEEP(malloc(62));         // SITE work: heap +1 -0 =62
  CORPUS_KEEP(OPENSSL_malloc(63)); // SITE work: openssl +1 -0 =63
}

static void *
worker(void *data)
{
  for (;;) {
    while (sem_wait(&asked) != 0) {
    }
    work();
    sem_post(&done);
  }
  return data;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  pthread_mutex_lock(&one_at_a_time);
  sem_post(&asked);
  while (sem_wait(&done) != 0) {
  }
  pthread_mutex_unlock(&one_at_a_time);
}

CORPUS_HANDLER(behave)

void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc;
  (void)argv;
  corpus_register();
  sem_init(&asked, 0, 0);
  sem_init(&done, 0, 0);
  TSThread thread =
    TSThreadCreate(worker, NULL); // SITE TSPluginInit: TSThread +1 -0 once; heap +1 -0 =n once; mapped +1 -0 =n once
  TSReleaseAssert(thread != NULL);
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(corpus_handler, NULL)); // SITE TSPluginInit: TSCont +1 -0 once
}
