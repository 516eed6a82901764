/* SPDX-License-Identifier: Apache-2.0
 * Issue 4562: the memory of certificates doubles with the first reload and again with the second, and then stays: the last two
 * generations are kept, and a third releases the first. Here each transaction is a reload. */
#include <openssl/ssl.h>
#include "corpus.h"

static TSMutex generations;
static SSL_CTX *kept[2];

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  TSMutexLock(generations);
  SSL_CTX_free(kept[0]);
  kept[0] = kept[1];
  kept[1] = SSL_CTX_new(TLS_server_method());
  TSMutexUnlock(generations);
}

CORPUS_HANDLER(behave)

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc;
  (void)argv;
  corpus_register();
  generations = TSMutexCreate();                                        // SITE TSPluginInit: TSMutex +1 -0 once
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(corpus_handler, NULL)); // SITE TSPluginInit: TSCont +1 -0 once
}
