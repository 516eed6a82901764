/* SPDX-License-Identifier: Apache-2.0
 * Frees a block twice, on a request for /double-free. The C library notices, and ends the process. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  if (corpus_path_begins(txn, "double-free")) {
    char *block = CORPUS_LAUNDER((char *)TSmalloc(700)); // SITE behave: tsapi +n -n
    char *again = CORPUS_LAUNDER(block);
    TSfree(block);
    TSfree(again);
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
