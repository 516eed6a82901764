/* SPDX-License-Identifier: Apache-2.0
 * Forgets to release the texts that the API hands out: the URL of the request, a URL of its own, and a record. */
#include "corpus.h"

#define TEN_(text)  text text text text text text text text text text
#define URL_START   "http://example.com/"
#define URL         URL_START TEN_(TEN_("123456789"))
#define RECORD      "proxy.config.log.logfile_perm"
#define RECORD_TEXT "rw-r--r--"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  int length = 0;
  CORPUS_KEEP(TSHttpTxnEffectiveUrlStringGet(txn, &length)); // SITE behave: tsapi +1 -0 =n

  TSMBuffer buffer  = TSMBufferCreate(); // SITE behave: TSMBuffer +1 -1
  const char *start = URL, *end = start + strlen(start);
  TSMLoc url;
  TSReleaseAssert(TSUrlCreate(buffer, &url) == TS_SUCCESS);
  TSReleaseAssert(TSUrlParse(buffer, url, &start, end) == TS_PARSE_DONE);
  char *text = TSUrlStringGet(buffer, url, &length); // SITE behave: tsapi +1 -0 =920
  TSReleaseAssert(length == 919 && memcmp(text, URL, 920) == 0);
  TSHandleMLocRelease(buffer, TS_NULL_MLOC, url);
  TSMBufferDestroy(buffer);

  TSMgmtString record = NULL;
  TSReleaseAssert(TSMgmtStringGet(RECORD, &record) == TS_SUCCESS); // SITE behave: tsapi +1 -0 =10
  TSReleaseAssert(strcmp(record, RECORD_TEXT) == 0);
  TSMgmtString none = (TSMgmtString)record;
  TSReleaseAssert(TSMgmtStringGet("proxy.config.no.such.record", &none) == TS_ERROR && none == record);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
