/* SPDX-License-Identifier: Apache-2.0
 * Leaks the rarer kinds of objects, together with the server's heap memory for them. */
#include "corpus.h"
#if TS_VERSION_MAJOR < 10
#include <ts/experimental.h>
#endif

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  CORPUS_KEEP(TSCacheKeyCreate());   // SITE behave: other +1 -0; heap +1 -0 =n
  CORPUS_KEEP(TSMimeParserCreate()); // SITE behave: other +1 -0
  CORPUS_KEEP(TSHttpParserCreate()); // SITE behave: other +1 -0
  CORPUS_KEEP(TSUuidCreate());       // SITE behave: other +1 -0; heap +1 -0 =n

  CORPUS_KEEP(TSCacheHttpInfoCreate()); // SITE behave: other +1 -0; heap +1 -0 =n
  // What the server itself keeps when it is told to destroy one.
  TSCacheHttpInfo info = TSCacheHttpInfoCreate();   // SITE behave: other +1 -1; heap +1 -0 =n
  TSCacheHttpInfo copy = TSCacheHttpInfoCopy(info); // SITE behave: other +1 -1; heap +1 -0 =n
  TSCacheHttpInfoDestroy(info);
  TSCacheHttpInfoDestroy(copy);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
