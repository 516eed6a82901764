/* SPDX-License-Identifier: Apache-2.0
 * Leaks a marshal buffer with a header. The server allocates a handle of 8 bytes for it on the heap. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  TSMBuffer buffer = TSMBufferCreate(); // SITE behave: TSMBuffer +1 -0; heap +1 -0 =8
  TSMLoc header    = TSHttpHdrCreate(buffer);
  TSHttpHdrTypeSet(buffer, header, TS_HTTP_TYPE_REQUEST);
  TSHandleMLocRelease(buffer, TS_NULL_MLOC, header);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
