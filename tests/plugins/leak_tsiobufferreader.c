/* SPDX-License-Identifier: Apache-2.0
 * Leaks readers. A reader is part of its buffer, so the buffer is kept as well; it has no block. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  TSIOBuffer buffer       = TSIOBufferCreate();            // SITE behave: TSIOBuffer +1 -0
  TSIOBufferReader freed  = TSIOBufferReaderAlloc(buffer); // SITE behave: TSIOBufferReader +1 -1
  TSIOBufferReader reader = TSIOBufferReaderAlloc(buffer); // SITE behave: TSIOBufferReader +1 -0
  TSIOBufferReaderFree(freed);
  CORPUS_KEEP(TSIOBufferReaderClone(reader)); // SITE behave: TSIOBufferReader +1 -0
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
