/* SPDX-License-Identifier: Apache-2.0
 * Never reenables the transactions whose URL contains "held", as a plugin that waits for an answer that does not come: the server
 * keeps each of them, with all that it holds, even when its client has gone. */
#include "corpus.h"

static int
handler(TSCont cont, TSEvent event, void *data)
{
  TSHttpTxn txn = (TSHttpTxn)data;
  TSMBuffer buffer;
  TSMLoc header, url;
  (void)cont;
  (void)event;
  if (TSHttpTxnClientReqGet(txn, &buffer, &header) == TS_SUCCESS && TSHttpHdrUrlGet(buffer, header, &url) == TS_SUCCESS) {
    int length       = 0;
    const char *path = TSUrlPathGet(buffer, url, &length);
    int held         = length >= 4 && memcmp(path, "held", 4) == 0;
    TSHandleMLocRelease(buffer, header, url);
    TSHandleMLocRelease(buffer, TS_NULL_MLOC, header);
    if (held) {
      return 0;
    }
  }
  TSHttpTxnReenable(txn, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc;
  (void)argv;
  corpus_register();
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(handler, NULL));
}
