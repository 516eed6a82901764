/* SPDX-License-Identifier: Apache-2.0
 * Leaks from a function that is inlined into its two callers: the same line for both. */
#include <stdlib.h>
#include "corpus.h"

static inline __attribute__((always_inline)) void
leak(size_t size)
{
  CORPUS_KEEP(malloc(size)); // SITE leak: heap +2 -0 =300
}

CORPUS_NOINLINE static void
first(void)
{
  leak(100);
}

CORPUS_NOINLINE static void
second(void)
{
  leak(200);
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  first();
  second();
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
