/* SPDX-License-Identifier: Apache-2.0
 * An arena per transaction: chunks are allocated as needed, and freed together at its end. */
#include <stdlib.h>
#include "corpus.h"

struct chunk {
  struct chunk *next;
  size_t used;
  char bytes[4000];
};

struct arena {
  struct chunk *chunks;
};

CORPUS_NOINLINE static void *
take(struct arena *arena, size_t size)
{
  if (!arena->chunks || arena->chunks->used + size > sizeof(arena->chunks->bytes)) {
    struct chunk *chunk = (struct chunk *)malloc(sizeof(*chunk)); // SITE take: heap +4 -4 =0
    chunk->next         = arena->chunks;
    chunk->used         = 0;
    arena->chunks       = chunk;
  }
  void *taken = arena->chunks->bytes + arena->chunks->used;
  arena->chunks->used += size;
  return taken;
}

static int
at_close(TSCont cont, TSEvent event, void *data)
{
  (void)event;
  struct arena *arena = (struct arena *)TSContDataGet(cont);
  while (arena->chunks) {
    struct chunk *chunk = arena->chunks;
    arena->chunks       = chunk->next;
    free(chunk);
  }
  TSfree(arena);
  TSContDestroy(cont);
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  struct arena *arena = (struct arena *)TSmalloc(sizeof(*arena)); // SITE behave: tsapi +1 -1 =0
  TSCont cont         = TSContCreate(at_close, NULL);             // SITE behave: TSCont +1 -1
  arena->chunks       = NULL;
  for (int i = 0; i < 15; ++i) {
    memset(take(arena, 1000), 'a', 1000);
  }
  TSContDataSet(cont, arena);
  TSHttpTxnHookAdd(txn, TS_HTTP_TXN_CLOSE_HOOK, cont);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
