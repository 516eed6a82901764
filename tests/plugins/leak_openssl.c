/* SPDX-License-Identifier: Apache-2.0
 * Leaks OpenSSL's objects. Their memory is allocated at lines of OpenSSL's; on whose behalf, only the execution context says.
 * leak_openssl_truth.c counts what one call of objects() keeps. */
#include "leak_openssl.h"
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  corpus_openssl_objects();
  CORPUS_KEEP(OPENSSL_malloc(123)); // SITE behave: openssl +1 -0 =123
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
