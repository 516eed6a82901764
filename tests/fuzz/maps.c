// SPDX-License-Identifier: Apache-2.0
//
// /proc/self/maps: any text. The protection is that of the first line whose range has the address, as another reader of the table
// finds it; a part of a long line is no line.
#include "fuzz.h"

#include <ctype.h>
#include <sys/mman.h>

#include "module/slots.h"

// A number as the kernel writes it, up to `end`.
static bool
number(const char **at, char end, uintptr_t *value)
{
  const char *start = *at;
  *value            = 0;
  for (; isxdigit((unsigned char)**at); ++*at) {
    *value = *value << 4 | (uintptr_t)(isdigit((unsigned char)**at) ? **at - '0' : (**at | 0x20) - 'a' + 10);
  }
  return *at > start && *at - start <= 16 && *(*at)++ == end;
}

// What the line says of the address: -1 if nothing, -2 if the kernel does not write such a line.
static int
reference(const char *line, uintptr_t address)
{
  uintptr_t from, to;
  if (!number(&line, '-', &from) || !number(&line, ' ', &to) || strspn(line, "rwxp-s") < 4) {
    return -2;
  }
  int protection = (line[0] == 'r' ? PROT_READ : 0) | (line[1] == 'w' ? PROT_WRITE : 0) | (line[2] == 'x' ? PROT_EXEC : 0);
  return address >= from && address < to ? protection : -1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct input input = {data, size};
  uintptr_t address  = take(&input, 8);
  if (input.size == 0 || memchr(input.at, '\0', input.size)) {
    return 0;
  }
  FILE *file = fmemopen((void *)(uintptr_t)input.at, input.size, "r");
  int found  = memtrack_maps_protection(file, (void *)address);
  fclose(file);
  CLAIM(found >= -1 && found <= (PROT_READ | PROT_WRITE | PROT_EXEC));
  char *text   = take_text(&input);
  int expected = -1;
  for (char *line = strtok(text, "\n"); line && expected == -1; line = strtok(NULL, "\n")) {
    expected = reference(line, address);
  }
  CLAIM(expected == -2 || found == expected);
  free(text);
  return 0;
}
