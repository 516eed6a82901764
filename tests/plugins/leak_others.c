/* SPDX-License-Identifier: Apache-2.0
 * Leaks the rarer kinds of objects, together with the server's heap memory for them. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  CORPUS_KEEP(TSCacheKeyCreate());   // SITE behave: other +1 -0; heap +1 -0 =n
  CORPUS_KEEP(TSMimeParserCreate()); // SITE behave: other +1 -0
  CORPUS_KEEP(TSHttpParserCreate()); // SITE behave: other +1 -0
  CORPUS_KEEP(TSUuidCreate());       // SITE behave: other +1 -0; heap +1 -0 =n
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
