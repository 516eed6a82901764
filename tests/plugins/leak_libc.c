/* SPDX-License-Identifier: Apache-2.0
 * Forgets what the C library allocates for it. */
#define _GNU_SOURCE 1
#include <argz.h>
#include <envz.h>
#include <stdio.h>
#include <unistd.h>
#include <wchar.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  char *text  = NULL;
  size_t size = 0;
  TSReleaseAssert(asprintf(&text, "%0499d", 7) == 499); // SITE behave: heap +n -n =500
  CORPUS_KEEP(text);
  CORPUS_KEEP(realpath("/usr/../usr", NULL)); // SITE behave: heap +1 -0 =5
  CORPUS_KEEP(wcsdup(L"wide"));               // SITE behave: heap +1 -0 =20
  CORPUS_KEEP(get_current_dir_name());        // SITE behave: heap +n -n =n

  text = NULL;
  TSReleaseAssert(argz_create_sep("one:two:three", ':', &text, &size) == 0); // SITE behave: heap +1 -0 =14
  CORPUS_KEEP(text);
  text = NULL, size = 0;
  TSReleaseAssert(envz_add(&text, &size, "name", "value") == 0); // SITE behave: heap +n -n =n
  CORPUS_KEEP(text);

  char line[] = "a line that is read into memory of the C library\n";
  FILE *file  = fmemopen(line, sizeof(line) - 1, "r"); // SITE behave: heap +n -n =n
  text = NULL, size = 0;
  TSReleaseAssert(getline(&text, &size, file) > 0); // SITE behave: heap +n -n =n
  CORPUS_KEEP(text);
  fclose(file);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
