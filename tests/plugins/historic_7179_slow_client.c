/* SPDX-License-Identifier: Apache-2.0
 * Issues 7179 and 7257: a plugin writes faster than the client reads, and everything waits in a buffer until the connection ends.
 * An intercept answers /large with 16 MiB that it writes at once. */
#include "corpus.h"

#define SIZE (16 * 1024 * 1024)

struct intercept {
  TSVConn connection;
  TSIOBuffer in, out;
  TSIOBufferReader in_reader;
};

static void
end(TSCont cont, struct intercept *intercept)
{
  if (intercept) {
    TSVConnClose(intercept->connection);
    TSIOBufferDestroy(intercept->in);
    if (intercept->out) {
      TSIOBufferDestroy(intercept->out);
    }
    TSfree(intercept);
  }
  TSContDestroy(cont);
}

static void
fill(TSIOBuffer out)
{
  static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\nCache-Control: no-store\r\n\r\n";
  static char block[32768];
  TSIOBufferWrite(out, head, sizeof(head) - 1);
  for (int i = 0; i < SIZE / (int)sizeof(block); ++i) {
    TSIOBufferWrite(out, block, sizeof(block));
  }
}

static int
origin(TSCont cont, TSEvent event, void *data)
{
  struct intercept *intercept = (struct intercept *)TSContDataGet(cont);
  switch (event) {
  case TS_EVENT_NET_ACCEPT:
    intercept             = (struct intercept *)TSmalloc(sizeof(*intercept)); // SITE origin: tsapi +n -n
    intercept->connection = (TSVConn)data;
    intercept->in         = TSIOBufferCreate();                   // SITE origin: TSIOBuffer +n -n
    intercept->in_reader  = TSIOBufferReaderAlloc(intercept->in); // SITE origin: TSIOBufferReader +n -n
    intercept->out        = NULL;
    TSContDataSet(cont, intercept);
    TSVConnRead(intercept->connection, cont, intercept->in, INT64_MAX);
    break;
  case TS_EVENT_VCONN_READ_READY:
    TSIOBufferReaderConsume(intercept->in_reader, TSIOBufferReaderAvail(intercept->in_reader));
    if (!intercept->out) {
      intercept->out          = TSIOBufferSizedCreate(TS_IOBUFFER_SIZE_INDEX_32K); // SITE origin: TSIOBuffer +n -n; iobuffer +n -n
      TSIOBufferReader reader = TSIOBufferReaderAlloc(intercept->out);             // SITE origin: TSIOBufferReader +n -n
      fill(intercept->out);
      TSVConnWrite(intercept->connection, cont, reader, INT64_MAX);
    }
    break;
  case TS_EVENT_VCONN_WRITE_READY:
    break;
  default:
    end(cont, intercept);
    break;
  }
  return 0;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  if (corpus_path_begins(txn, "large")) {
    TSCont cont = TSContCreate(origin, TSMutexCreate()); // SITE behave: TSCont +n -n; TSMutex +n -n
    TSHttpTxnServerIntercept(cont, txn);
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
