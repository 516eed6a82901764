// SPDX-License-Identifier: Apache-2.0
//
// Plays libtscore's part for fault_server.c: the built-in tracker of a server, under its names.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ROWS 64

int res_track_memory = 0;

static struct {
  const char *location;
  int64_t allocs, frees, in_use;
} rows[ROWS];

void increment(const char *location, int64_t size) __asm__("_ZN15ResourceTracker9incrementEPKcl");
void dump(FILE *file) __asm__("_ZN15ResourceTracker4dumpEP8_IO_FILE");
void ink_freelists_dump(FILE *file);

void
increment(const char *location, int64_t size)
{
  int i = 0;
  while (rows[i].location && strcmp(rows[i].location, location) != 0) {
    ++i;
  }
  rows[i].location = location;
  *(size >= 0 ? &rows[i].allocs : &rows[i].frees) += 1;
  rows[i].in_use += size;
}

void
dump(FILE *file)
{
  int64_t total = 0;
  if (!res_track_memory) {
    return;
  }
  fprintf(file, "\n%-10s | %-10s | %-20s | %-10s | %-50s\n", "Allocs", "Frees", "Size In-use", "Avg Size", "Location");
  for (int i = 0; rows[i].location; ++i) {
    fprintf(file, "%10ld | %10ld | %20ld | %10ld | %-50s\n", rows[i].allocs, rows[i].frees, rows[i].in_use, 0l, rows[i].location);
    total += rows[i].in_use;
  }
  fprintf(file, "                          %20ld |            | %-50s\n", total, "TOTAL");
}

void
ink_freelists_dump(FILE *file)
{
  fprintf(file, "     Allocated      |        In-Use      | Type Size  |   Free List Name\n");
  fprintf(file, " -------------------|--------------------|------------|----------------------------------\n");
  fprintf(file, "            1048576 |              65536 |       2048 | memory/test\n");
  fprintf(file, " %18d | %18d |            | TOTAL\n", 1048576, 65536);
}
