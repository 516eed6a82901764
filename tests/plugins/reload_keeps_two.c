/* SPDX-License-Identifier: Apache-2.0
 * Loads a configuration of 100,000 bytes at each reload, and keeps the last two: a transaction may still use the last but one. */
#include "corpus.h"

#define SIZE 100000

static void *kept[2];

CORPUS_NOINLINE static void
load(void)
{
  TSfree(kept[1]);
  kept[1] = kept[0];
  kept[0] = TSmalloc(SIZE);
  memset(kept[0], 1, SIZE);
}

static int
on_reload(TSCont cont, TSEvent event, void *data)
{
  (void)cont;
  (void)event;
  (void)data;
  load();
  return 0;
}

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc;
  (void)argv;
  corpus_register();
  load();
  TSMgmtUpdateRegister(TSContCreate(on_reload, NULL), "reload_keeps_two");
}
