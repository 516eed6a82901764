/* SPDX-License-Identifier: Apache-2.0
 * Leaks buffers with data: a buffer of the default size, and a buffer of another size, which has its first block from the start
 * and then gets a second one. (It has a reader: without a reader it would release a full block.) */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  static const char data[3000] = "data";
  (void)txn;
  TSIOBuffer buffer = TSIOBufferCreate(); // SITE behave: TSIOBuffer +1 -0; iobuffer +1 -0 =32768
  TSIOBufferWrite(buffer, data, 1000);
  TSIOBuffer sized = TSIOBufferSizedCreate(TS_IOBUFFER_SIZE_INDEX_2K); // SITE behave: TSIOBuffer +1 -0; iobuffer +2 -0 =4096
  CORPUS_KEEP(TSIOBufferReaderAlloc(sized));                           // SITE behave: TSIOBufferReader +1 -0
  TSIOBufferWrite(sized, data, 3000);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
