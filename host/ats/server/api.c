/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "server/api.h"

#include <dlfcn.h>
#include <string.h>

static const struct {
  const char *name, *name_in_10;
  enum memtrack_api_use use;
} functions[MEMTRACK_API_COUNT] = {
#define X(name, use, hooked, name_in_10, result, parameters) {#name, name_in_10, MEMTRACK_API_##use},
  MEMTRACK_API(X)
#undef X
};

struct memtrack_api memtrack_api;
static const char *found[MEMTRACK_API_COUNT];

_Static_assert(sizeof(memtrack_api) == MEMTRACK_API_COUNT * sizeof(void *), "the functions are an array of pointers");

void
memtrack_api_open(void)
{
  void **pointers = (void **)&memtrack_api;
  for (size_t i = 0; i < MEMTRACK_API_COUNT; ++i) {
    const char *names[] = {functions[i].name, functions[i].name_in_10};
    found[i]            = NULL;
    for (size_t j = 0; j < 2 && !found[i] && names[j]; ++j) {
      pointers[i] = dlsym(RTLD_DEFAULT, names[j]);
      found[i]    = pointers[i] ? names[j] : NULL;
    }
  }
}

const char *
memtrack_api_name(enum memtrack_api_function function)
{
  return found[function];
}

bool
memtrack_api_is_inline(void)
{
  const char *name = found[MEMTRACK_API__TSmalloc];
  return name && strcmp(name, functions[MEMTRACK_API__TSmalloc].name) != 0;
}

const char *
memtrack_api_lacks(enum memtrack_api_use use)
{
  for (size_t i = 0; i < MEMTRACK_API_COUNT; ++i) {
    if (functions[i].use == use && !found[i]) {
      return functions[i].name;
    }
  }
  return NULL;
}
