/* SPDX-License-Identifier: Apache-2.0
 * Frees memory that the server allocated for it. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  int length;
  char *effective = TSHttpTxnEffectiveUrlStringGet(txn, &length);
  TSfree(effective);

  TSMBuffer buffer;
  TSMLoc header, url;
  if (TSHttpTxnClientReqGet(txn, &buffer, &header) == TS_SUCCESS) {
    TSReleaseAssert(TSHttpHdrUrlGet(buffer, header, &url) == TS_SUCCESS);
    char *text = TSUrlStringGet(buffer, url, &length);
    TSfree(text);
    TSMLoc field = TSMimeHdrFieldGet(buffer, header, 0);
    if (field != TS_NULL_MLOC) {
      TSHandleMLocRelease(buffer, header, field);
    }
    TSHandleMLocRelease(buffer, header, url);
    TSHandleMLocRelease(buffer, TS_NULL_MLOC, header);
  }

  TSMgmtString value;
  TSReleaseAssert(TSMgmtStringGet("proxy.config.proxy_name", &value) == TS_SUCCESS);
  TSfree(value);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
