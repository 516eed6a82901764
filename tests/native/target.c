// SPDX-License-Identifier: Apache-2.0
//
// Plays libtscore's part: a library whose functions others call through slots.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "own_calls.h"

int target_level = 0;

static int64_t allocs, frees, in_use;
static char location[64];

void target_increment(const char *where, int64_t size);
void target_dump(FILE *file);

void
target_increment(const char *where, int64_t size)
{
  snprintf(location, sizeof(location), "%s", where);
  if (size >= 0) {
    ++allocs;
  } else {
    ++frees;
  }
  in_use += size;
}

// One row is enough for the tests; the format is the server's.
void
target_dump(FILE *file)
{
  if (target_level) {
    fprintf(file, "\n%-10s | %-10s | %-20s | %-10s | %-50s\n", "Allocs", "Frees", "Size In-use", "Avg Size", "Location");
    fprintf(file, "%10ld | %10ld | %20ld | %10ld | %-50s\n", allocs, frees, in_use, 0L, location);
    fprintf(file, "                          %20ld |            | %-50s\n", in_use, "TOTAL");
  }
}

OWN_CALLS(target)
