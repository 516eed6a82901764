/* SPDX-License-Identifier: Apache-2.0
 * Leaks strings with the C library's own functions. */
#define _GNU_SOURCE 1
#include <stdlib.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  const char *text = CORPUS_LAUNDER((const char *)"fifteen letters"); // else the compiler replaces it by malloc and a copy
  CORPUS_KEEP(strdup(text));                                          // SITE behave: heap +1 -0 =16
  CORPUS_KEEP(strndup(text, 7));                                      // SITE behave: heap +1 -0 =8
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
