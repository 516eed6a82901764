/* SPDX-License-Identifier: Apache-2.0
 * Balanced: each kind of API object. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  TSIOBuffer buffer       = TSIOBufferCreate();                                // SITE behave: TSIOBuffer +1 -1; iobuffer +1 -1 =0
  TSIOBuffer sized        = TSIOBufferSizedCreate(TS_IOBUFFER_SIZE_INDEX_32K); // SITE behave: TSIOBuffer +1 -1; iobuffer +1 -1 =0
  TSIOBufferReader reader = TSIOBufferReaderAlloc(buffer);                     // SITE behave: TSIOBufferReader +1 -1
  TSIOBufferReader along  = TSIOBufferReaderAlloc(sized);                      // SITE behave: TSIOBufferReader +1 -1
  CORPUS_KEEP(along);                                                          // ends with its buffer
  TSIOBufferWrite(buffer, "data", 4);
  TSIOBufferReaderConsume(reader, 4);
  TSIOBufferReaderFree(reader);
  TSIOBufferDestroy(buffer);
  TSIOBufferDestroy(sized);

  TSMutex mutex = TSMutexCreate(); // SITE behave: TSMutex +1 -1
  TSMutexLock(mutex);
  TSMutexUnlock(mutex);
  TSMutexDestroy(mutex);

  TSMBuffer marshal = TSMBufferCreate(); // SITE behave: TSMBuffer +1 -1
  TSMLoc header     = TSHttpHdrCreate(marshal);
  TSHandleMLocRelease(marshal, TS_NULL_MLOC, header);
  TSMBufferDestroy(marshal);

  TSContDestroy(TSContCreate(corpus_never_called, NULL));            // SITE behave: TSCont +1 -1
  TSContDestroy(TSContCreate(corpus_never_called, TSMutexCreate())); // SITE behave: TSCont +1 -1; TSMutex +1 -1
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
