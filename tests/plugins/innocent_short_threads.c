/* SPDX-License-Identifier: Apache-2.0
 * Threads that end one after another. A thread's cache of released blocks returns to the allocator with glibc's marks in them;
 * the next thread gets such a block, writes a few bytes of it and releases it, once. */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "corpus.h"

enum { THREADS = 10, BLOCKS = 6 };

CORPUS_NOINLINE static void
blocks(void)
{
  char *text = CORPUS_LAUNDER(strdup("ab")), *more[BLOCKS]; // SITE blocks: heap +10 -10 =0
  for (int i = 0; i < BLOCKS; ++i) {
    more[i] = (char *)malloc(20); // SITE blocks: heap +60 -60 =0
    CORPUS_KEEP(more[i]);
  }
  for (int i = 0; i < BLOCKS; ++i) {
    free(more[i]);
  }
  free(text);
}

/* The same for strings allocated by the C library. */
CORPUS_NOINLINE static void
strings(void)
{
  char *text = NULL, *more[BLOCKS];
  TSReleaseAssert(asprintf(&text, "%s", "ab") == 2);
  for (int i = 0; i < BLOCKS; ++i) {
    TSReleaseAssert(asprintf(&more[i], "%d", i) == 1);
  }
  for (int i = 0; i < BLOCKS; ++i) {
    free(more[i]);
  }
  free(text);
}

static void *
work(void *what)
{
  (*(void (**)(void))what)();
  return NULL;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  for (int i = 0; i < 2 * THREADS; ++i) {
    void (*what)(void) = i < THREADS ? blocks : strings;
    pthread_t thread;
    TSReleaseAssert(pthread_create(&thread, NULL, work, &what) == 0);
    pthread_join(thread, NULL);
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
