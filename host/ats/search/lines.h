/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of a file of /proc, one after the other, without a stream: what is read at a time is a page of the kernel's.
 */
#ifndef MEMTRACK_SEARCH_LINES_H
#define MEMTRACK_SEARCH_LINES_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_LINES_ROOM 16384u

struct memtrack_lines {
  int file;
  bool failed; /* the file could not be opened, or not be read to its end */
  uint32_t begin, end;
  char text[MEMTRACK_LINES_ROOM];
};

/* Opens the file. Not hook-safe. */
void memtrack_lines_open(struct memtrack_lines *lines, const char *path);

/* The next line with its length, without its end; NULL after the last one. A line that is too long is in several. Not hook-safe. */
const char *memtrack_lines_next(struct memtrack_lines *lines, uint32_t *length);

/* Not hook-safe. */
void memtrack_lines_close(struct memtrack_lines *lines);

#ifdef __cplusplus
}

/* Calls body(line, length), which returns whether to go on, for each line of a file; body may throw. Returns false if the file
   could not be read. Not hook-safe. */
template <typename Body>
bool
memtrack_lines_each(const char *path, Body body)
{
  struct reading {
    memtrack_lines lines;
    explicit reading(const char *name) { memtrack_lines_open(&lines, name); }
    ~reading() { memtrack_lines_close(&lines); }
  } file(path);
  uint32_t length;
  bool more = true;
  while (const char *line = more ? memtrack_lines_next(&file.lines, &length) : nullptr) {
    more = body(line, length);
  }
  return !file.lines.failed;
}
#endif

#endif
