/* SPDX-License-Identifier: Apache-2.0
 * Passes memory to the server, which frees it at the end of the transaction: the body of an error answer and its type. They are
 * used only for errors: for paths that begin with "error". */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  char *body = (char *)TSmalloc(2000); // SITE behave: tsapi +1 -1 =0
  char *type = TSstrdup("text/plain"); // SITE behave: tsapi +1 -1 =0
  memset(body, 'e', 2000);
  TSHttpTxnErrorBodySet(txn, body, 2000, type);
  // Set again: the server frees the first ones at once.
  body = (char *)TSmalloc(3000); // SITE behave: tsapi +1 -1 =0
  memset(body, 'f', 3000);
  TSHttpTxnErrorBodySet(txn, body, 3000, TSstrdup("text/x-other")); // SITE behave: tsapi +1 -1 =0
  if (corpus_path_begins(txn, "error")) {
    TSHttpTxnStatusSet(txn, TS_HTTP_STATUS_FORBIDDEN);
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
