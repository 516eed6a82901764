/* SPDX-License-Identifier: Apache-2.0
 * Releases all handles: after an attempt with the wrong header, which the server refuses, on another thread, without a parent. */
#include "corpus.h"

struct work {
  TSMBuffer buffer;
  TSMLoc header, field;
};

CORPUS_NOINLINE static void *
worker(void *data)
{
  struct work *work = (struct work *)data;
  TSReleaseAssert(TSHandleMLocRelease(work->buffer, work->header, work->field) == TS_SUCCESS);
  return NULL;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  struct work work;
  TSMBuffer request;
  TSMLoc client;
  TSReleaseAssert(TSHttpTxnClientReqGet(txn, &request, &client) == TS_SUCCESS);
  TSMLoc host = TSMimeHdrFieldFind(request, client, "Host", 4); // SITE behave: TSMLoc +1 -1

  work.buffer = TSMBufferCreate(); // SITE behave: TSMBuffer +1 -1
  work.header = TSHttpHdrCreate(work.buffer);
  TSHttpHdrTypeSet(work.buffer, work.header, TS_HTTP_TYPE_REQUEST);
  TSReturnCode cloned =
    TSMimeHdrFieldClone(work.buffer, work.header, request, client, host, &work.field); // SITE behave: TSMLoc +1 -1
  TSReleaseAssert(cloned == TS_SUCCESS);
  TSReleaseAssert(TSMimeHdrFieldAppend(work.buffer, work.header, work.field) == TS_SUCCESS);

  // Of another header: refused, and the handle is still one.
  TSReleaseAssert(TSHandleMLocRelease(request, work.header, host) == TS_ERROR);
  int length = 0;
  TSReleaseAssert(TSMimeHdrFieldNameGet(request, client, host, &length) && length == 4);
  TSReleaseAssert(TSHandleMLocRelease(request, client, host) == TS_SUCCESS);
  TSReleaseAssert(TSHandleMLocRelease(request, client, TS_NULL_MLOC) == TS_SUCCESS);

  TSThread thread = TSThreadCreate(worker, &work); // SITE behave: TSThread +1 -1; heap +1 -1 =0
  TSThreadWait(thread);
  TSThreadDestroy(thread);

  TSMLoc first = TSMimeHdrFieldGet(work.buffer, work.header, 0);                           // SITE behave: TSMLoc +1 -1
  TSReleaseAssert(TSMimeHdrFieldNext(work.buffer, work.header, first) == TS_NULL_MLOC);    // SITE behave: TSMLoc +0 -0
  TSReleaseAssert(TSMimeHdrFieldNextDup(work.buffer, work.header, first) == TS_NULL_MLOC); // SITE behave: TSMLoc +0 -0
  TSReleaseAssert(TSHandleMLocRelease(work.buffer, TS_NULL_MLOC, first) == TS_SUCCESS);
  // A header is part of its buffer.
  TSReleaseAssert(TSHandleMLocRelease(work.buffer, TS_NULL_MLOC, work.header) == TS_SUCCESS);
  TSReleaseAssert(TSHandleMLocRelease(work.buffer, TS_NULL_MLOC, work.header) == TS_SUCCESS);
  TSMBufferDestroy(work.buffer);
  TSHandleMLocRelease(request, TS_NULL_MLOC, client);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
