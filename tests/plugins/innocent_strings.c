/* SPDX-License-Identifier: Apache-2.0
 * Releases the texts that the API hands out: itself, on another thread, by TSrealloc, or by passing them to the server, which
 * releases them at the end of the transaction. */
#include <pthread.h>
#include "corpus.h"

CORPUS_NOINLINE static void *
worker(void *text)
{
  TSfree(text);
  return NULL;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  int length = 0;
  pthread_t thread;
  TSfree(TSHttpTxnEffectiveUrlStringGet(txn, &length));       // SITE behave: tsapi +1 -1 =0
  char *given = TSHttpTxnEffectiveUrlStringGet(txn, &length); // SITE behave: tsapi +1 -1 =0
  TSReleaseAssert(given[length] == '\0' && strlen(given) == (size_t)length);
  TSReleaseAssert(pthread_create(&thread, NULL, worker, given) == 0);
  pthread_join(thread, NULL);

  char *grown = TSHttpTxnEffectiveUrlStringGet(txn, &length); // SITE behave: tsapi +1 -1 =0
  char first  = grown[0];
  grown       = (char *)TSrealloc(grown, length + 5000); // SITE behave: tsapi +1 -1 =0
  TSReleaseAssert(grown[0] == first && strlen(grown) == (size_t)length);
  TSfree(grown);

  char *body = TSHttpTxnEffectiveUrlStringGet(txn, &length);        // SITE behave: tsapi +1 -1 =0
  TSHttpTxnErrorBodySet(txn, body, length, TSstrdup("text/plain")); // SITE behave: tsapi +1 -1 =0

  TSMBuffer buffer;
  TSMLoc header, url;
  TSReleaseAssert(TSHttpTxnClientReqGet(txn, &buffer, &header) == TS_SUCCESS);
  TSReleaseAssert(TSHttpHdrUrlGet(buffer, header, &url) == TS_SUCCESS);
  TSfree(TSUrlStringGet(NULL, url, &length)); // SITE behave: tsapi +1 -1 =0
  TSHandleMLocRelease(buffer, header, url);
  TSHandleMLocRelease(buffer, TS_NULL_MLOC, header);

  TSMgmtString record = NULL;
  TSReleaseAssert(TSMgmtStringGet("proxy.config.http.server_ports", &record) == TS_SUCCESS); // SITE behave: tsapi +1 -1 =0
  TSfree(record);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
