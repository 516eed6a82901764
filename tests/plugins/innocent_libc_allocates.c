/* SPDX-License-Identifier: Apache-2.0
 * Frees memory that functions of the C library allocated with its own allocator. */
#define _GNU_SOURCE 1
#include <stdio.h>
#include <stdlib.h>
#include "corpus.h"

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  char *text = NULL;
  TSReleaseAssert(asprintf(&text, "%0500d", 7) == 500);
  free(text);

  char lines[] = "a first line, which is as long as it is, and then another one\nthe other one\n";
  FILE *file   = fmemopen(lines, sizeof(lines) - 1, "r");
  char *line   = (char *)malloc(5); // SITE behave: heap +1 -1 =0
  size_t room  = 5;
  while (getline(&line, &room, file) > 0) {
  }
  free(line);
  fclose(file);

  size_t size  = 0;
  FILE *memory = open_memstream(&text, &size);
  for (int i = 0; i < 1000; ++i) {
    fputs("0123456789", memory);
  }
  fclose(memory);
  TSReleaseAssert(size == 10000);
  free(text);

  text = realpath("/usr/../usr", NULL);
  free(text);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
