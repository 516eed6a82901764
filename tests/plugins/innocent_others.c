/* SPDX-License-Identifier: Apache-2.0
 * Balanced: the rarer kinds of objects. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  TSCacheKey key    = TSCacheKeyCreate();        // SITE behave: other +1 -1
  TSMimeParser mime = TSMimeParserCreate();      // SITE behave: other +1 -1
  TSHttpParser http = TSHttpParserCreate();      // SITE behave: other +1 -1
  TSUuid uuid       = TSUuidCreate();            // SITE behave: other +1 -1
  TSFile file       = TSfopen("/dev/null", "r"); // SITE behave: TSFile +1 -1
  TSReleaseAssert(TSCacheKeyDestroy(key) == TS_SUCCESS);
  TSMimeParserDestroy(mime);
  TSHttpParserDestroy(http);
  TSUuidDestroy(uuid);
  TSfclose(file);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
