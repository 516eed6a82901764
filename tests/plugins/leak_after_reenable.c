/* SPDX-License-Identifier: Apache-2.0
 * Leaks after re-enabling the transaction: the server has meanwhile called the next plugins, from within this handler. */
#include <openssl/crypto.h>
#include "corpus.h"

CORPUS_NOINLINE static int
handler(TSCont cont, TSEvent event, void *data)
{
  (void)cont;
  (void)event;
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  CORPUS_KEEP(TSmalloc(40));       // SITE handler: tsapi +1 -0 =40
  CORPUS_KEEP(OPENSSL_malloc(40)); // SITE handler: openssl +1 -0 =40
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc;
  (void)argv;
  corpus_register();
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(handler, NULL)); // SITE TSPluginInit: TSCont +1 -0 once
}
