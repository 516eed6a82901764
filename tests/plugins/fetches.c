/* SPDX-License-Identifier: Apache-2.0
 * Not part of the corpus: its fetches are transactions themselves. For each transaction of a client it fetches the same path from
 * the server, by TSFetchUrl. */
#include <arpa/inet.h>
#include <stdio.h>
#include "corpus.h"

static int
fetched(TSCont cont, TSEvent event, void *data)
{
  (void)event;
  (void)data;
  TSContDestroy(cont);
  return 0;
}

static void
behave(TSHttpTxn txn)
{
  char request[512];
  int length = 0;
  TSMBuffer buffer;
  TSMLoc header, url;
  if (TSHttpTxnIsInternal(txn) || TSHttpTxnClientReqGet(txn, &buffer, &header) != TS_SUCCESS) {
    return;
  }
  TSHttpHdrUrlGet(buffer, header, &url);
  const char *path = TSUrlPathGet(buffer, url, &length);
  int size = snprintf(request, sizeof(request), "GET http://127.0.0.1/%.*s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", length, path);
  TSHandleMLocRelease(buffer, header, url);
  TSHandleMLocRelease(buffer, TS_NULL_MLOC, header);
  struct sockaddr_in address;
  memset(&address, 0, sizeof(address));
  address.sin_family      = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port        = htons(1);
  TSFetchEvent events;
  events.success_event_id = 1001;
  events.failure_event_id = 1002;
  events.timeout_event_id = 1003;
  TSFetchUrl(request, size, (struct sockaddr *)&address, TSContCreate(fetched, TSMutexCreate()), AFTER_BODY, events);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave)
