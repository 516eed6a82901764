/* SPDX-License-Identifier: Apache-2.0
 * Leaks a string with TSstrdup (its terminating 0 counts) and a part of a string with TSstrndup. */
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  CORPUS_KEEP(TSstrdup("twenty-two characters!")); // SITE behave: tsapi +1 -0 =23
  CORPUS_KEEP(TSstrndup("only ten of these", 10)); // SITE behave: tsapi +1 -0 =11
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
