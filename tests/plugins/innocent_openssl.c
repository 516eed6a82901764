/* SPDX-License-Identifier: Apache-2.0
 * Balanced: OpenSSL's objects. */
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  BIO *bio           = BIO_new(BIO_s_mem());
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  X509 *certificate  = X509_new();
  BIO_write(bio, "what is written makes it grow", 29);
  char *block = (char *)OPENSSL_malloc(100);         // SITE behave: openssl +1 -1 =0
  block       = (char *)OPENSSL_realloc(block, 200); // SITE behave: openssl +1 -1 =0
  OPENSSL_free(block);
  X509_free(certificate);
  EVP_MD_CTX_free(digest);
  BIO_free(bio);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
