/* SPDX-License-Identifier: Apache-2.0
 * Issue 8615: with OpenSSL 3 a digest's context is allocated for each cache key. It is released each time: much work, and no
 * growth. */
#include <openssl/evp.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (EVP_DigestInit_ex(context, EVP_md5(), NULL) && EVP_DigestUpdate(context, "key", 3)) {
    EVP_DigestFinal_ex(context, digest, &length);
  }
  EVP_MD_CTX_free(context);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
