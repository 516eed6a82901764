/* SPDX-License-Identifier: Apache-2.0
 * Forgets an object of each library that plugins use (libraries.h). The argument is the path of a MaxMind database. */
#include <string>
#include "corpus.h"
#include "libraries.h"

static std::string database;

CORPUS_NOINLINE static void
behave(TSHttpTxn)
{
  for (const Library &library : libraries) {
    CORPUS_KEEP(library.make(database.c_str()));
  }
}

CORPUS_HANDLER(behave)

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  TSReleaseAssert(argc == 2);
  database = argv[1];
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(corpus_handler, nullptr)); // SITE TSPluginInit: TSCont +1 -0 once
}
