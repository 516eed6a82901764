/* SPDX-License-Identifier: Apache-2.0
 * Balanced: the C library's allocators. */
#define _GNU_SOURCE 1
#include <malloc.h>
#include <stdlib.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  void *blocks[8];
  blocks[0] = malloc(10);                                       // SITE behave: heap +1 -1 =0
  blocks[1] = calloc(10, 10);                                   // SITE behave: heap +1 -1 =0
  blocks[2] = aligned_alloc(64, 640);                           // SITE behave: heap +1 -1 =0
  blocks[3] = strdup(CORPUS_LAUNDER((const char *)"text"));     // SITE behave: heap +1 -1 =0
  blocks[4] = strndup(CORPUS_LAUNDER((const char *)"text"), 2); // SITE behave: heap +1 -1 =0
  blocks[5] = malloc(1000000);                                  // SITE behave: heap +1 -1 =0
  TSReleaseAssert(posix_memalign(&blocks[6], 32, 1) == 0);      // SITE behave: heap +1 -1 =0
  blocks[7] = memalign(4096, 0);                                // SITE behave: heap +1 -1 =0
  blocks[0] = realloc(blocks[0], 5000);                         // SITE behave: heap +1 -1 =0
  for (int i = 0; i < 8; ++i) {
    CORPUS_KEEP(blocks[i]);
    free(blocks[i]);
  }
  void *gone = malloc(33); // SITE behave: heap +1 -1 =0
  CORPUS_KEEP(gone);
  gone = realloc(gone, 0);
  CORPUS_KEEP(gone);
  free(gone);
  free(NULL);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
