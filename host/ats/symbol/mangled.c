/* SPDX-License-Identifier: Apache-2.0
 *
 * Linkage names of the Itanium C++ ABI. Taking them apart is the C++ run-time library's (__cxa_demangle); here its text, which is
 * a whole declaration, is cut down to the name:
 *
 *   void ns::Cache<std::string, int>::put<int>(int)::{lambda(int)#1}::operator()(int) const
 *   └ dropped └─ kept ┘└─ cut ──────┘└─ kept ─┘     └──── kept ────┘  └─ kept ──┘
 */
#include "symbol/mangled.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Longer names are not taken apart: the library's stack use grows with them. */
#define MANGLED_MAX 1024
/* Template arguments up to so many characters, brackets included, stay. */
#define ARGUMENTS_MAX 24

char *__cxa_demangle(const char *name, char *buffer, size_t *size, int *status);

static const char OPERATOR[]  = "operator";
static const char ANONYMOUS[] = "(anonymous namespace)::";

static bool
begins(const char *text, const char *with)
{
  return strncmp(text, with, strlen(with)) == 0;
}

/* A class's own operator: its first argument is the size (m, or j where that has 32 bits), or the block (P). */
static bool
is_allocation_operator(const char *name)
{
  static const char *const LOCAL[] = {"nwEm", "naEm", "nwEj", "naEj", "dlEP", "daEP"};
  static const char *const PLAIN[] = {"_Znw", "_Zna", "_Zdl", "_Zda"};
  for (size_t i = 0; i < sizeof(PLAIN) / sizeof(*PLAIN); ++i) {
    if (begins(name, PLAIN[i])) {
      return true;
    }
  }
  for (size_t i = 0; i < sizeof(LOCAL) / sizeof(*LOCAL) && begins(name, "_ZN"); ++i) {
    if (strstr(name, LOCAL[i])) {
      return true;
    }
  }
  return false;
}

/* _Z, a Z for each function that it is local to, N and qualifiers of a member, then the namespace: std (St, and the substitutions
   Sa, Sb, Ss, Si, So, Sd of its best known classes) or __gnu_cxx. */
static bool
is_of_library(const char *name)
{
  if (!begins(name, "_Z")) {
    return false;
  }
  name += 2;
  name += strspn(name, "Z");
  if (*name == 'N') {
    name += 1 + strspn(name + 1, "rVKRO");
  }
  return (*name == 'S' && name[1] && strchr("tabsiod", name[1])) || begins(name, "9__gnu_cxx");
}

enum memtrack_mangled
memtrack_mangled_kind(const char *name)
{
  /* std::function's and std::thread's call of what they hold, in libstdc++ and libc++; std::invoke and its inner functions. */
  static const char *const TRAMPOLINES[] = {"9_M_invokeE", "6_M_runEv", "__invoke", "__function6__func", "14__thread_proxy"};
  if (is_allocation_operator(name)) {
    return MEMTRACK_MANGLED_WRAPPER;
  }
  if (!is_of_library(name)) {
    return MEMTRACK_MANGLED_OWN;
  }
  for (size_t i = 0; i < sizeof(TRAMPOLINES) / sizeof(*TRAMPOLINES); ++i) {
    if (strstr(name, TRAMPOLINES[i])) {
      return MEMTRACK_MANGLED_TRAMPOLINE;
    }
  }
  return MEMTRACK_MANGLED_WRAPPER;
}

struct out {
  char *text;
  size_t size, used;
};

static void
put(struct out *out, const char *from, size_t length)
{
  for (size_t i = 0; i < length && out->used + 1 < out->size; ++i) {
    unsigned char c        = (unsigned char)from[i];
    out->text[out->used++] = c >= ' ' && c <= '~' ? (char)c : '?';
  }
}

/* The end of what the bracket at `at` opens, all kinds of brackets counted as one. */
static const char *
bracket_end(const char *at)
{
  size_t depth = 0;
  for (; *at; ++at) {
    if (strchr("<({[", *at)) {
      ++depth;
    } else if (strchr(">)}]", *at) && at[-1] != '-' && --depth == 0) {
      return at + 1;
    }
  }
  return at;
}

static const char *
put_arguments(struct out *out, const char *at)
{
  const char *end = bracket_end(at);
  bool is_short   = end - at <= ARGUMENTS_MAX;
  put(out, is_short ? at : "<...>", is_short ? (size_t)(end - at) : 5);
  return end;
}

/* {lambda(int)#1}, {unnamed type#1}: without its arguments. */
static const char *
put_unnamed(struct out *out, const char *at)
{
  const char *end = bracket_end(at);
  while (at < end) {
    const char *part = at;
    while (at < end && *at != '(') {
      ++at;
    }
    put(out, part, at - part);
    at = at < end ? bracket_end(at) : end;
  }
  return end;
}

static bool
is_boundary(char c)
{
  return !isalnum((unsigned char)c) && c != '_';
}

/* operator+, operator(), operator new[], operator some::type<int>: these may hold what ends a name elsewhere. */
static const char *
put_operator(struct out *out, const char *at)
{
  put(out, at, sizeof(OPERATOR) - 1);
  at += sizeof(OPERATOR) - 1;
  if (begins(at, "()") || begins(at, "[]")) {
    put(out, at, 2);
    return at + 2;
  }
  if (*at != ' ') {
    size_t length = strspn(at, "<>=!+-*/%^&|~,");
    put(out, at, length);
    return at + length;
  }
  while (*at && *at != '(') {
    if (*at == '<') {
      at = put_arguments(out, at);
    } else {
      put(out, at++, 1);
    }
  }
  return at;
}

/* What may follow a space and is no name: qualifiers after the arguments, "operator< <int>". */
static size_t
qualifier_length(const char *at)
{
  static const char *const WORDS[] = {"const", "volatile", "restrict", "noexcept"};
  for (size_t i = 0; i < sizeof(WORDS) / sizeof(*WORDS); ++i) {
    if (begins(at, WORDS[i]) && is_boundary(at[strlen(WORDS[i])])) {
      return strlen(WORDS[i]);
    }
  }
  return strspn(at, "&");
}

static void
shorten(struct out *out, const char *at)
{
  const char *from = at;
  while (*at) {
    if (begins(at, ANONYMOUS)) { /* tells a reader nothing */
      at += sizeof(ANONYMOUS) - 1;
    } else if (begins(at, OPERATOR) && is_boundary(at[sizeof(OPERATOR) - 1]) && (at == from || is_boundary(at[-1]))) {
      at = put_operator(out, at);
    } else if (*at == '<') {
      at = put_arguments(out, at);
    } else if (*at == '{') {
      at = put_unnamed(out, at);
    } else if (*at == '(' || *at == '[') {
      at = bracket_end(at); /* the argument list, [abi:cxx11] */
    } else if (*at == ' ') {
      size_t length = qualifier_length(++at);
      if (length) {
        at += length;
      } else if (*at != '<' && *at != '[') {
        out->used = 0; /* it was the return type */
      }
    } else {
      put(out, at++, 1);
    }
  }
}

void
memtrack_mangled_text(const char *name, char *text, size_t size)
{
  struct out out = {.text = text, .size = size};
  char mangled[MANGLED_MAX];
  /* What the compiler made of a part of a function (".cold", ".part.0") stands after a dot. */
  size_t length = strcspn(name, ".");
  char *whole   = NULL;
  if (size == 0) {
    return;
  }
  if (begins(name, "_Z") && length < sizeof(mangled)) {
    memcpy(mangled, name, length);
    mangled[length] = '\0';
    whole           = __cxa_demangle(mangled, NULL, NULL, NULL);
  }
  shorten(&out, whole ? whole : name);
  if (whole) {
    put(&out, name + length, strlen(name + length));
    free(whole);
  }
  if (out.used == 0) {
    put(&out, name, strlen(name));
  }
  text[out.used] = '\0';
}
