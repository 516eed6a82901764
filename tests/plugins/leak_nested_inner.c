/* SPDX-License-Identifier: Apache-2.0
 * Offers a continuation to leak_nested_outer.so, and leaks when that calls it. */
#include <openssl/crypto.h>
#include "corpus.h"

CORPUS_NOINLINE static int
called(TSCont cont, TSEvent event, void *data)
{
  (void)cont;
  (void)event;
  (void)data;
  CORPUS_KEEP(TSmalloc(30));       // SITE called: tsapi +1 -0 =30
  CORPUS_KEEP(OPENSSL_malloc(30)); // SITE called: openssl +1 -0 =30
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  int arg;
  (void)argc;
  (void)argv;
  corpus_register();
  TSReleaseAssert(TSUserArgIndexReserve(TS_USER_ARGS_GLB, "corpus nested", "one calls it", &arg) == TS_SUCCESS);
  TSUserArgSet(NULL, arg, TSContCreate(called, NULL)); // SITE TSPluginInit: TSCont +1 -0 once
}
