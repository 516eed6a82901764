/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "search/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

void
memtrack_lines_open(struct memtrack_lines *lines, const char *path)
{
  lines->begin = lines->end = 0;
  lines->file               = memtrack_limit_descriptor(open(path, O_RDONLY | O_CLOEXEC));
  lines->failed             = lines->file < 0;
}

/* Returns false at the end of the file. */
static bool
read_more(struct memtrack_lines *lines)
{
  ssize_t count;
  memmove(lines->text, lines->text + lines->begin, lines->end - lines->begin);
  lines->end -= lines->begin;
  lines->begin = 0;
  do {
    count = lines->file < 0 ? 0 : read(lines->file, lines->text + lines->end, sizeof(lines->text) - lines->end);
  } while (count < 0 && errno == EINTR);
  lines->failed = lines->failed || count < 0;
  lines->end += count > 0 ? (uint32_t)count : 0;
  return count > 0;
}

const char *
memtrack_lines_next(struct memtrack_lines *lines, uint32_t *length)
{
  for (;;) {
    const char *line = lines->text + lines->begin;
    uint32_t left    = lines->end - lines->begin;
    const char *stop = memchr(line, '\n', left);
    if (stop || left == sizeof(lines->text)) {
      *length      = stop ? (uint32_t)(stop - line) : left;
      lines->begin = lines->begin + *length + (stop != NULL);
      return line;
    }
    if (!read_more(lines)) {
      return NULL;
    }
  }
}

void
memtrack_lines_close(struct memtrack_lines *lines)
{
  if (lines->file >= 0) {
    close(lines->file);
  }
}
