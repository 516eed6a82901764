/* SPDX-License-Identifier: Apache-2.0
 * Makes and drops objects of the libraries that plugins use (libraries.h). The arguments are the path of a MaxMind database, how
 * often for each transaction, and optionally `tables`: then the libraries get the C library's functions as their allocator. cJSON
 * keeps realloc() only if it is given malloc() and free() as it knows them: a line in traffic.out says if it does not. */
#include <malloc.h>
#include <string>
#include "corpus.h"
#include "libraries.h"
#include "libraries_tables.h"

static std::string database;
static int times;

/* cJSON prints into a block of 256 bytes, and gives it its final size, here 236: with realloc() there is nothing to give back, and
   it has more room than a new block. Malloc may give a larger block now and then: most of the texts tell. */
CORPUS_NOINLINE static void
compare_cjson()
{
  enum { TEXTS = 20 };
  int resized = 0;
  std::string content(233, 'x');
  for (int i = 0; i < TEXTS; ++i) {
    cJSON *object = cJSON_CreateString(content.c_str());
    char *text    = cJSON_PrintUnformatted(object);
    void *fresh   = malloc(strlen(text) + 1);
    resized += malloc_usable_size(text) > malloc_usable_size(CORPUS_LAUNDER(fresh));
    free(fresh);
    cJSON_free(text);
    cJSON_Delete(object);
  }
  if (resized < TEXTS / 2) {
    fprintf(stderr, "innocent_libraries: cJSON resizes %d of %d\n", resized, TEXTS);
  }
}

CORPUS_NOINLINE static void
behave(TSHttpTxn)
{
  for (int i = 0; i < times; ++i) {
    for (const Library &library : libraries) {
      library.drop(CORPUS_LAUNDER(library.make(database.c_str())));
    }
    compare_cjson();
  }
}

CORPUS_HANDLER(behave)

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  TSReleaseAssert(argc >= 3);
  database = argv[1];
  times    = atoi(argv[2]);
  if (argc > 3) {
    libraries_set_tables();
  }
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(corpus_handler, nullptr)); // SITE TSPluginInit: TSCont +1 -0 once
}
