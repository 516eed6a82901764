/* SPDX-License-Identifier: Apache-2.0
 * TSfree of blocks that the C library allocated for itself, unseen by any hook. */
#define _GNU_SOURCE 1
#include <stdio.h>
#include <stdlib.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  char *text = NULL;
  TSReleaseAssert(asprintf(&text, "%0100d", 7) == 100);
  TSfree(text);
  TSfree(realpath("/usr/../usr", NULL));
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
