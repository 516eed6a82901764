/* SPDX-License-Identifier: Apache-2.0
 * Leaks OpenSSL's objects. Their memory is allocated at lines of OpenSSL; only the execution context tells the owner.
 * leak_openssl_truth.c counts the memory kept by a call of objects(). */
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
