/* SPDX-License-Identifier: Apache-2.0
 * All ways of calling getline and getdelim. The C library reads the line only if it has a size, and passes it to the allocator
 * only if it is too short. A line that was never initialized, and a line that is not a block of the allocator, are therefore
 * correct. Each call must answer as without memtrack. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "corpus.h"

static const char TEXT[] = "first\n"
                           "a second line, longer than any block that the C library begins with: 0123456789 0123456789 0123456789 "
                           "0123456789 0123456789\n"
                           "last";

static FILE *
text_file(void)
{
  FILE *file = fmemopen((void *)(uintptr_t)TEXT, sizeof(TEXT) - 1, "r");
  TSReleaseAssert(file != NULL);
  return file;
}

/* A possible value of an uninitialized local variable. */
static char *
garbage(void)
{
  return CORPUS_LAUNDER((char *)(uintptr_t)0x4141414141414141u);
}

/* Reads the rest of the file into a line that the C library may enlarge; returns the line. */
CORPUS_NOINLINE static char *
read_rest(FILE *file, char *line, size_t room)
{
  int lines = 0;
  ssize_t length;
  while ((length = getline(&line, &room, file)) > 0) {
    TSReleaseAssert(strlen(line) == (size_t)length && room > (size_t)length);
    ++lines;
  }
  TSReleaseAssert(length == -1 && feof(file) && lines >= 1 && strcmp(line, "last") == 0);
  return line;
}

CORPUS_NOINLINE static void
uninitialised(void)
{
  FILE *file  = text_file();
  char *line  = garbage();
  size_t room = 0;
  TSReleaseAssert(getline(&line, &room, file) == 6 && strcmp(line, "first\n") == 0);
  free(read_rest(file, line, room));
  fclose(file);
}

CORPUS_NOINLINE static void
null_with_a_size(void)
{
  FILE *file  = text_file();
  char *line  = NULL;
  size_t room = 4711;
  TSReleaseAssert(getdelim(&line, &room, ' ', file) == 8 && strcmp(line, "first\na ") == 0);
  TSReleaseAssert(room != 4711);
  free(read_rest(file, line, room));
  fclose(file);
}

/* Between bytes that read as the sizes of an enormous block. */
CORPUS_NOINLINE static void
array(void)
{
  char page[3 * 4096];
  memset(page, 'A', sizeof(page));
  char *line = page + 4096, *same = line;
  size_t room = 4096;
  FILE *file  = text_file();
  TSReleaseAssert(getline(&line, &room, file) == 6 && line == same && room == 4096 && strcmp(line, "first\n") == 0);
  TSReleaseAssert(line[7] == 'A' && line[-1] == 'A');
  TSReleaseAssert(read_rest(file, line, room) == same);
  fclose(file);
}

/* Reads the whole text into a block of the plugin, and releases the C library's result. */
CORPUS_NOINLINE static void
read_all(void *block, size_t room)
{
  FILE *file = text_file();
  free(read_rest(file, (char *)block, room));
  fclose(file);
}

CORPUS_NOINLINE static void
blocks(void)
{
  read_all(malloc(3), 3);     // SITE blocks: heap +1 -1 =0
  read_all(malloc(500), 500); // SITE blocks: heap +1 -1 =0
  read_all(TSmalloc(2), 2);   // SITE blocks: tsapi +1 -1 =0
}

CORPUS_NOINLINE static void
at_the_end(void)
{
  char nothing[1] = "";
  FILE *file      = fopen("/dev/null", "r");
  char *line = garbage(), *kept = nothing;
  size_t room = 0, kept_room = 1;
  TSReleaseAssert(getline(&kept, &kept_room, file) == -1 && kept == nothing && kept_room == 1);
  TSReleaseAssert(getline(&line, &room, file) == -1 && line != garbage() && room > 0);
  free(line); /* allocated in any case */
  fclose(file);
}

CORPUS_NOINLINE static void
wrong(void)
{
  FILE *file  = text_file();
  char *line  = garbage();
  size_t room = 100;
  errno       = 0;
  TSReleaseAssert(getline(NULL, &room, file) == -1 && errno == EINVAL && room == 100);
  errno = 0;
  TSReleaseAssert(getdelim(&line, NULL, '\n', file) == -1 && errno == EINVAL && line == garbage());
  fclose(file);
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  uninitialised();
  null_with_a_size();
  array();
  blocks();
  at_the_end();
  wrong();
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
