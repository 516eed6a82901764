/* SPDX-License-Identifier: Apache-2.0
 * A transform that passes every response on unchanged: a virtual connection with a buffer and a reader, made by TSTransformCreate,
 * and destroyed in its own handler when the connection is closed. */
#include "corpus.h"

struct transform {
  TSIOBuffer buffer;
  TSIOBufferReader reader;
  TSVIO output;
};

static void
pass_on(TSCont cont)
{
  TSVIO input                 = TSVConnWriteVIOGet(cont);
  struct transform *transform = (struct transform *)TSContDataGet(cont);
  if (!transform) {
    transform         = (struct transform *)TSmalloc(sizeof(*transform)); // SITE pass_on: tsapi +n -n =0
    transform->buffer = TSIOBufferCreate();                               // SITE pass_on: TSIOBuffer +n -n
    transform->reader = TSIOBufferReaderAlloc(transform->buffer);         // SITE pass_on: TSIOBufferReader +n -n
    transform->output = TSVConnWrite(TSTransformOutputVConnGet(cont), cont, transform->reader, TSVIONBytesGet(input));
    TSContDataSet(cont, transform);
  }
  if (!TSVIOBufferGet(input)) {
    TSVIONBytesSet(transform->output, TSVIONDoneGet(input));
    TSVIOReenable(transform->output);
    return;
  }
  int64_t todo  = TSVIONTodoGet(input);
  int64_t avail = todo > 0 ? TSIOBufferReaderAvail(TSVIOReaderGet(input)) : 0;
  int64_t now   = avail < todo ? avail : todo;
  if (now > 0) {
    TSIOBufferCopy(transform->buffer, TSVIOReaderGet(input), now, 0);
    // A copy refers to the server's blocks. With a word of its own in front, the buffer would have its own block, but the response
    // would be corrupt.
    TSIOBufferReaderConsume(TSVIOReaderGet(input), now);
    TSVIONDoneSet(input, TSVIONDoneGet(input) + now);
  }
  if (TSVIONTodoGet(input) > 0) {
    if (now > 0) {
      TSVIOReenable(transform->output);
      TSContCall(TSVIOContGet(input), TS_EVENT_VCONN_WRITE_READY, input);
    }
  } else {
    TSVIONBytesSet(transform->output, TSVIONDoneGet(input));
    TSVIOReenable(transform->output);
    TSContCall(TSVIOContGet(input), TS_EVENT_VCONN_WRITE_COMPLETE, input);
  }
}

static int
transformer(TSCont cont, TSEvent event, void *data)
{
  (void)data;
  if (TSVConnClosedGet(cont)) {
    struct transform *transform = (struct transform *)TSContDataGet(cont);
    if (transform) {
      TSIOBufferDestroy(transform->buffer); // together with its reader
      TSfree(transform);
    }
    TSContDestroy(cont);
    return 0;
  }
  if (event == TS_EVENT_ERROR) {
    TSVIO input = TSVConnWriteVIOGet(cont);
    TSContCall(TSVIOContGet(input), TS_EVENT_ERROR, input);
  } else if (event == TS_EVENT_VCONN_WRITE_COMPLETE) {
    TSVConnShutdown(TSTransformOutputVConnGet(cont), 0, 1);
  } else {
    pass_on(cont);
  }
  return 0;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  if (corpus_path_begins(txn, "size")) {
    TSVConn transform = TSTransformCreate(transformer, txn); // SITE behave: TSCont +n -n
    TSHttpTxnHookAdd(txn, TS_HTTP_RESPONSE_TRANSFORM_HOOK, transform);
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
