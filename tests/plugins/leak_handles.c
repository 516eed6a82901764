/* SPDX-License-Identifier: Apache-2.0
 * Forgets to release handles of fields, as real plugins did: of a field that was found, of each but the last of several fields of
 * one name, and of fields in a buffer that is destroyed. */
#include "corpus.h"

CORPUS_NOINLINE static void
add(TSMBuffer buffer, TSMLoc header, const char *value)
{
  TSMLoc field;
  TSReleaseAssert(TSMimeHdrFieldCreateNamed(buffer, header, "X-Many", 6, &field) == TS_SUCCESS); // SITE add: TSMLoc +4 -4
  TSReleaseAssert(TSMimeHdrFieldValueStringSet(buffer, header, field, -1, value, -1) == TS_SUCCESS);
  TSReleaseAssert(TSMimeHdrFieldAppend(buffer, header, field) == TS_SUCCESS);
  TSHandleMLocRelease(buffer, header, field);
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  TSMBuffer request;
  TSMLoc client, field, kept;
  TSReleaseAssert(TSHttpTxnClientReqGet(txn, &request, &client) == TS_SUCCESS);
  CORPUS_KEEP(TSMimeHdrFieldFind(request, client, "Host", 4));                             // SITE behave: TSMLoc +1 -0
  TSReleaseAssert(TSMimeHdrFieldFind(request, client, "X-Not-There", -1) == TS_NULL_MLOC); // SITE behave: TSMLoc +0 -0
  CORPUS_KEEP(TSMimeHdrFieldGet(request, client, 0));                                      // SITE behave: TSMLoc +1 -0

  TSMBuffer buffer = TSMBufferCreate(); // SITE behave: TSMBuffer +1 -1
  TSMLoc header    = TSHttpHdrCreate(buffer);
  TSHttpHdrTypeSet(buffer, header, TS_HTTP_TYPE_REQUEST);
  add(buffer, header, "a");
  add(buffer, header, "b");
  add(buffer, header, "c");
  add(buffer, header, "d");
  field = TSMimeHdrFieldFind(buffer, header, "X-Many", 6); // SITE behave: TSMLoc +1 -0
  while (field != TS_NULL_MLOC) {
    field = TSMimeHdrFieldNextDup(buffer, header, field); // SITE behave: TSMLoc +3 -0
  }
  field = TSMimeHdrFieldGet(buffer, header, 0);      // SITE behave: TSMLoc +1 -1
  kept  = TSMimeHdrFieldNext(buffer, header, field); // SITE behave: TSMLoc +1 -0
  CORPUS_KEEP(kept);
  TSHandleMLocRelease(buffer, header, field);
  TSReleaseAssert(TSMimeHdrFieldCreate(buffer, header, &kept) == TS_SUCCESS); // SITE behave: TSMLoc +1 -0
  TSReleaseAssert(TSMimeHdrFieldDestroy(buffer, header, kept) == TS_SUCCESS);
  field = TSMimeHdrFieldFind(request, client, "Host", 4);                                            // SITE behave: TSMLoc +1 -1
  TSReleaseAssert(TSMimeHdrFieldClone(buffer, header, request, client, field, &kept) == TS_SUCCESS); // SITE behave: TSMLoc +1 -0
  TSHandleMLocRelease(request, client, field);
  TSHandleMLocRelease(buffer, TS_NULL_MLOC, header);
  TSMBufferDestroy(buffer);
  TSHandleMLocRelease(request, TS_NULL_MLOC, client);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
