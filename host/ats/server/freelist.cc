/* SPDX-License-Identifier: Apache-2.0 */
#include "server/freelist.h"

#include <dlfcn.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/ask.h"

uint64_t
memtrack_freelist_object(const char *symbol, const char *name)
{
  void (*print)(FILE *);
  char *text       = nullptr;
  size_t size      = 0;
  *(void **)&print = symbol ? dlsym(RTLD_DEFAULT, symbol) : nullptr;
  FILE *file       = print ? open_memstream(&text, &size) : nullptr;
  if (!file) {
    return 0;
  }
  print(file);
  fclose(file);
  memtrack_answer answer;
  uint64_t length       = strlen(name);
  memtrack_part parts[] = {{name, length}, {text, size}};
  memtrack_ask(&answer, parts, [=](memtrack_core *core) { return memtrack_call(core, readObjectSize, length, length + size); });
  free(text);
  return answer.number;
}
