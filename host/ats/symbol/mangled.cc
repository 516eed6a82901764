/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/mangled.h"

#include <cxxabi.h>
#include <stdlib.h>
#include <string.h>

#include "core/ask.h"

/* Longer names are not demangled: the library's stack use grows with their length. */
#define MANGLED_MAX 1024

uint32_t
memtrack_mangled_kind(const char *name)
{
  uint64_t length = strlen(name);
  return memtrack_ask_number(name, length, MEMTRACK_MANGLED_OWN,
                             [=](memtrack_core *core) { return memtrack_call(core, mangledKind, length); });
}

/* The declaration of a mangled name, malloc'ed; NULL if the name is not mangled. */
static char *
declaration_of(const char *name)
{
  char mangled[MANGLED_MAX];
  /* The compiler names parts of a function with a dot (".cold", ".part.0"). */
  size_t length = strcspn(name, ".");
  if (strncmp(name, "_Z", 2) != 0 || length >= sizeof(mangled)) {
    return nullptr;
  }
  memcpy(mangled, name, length);
  mangled[length] = '\0';
  return abi::__cxa_demangle(mangled, nullptr, nullptr, nullptr);
}

void
memtrack_mangled_text(const char *name, char *text, size_t size)
{
  if (size == 0) {
    return;
  }
  memtrack_answer answer;
  char *whole           = declaration_of(name);
  uint64_t whole_length = whole ? strlen(whole) : 0, length = strlen(name);
  memtrack_ask(&answer, {{whole, whole_length}, {name, length}},
               [=](memtrack_core *core) { return memtrack_call(core, shortenName, whole_length, length, size - 1); });
  free(whole);
  memtrack_answer_copy(&answer, text, size);
}
