/* SPDX-License-Identifier: Apache-2.0
 * Calls a continuation of another plugin (leak_nested_inner.so) from within its handler, and leaks before and after: the owner
 * whose code runs changes twice in between, and OpenSSL's allocations must be charged to each owner. */
#include <openssl/crypto.h>
#include "corpus.h"

static int arg = -1;

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  if (arg < 0 && TSUserArgIndexNameLookup(TS_USER_ARGS_GLB, "corpus nested", &arg, NULL) != TS_SUCCESS) {
    return;
  }
  CORPUS_KEEP(TSmalloc(10));       // SITE behave: tsapi +1 -0 =10
  CORPUS_KEEP(OPENSSL_malloc(10)); // SITE behave: openssl +1 -0 =10
  TSContCall((TSCont)TSUserArgGet(NULL, arg), TS_EVENT_IMMEDIATE, txn);
  CORPUS_KEEP(TSmalloc(20));       // SITE behave: tsapi +1 -0 =20
  CORPUS_KEEP(OPENSSL_malloc(20)); // SITE behave: openssl +1 -0 =20
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
