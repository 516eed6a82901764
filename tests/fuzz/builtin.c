// SPDX-License-Identifier: Apache-2.0
//
// The built-in tracker's table: any lines. A row has a site within the registry's capacity, and the site's name is readable.
#include "fuzz.h"

#include "core/registry.h"

#define SITES 4096

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static bool opened;
  struct memtrack_builtin_row row;
  char text[MEMTRACK_NAME_MAX + 1];
  if (!opened) {
    CLAIM(memtrack_registry_open(SITES) == 0);
    opened = true;
  }
  const char *end = (const char *)data + size;
  for (const char *line = (const char *)data; line < end;) {
    const char *stop = memchr(line, '\n', end - line);
    size_t length    = (stop ? stop : end) - line;
    if (memtrack_registry_builtin_row(line, length, &row)) {
      CLAIM(row.site < MEMTRACK_SITE_FIRST + SITES + MEMTRACK_OTHERS_MAX);
      memtrack_registry_text(row.site, text, sizeof(text));
      CLAIM(text[0] && is_printable(text));
    }
    line += length + (stop != NULL);
  }
  CLAIM(memtrack_registry_count() <= MEMTRACK_SITE_FIRST + SITES);
  return 0;
}
