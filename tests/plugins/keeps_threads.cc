/* SPDX-License-Identifier: Apache-2.0
 * Creates a thread for a request, by its path, which uses STACK bytes of its stack. /threads/keep, /threads/cxx and /threads/wait
 * never join it; the last one's goes on. In the other ways nothing is kept. */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <thread>

#include "corpus.h"

enum { STACK = 12 * 1024, OWN_STACK = 256 * 1024 };

CORPUS_NOINLINE static void
use_stack(void)
{
  char bytes[STACK];
  memset(bytes, 's', sizeof(bytes));
  CORPUS_KEEP(bytes);
}

static void *
work(void *)
{
  use_stack();
  return NULL;
}

static void *
work_detached(void *)
{
  pthread_detach(pthread_self());
  use_stack();
  return NULL;
}

static void *
work_until_exit(void *)
{
  use_stack();
  pthread_exit(NULL);
}

static void *
work_until_cancelled(void *)
{
  use_stack();
  for (;;) {
    pause();
  }
}

CORPUS_NOINLINE static pthread_t
start(void *(*function)(void *), const pthread_attr_t *attributes)
{
  pthread_t thread;
  TSReleaseAssert(pthread_create(&thread, attributes, function, NULL) == 0);
  return thread;
}

CORPUS_NOINLINE static void
keep(void)
{
  pthread_t thread;
  TSReleaseAssert(pthread_create(&thread, NULL, work, NULL) == 0); // keep
}

CORPUS_NOINLINE static void
wait_for_ever(void)
{
  pthread_t thread;
  TSReleaseAssert(pthread_create(&thread, NULL, work_until_cancelled, NULL) == 0); // wait_for_ever
}

CORPUS_NOINLINE static void
keep_cxx(void)
{
  new std::thread(use_stack); // keep_cxx
}

CORPUS_NOINLINE static void
end_all(void)
{
  pthread_attr_t attributes;
  pthread_join(start(work, NULL), NULL);
  pthread_join(start(work_until_exit, NULL), NULL);
  pthread_t cancelled = start(work_until_cancelled, NULL);
  pthread_cancel(cancelled);
  pthread_join(cancelled, NULL);
  pthread_detach(start(work, NULL));
  start(work_detached, NULL);
  pthread_t ended = start(work, NULL);
  while (pthread_tryjoin_np(ended, NULL) != 0) {
    usleep(100);
  }
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  start(work_until_exit, &attributes);
  pthread_attr_destroy(&attributes);
  std::thread(use_stack).join();
  std::thread(use_stack).detach();
}

/* Memory of the plugin's own as the stack. */
CORPUS_NOINLINE static void
own(void)
{
  pthread_attr_t attributes;
  void *stack = mmap(NULL, OWN_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); // own
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, OWN_STACK);
  pthread_join(start(work, &attributes), NULL);
  pthread_attr_destroy(&attributes);
}

static void
behave(TSHttpTxn txn)
{
  if (corpus_path_begins(txn, "threads/keep")) {
    keep();
  } else if (corpus_path_begins(txn, "threads/cxx")) {
    keep_cxx();
  } else if (corpus_path_begins(txn, "threads/wait")) {
    wait_for_ever();
  } else if (corpus_path_begins(txn, "threads/end")) {
    end_all();
  } else if (corpus_path_begins(txn, "threads/own")) {
    own();
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave)
