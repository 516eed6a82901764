/* SPDX-License-Identifier: Apache-2.0
 * Answers requests for /intercept itself: a continuation plays the origin's part of the connection, with two buffers. */
#include "corpus.h"

struct intercept {
  TSVConn connection;
  TSIOBuffer in, out;
  TSIOBufferReader in_reader, out_reader;
};

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nintercepted\n";

static void
end(TSCont cont, struct intercept *intercept)
{
  if (intercept) {
    TSVConnClose(intercept->connection);
    TSIOBufferReaderFree(intercept->in_reader);
    TSIOBufferDestroy(intercept->in);
    if (intercept->out) {
      TSIOBufferDestroy(intercept->out);
    }
    TSfree(intercept);
  }
  TSContDestroy(cont);
}

static int
origin(TSCont cont, TSEvent event, void *data)
{
  struct intercept *intercept = (struct intercept *)TSContDataGet(cont);
  switch (event) {
  case TS_EVENT_NET_ACCEPT:
    intercept             = (struct intercept *)TSmalloc(sizeof(*intercept)); // SITE origin: tsapi +n -n =0
    intercept->connection = (TSVConn)data;
    intercept->in         = TSIOBufferCreate();                   // SITE origin: TSIOBuffer +n -n
    intercept->in_reader  = TSIOBufferReaderAlloc(intercept->in); // SITE origin: TSIOBufferReader +n -n
    intercept->out        = NULL;
    TSContDataSet(cont, intercept);
    TSVConnRead(intercept->connection, cont, intercept->in, INT64_MAX);
    break;
  case TS_EVENT_VCONN_READ_READY:
    if (!intercept->out) {
      intercept->out        = TSIOBufferSizedCreate(TS_IOBUFFER_SIZE_INDEX_512); // SITE origin: TSIOBuffer +n -n; iobuffer +n -n =0
      intercept->out_reader = TSIOBufferReaderAlloc(intercept->out);             // SITE origin: TSIOBufferReader +n -n
      TSIOBufferWrite(intercept->out, answer, sizeof(answer) - 1);
      TSVConnWrite(intercept->connection, cont, intercept->out_reader, sizeof(answer) - 1);
    }
    TSIOBufferReaderConsume(intercept->in_reader, TSIOBufferReaderAvail(intercept->in_reader));
    break;
  case TS_EVENT_VCONN_WRITE_READY:
    break;
  case TS_EVENT_VCONN_WRITE_COMPLETE:
    TSVConnShutdown(intercept->connection, 0, 1);
    end(cont, intercept);
    break;
  default: // accept failed, end of stream, an error
    end(cont, intercept);
    break;
  }
  return 0;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  if (corpus_path_begins(txn, "intercept")) {
    TSCont cont = TSContCreate(origin, TSMutexCreate()); // SITE behave: TSCont +n -n; TSMutex +n -n
    TSHttpTxnServerIntercept(cont, txn);
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
