// SPDX-License-Identifier: Apache-2.0
//
// The receiver of log lines for every target.
#include "fuzz.h"

#include <stdarg.h>

#include "base/log.h"

unsigned fuzz_lines;

void
memtrack_log(enum memtrack_severity severity, const char *format, ...)
{
  static char line[8192];
  va_list list;
  (void)severity;
  va_start(list, format);
  vsnprintf(line, sizeof(line), format, list);
  va_end(list);
  ++fuzz_lines;
  CLAIM(is_printable(line));
  if (strstr(format, "trapped")) {
    fprintf(stderr, "%s\n", line);
    abort();
  }
}
