/* SPDX-License-Identifier: Apache-2.0
 * Allocates with one family of functions and frees with another. All use malloc internally, so this has no consequences. */
#include <cstdlib>
#include <cstring>
#include <openssl/crypto.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn)
{
  TSfree(CORPUS_LAUNDER(malloc(10)));                                 // SITE behave: heap +1 -1 =0
  free(CORPUS_LAUNDER(TSmalloc(20)));                                 // SITE behave: tsapi +1 -1 =0
  operator delete(CORPUS_LAUNDER(TSmalloc(30)));                      // SITE behave: tsapi +1 -1 =0
  free(CORPUS_LAUNDER(operator new(40)));                             // SITE behave: heap +1 -1 =0
  TSfree(CORPUS_LAUNDER(strdup(CORPUS_LAUNDER((const char *)"50")))); // SITE behave: heap +1 -1 =0
  free(CORPUS_LAUNDER(OPENSSL_malloc(60)));                           // SITE behave: openssl +1 -1 =0
  OPENSSL_free(CORPUS_LAUNDER(malloc(70)));                           // SITE behave: heap +1 -1 =0
  OPENSSL_free(CORPUS_LAUNDER(TSmalloc(80)));                         // SITE behave: tsapi +1 -1 =0
  void *block = CORPUS_LAUNDER(TSmalloc(90));                         // SITE behave: tsapi +1 -1 =0
  block       = CORPUS_LAUNDER(realloc(block, 900));                  // SITE behave: heap +1 -1 =0
  block       = CORPUS_LAUNDER(TSrealloc(block, 1900));               // SITE behave: tsapi +1 -1 =0
  free(block);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
