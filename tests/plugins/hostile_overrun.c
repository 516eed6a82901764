/* SPDX-License-Identifier: Apache-2.0
 * Writes past the ends of its blocks: by 1 to 8 bytes, within the allocator's rounding (25 requested bytes have 40 usable
 * bytes), and up to malloc_usable_size(), which glibc allows. Then it frees them. The eighth byte is the first that reaches the
 * tag; after that, each overrun is found. */
#define _GNU_SOURCE 1
#include <malloc.h>
#include <stdlib.h>
#include "corpus.h"

CORPUS_NOINLINE static void
by_bytes(void)
{
  for (int over = 1; over <= 8; ++over) {
    char *block = CORPUS_LAUNDER((char *)TSmalloc(25)); // SITE by_bytes: tsapi +8 -8 =0
    char *other = CORPUS_LAUNDER((char *)malloc(25));   // SITE by_bytes: heap +8 -8 =0
    memset(block, 'o', 25 + over);
    memset(other, 'o', 25 + over);
    TSfree(block);
    free(other);
  }
}

CORPUS_NOINLINE static void
by_usable_size(void)
{
  char *block = CORPUS_LAUNDER((char *)malloc(30)); // SITE by_usable_size: heap +1 -1 =0
  memset(block, 'u', malloc_usable_size(block));
  CORPUS_KEEP(block);
  free(block);
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  by_bytes();
  by_usable_size();
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
