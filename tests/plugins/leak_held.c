/* SPDX-License-Identifier: Apache-2.0
 * Leaks marshal buffers that hold more than at their creation. A header heap has 2,048 bytes, each further one is twice as large; a
 * heap of strings has 2,048 bytes, or a multiple of 4,096. Two buffers share a heap of strings. */
#include "corpus.h"

static const char text[3000] = "/";

CORPUS_NOINLINE static TSMLoc
add_url(TSMBuffer buffer, int length)
{
  TSMLoc url;
  if (TSUrlCreate(buffer, &url) == TS_SUCCESS && length) {
    TSUrlPathSet(buffer, url, text, length);
  }
  return url;
}

static TSMBuffer grows;

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  add_url(TSMBufferCreate(), 0);    // SITE behave: TSMBuffer +1 -0 =2048; heap +1 -0 =8
  add_url(TSMBufferCreate(), 10);   // SITE behave: TSMBuffer +1 -0 =4096; heap +1 -0 =8
  add_url(TSMBufferCreate(), 3000); // SITE behave: TSMBuffer +1 -0 =6144; heap +1 -0 =8

  TSMBuffer chained = TSMBufferCreate(); // SITE behave: TSMBuffer +1 -0 =14336; heap +1 -0 =8
  for (int i = 0; i < 60; ++i) {
    add_url(chained, 0);
  }

  TSMLoc copy;
  TSMBuffer shared = TSMBufferCreate(); // SITE behave: TSMBuffer +1 -0 =3072; heap +1 -0 =8
  TSMBuffer shares = TSMBufferCreate(); // SITE behave: TSMBuffer +1 -0 =3072; heap +1 -0 =8
  TSUrlClone(shares, shared, add_url(shared, 10), &copy);

  TSMBuffer model = TSMBufferCreate(); // SITE behave: TSMBuffer +1 -1 =0; heap +1 -1 =0
  TSMBuffer heir  = TSMBufferCreate(); // SITE behave: TSMBuffer +1 -0 =4096; heap +1 -0 =8
  TSUrlClone(heir, model, add_url(model, 10), &copy);
  TSMBufferDestroy(model);

  add_url(grows, 100);
}

CORPUS_HANDLER(behave)

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc;
  (void)argv;
  corpus_register();
  grows = TSMBufferCreate(); // SITE TSPluginInit: TSMBuffer +1 -0 once; heap +1 -0 =8 once
  add_url(grows, 3000);
  TSHttpHookAdd(CORPUS_AT_CLOSE, TSContCreate(corpus_handler, NULL)); // SITE TSPluginInit: TSCont +1 -0 once
}
