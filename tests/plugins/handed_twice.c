/* SPDX-License-Identifier: Apache-2.0
 * Releases the handle of a field twice, for /size/22: the server notices, and ends. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  TSMBuffer request;
  TSMLoc client;
  TSReleaseAssert(TSHttpTxnClientReqGet(txn, &request, &client) == TS_SUCCESS);
  TSMLoc host = TSMimeHdrFieldFind(request, client, "Host", 4);
  TSHandleMLocRelease(request, client, host);
  if (corpus_path_begins(txn, "size/22")) {
    TSHandleMLocRelease(request, client, host);
  }
  TSHandleMLocRelease(request, TS_NULL_MLOC, client);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave)
