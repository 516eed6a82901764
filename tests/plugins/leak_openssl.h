/* SPDX-License-Identifier: Apache-2.0
 * Leaks of leak_openssl.so per transaction, for the plugin and for the program that measures them. */
#ifndef LEAK_OPENSSL_H
#define LEAK_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

static __attribute__((noinline, noclone)) void
corpus_openssl_objects(void)
{
  BIO *bio           = BIO_new(BIO_s_mem());
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  X509 *certificate  = X509_new();
  BIO_write(bio, "what is written makes it grow", 29);
  __asm__ volatile("" : : "r"(bio), "r"(digest), "r"(certificate) : "memory");
}

#endif
