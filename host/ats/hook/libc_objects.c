/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects of the C library: streams, open folders, lists of addresses, compiled expressions and rarer ones. A plugin that forgets
 * to close one keeps its memory, and most keep a file descriptor as well. They are counted as objects, without bytes: their memory
 * is heap. The site is the plugin's own call, as that of the heap (heap.c).
 *
 * An object is known by its address. A regex_t is not: it is the caller's variable, on the stack or in a container that moves it.
 * It is known by the program that regcomp() compiled, the first word that regfree() reads.
 *
 * What is left out, and why, is in docs/REFERENCE.md.
 */
#define _GNU_SOURCE
#include "hook/libc_objects.h"

#include <dirent.h>
#include <fts.h>
#include <iconv.h>
#include <ifaddrs.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <wchar.h>

#include "base/compiler.h"
#include "core/key.h"
#include "hook/lifetime.h"
#include "hook/state.h"
#include "owner/context.h"
#include "owner/plugin_call.h"

/* Counts an object that the call with this return address has made. A library's call counts if it is on a plugin's behalf. */
static MT_NOINLINE void
count_begin(const void *object, uint32_t kind, uintptr_t address)
{
  if (!object || !memtrack_hooks_get(heap) || memtrack_context.inside) {
    return;
  }
  if (!memtrack_plugin_call_is(address)) {
    if (memtrack_context.owner == MEMTRACK_OWNER_CORE) {
      return;
    }
    address = memtrack_plugin_call_find(address);
  }
  memtrack_lifetime_begin(object, kind, MEMTRACK_WEIGHT_NONE, address);
}

/* ---- functions that return an object, or NULL ---- */

#define RETURNED(X)                                                                                                            \
  X(fopen, STREAM, FILE *, (const char *path, const char *mode), (path, mode))                                                 \
  X(fopen64, STREAM, FILE *, (const char *path, const char *mode), (path, mode))                                               \
  X(fdopen, STREAM, FILE *, (int descriptor, const char *mode), (descriptor, mode))                                            \
  X(popen, STREAM, FILE *, (const char *command, const char *mode), (command, mode))                                           \
  X(tmpfile, STREAM, FILE *, (void), ())                                                                                       \
  X(tmpfile64, STREAM, FILE *, (void), ())                                                                                     \
  X(fmemopen, STREAM, FILE *, (void *buffer, size_t size, const char *mode), (buffer, size, mode))                             \
  X(open_memstream, STREAM, FILE *, (char **text, size_t *size), (text, size))                                                 \
  X(open_wmemstream, STREAM, FILE *, (wchar_t * *text, size_t * size), (text, size))                                           \
  X(fopencookie, STREAM, FILE *, (void *cookie, const char *mode, cookie_io_functions_t functions), (cookie, mode, functions)) \
  X(setmntent, STREAM, FILE *, (const char *path, const char *mode), (path, mode))                                             \
  X(opendir, DIRECTORY, DIR *, (const char *path), (path))                                                                     \
  X(fdopendir, DIRECTORY, DIR *, (int descriptor), (descriptor))                                                               \
  X(fts_open, OTHER, FTS *, (char *const *paths, int options, int (*order)(const FTSENT **, const FTSENT **)),                 \
    (paths, options, order))                                                                                                   \
  X(fts64_open, OTHER, FTS64 *, (char *const *paths, int options, int (*order)(const FTSENT64 **, const FTSENT64 **)),         \
    (paths, options, order))                                                                                                   \
  X(if_nameindex, OTHER, struct if_nameindex *, (void), ())

#define RETURNED_(name, kind, type, parameters, arguments)        \
  static type hook_##name parameters                              \
  {                                                               \
    type object = name arguments;                                 \
    count_begin(object, MEMTRACK_KIND_##kind, MT_RETURN_ADDRESS); \
    return object;                                                \
  }
RETURNED(RETURNED_) /* NOLINT(cert-env33-c): popen() is the caller's own */

/* ---- functions that end an object, whatever they return ---- */

#define ENDED(X)                        \
  X(fclose, int, (FILE * object))       \
  X(pclose, int, (FILE * object))       \
  X(endmntent, int, (FILE * object))    \
  X(closedir, int, (DIR * object))      \
  X(fts_close, int, (FTS * object))     \
  X(fts64_close, int, (FTS64 * object)) \
  X(iconv_close, int, (iconv_t object))

#define ENDED_(name, type, parameters) \
  static type hook_##name parameters   \
  {                                    \
    memtrack_lifetime_end(object);     \
    return name(object);               \
  }
ENDED(ENDED_)

#define FREED(X)                              \
  X(freeaddrinfo, (struct addrinfo * object)) \
  X(freeifaddrs, (struct ifaddrs * object))   \
  X(if_freenameindex, (struct if_nameindex * object))

#define FREED_(name, parameters)     \
  static void hook_##name parameters \
  {                                  \
    memtrack_lifetime_end(object);   \
    name(object);                    \
  }
FREED(FREED_)

/* ---- the others ---- */

/* The same stream goes on, or is closed. */
#define REOPENS(name)                                                      \
  static FILE *hook_##name(const char *path, const char *mode, FILE *file) \
  {                                                                        \
    struct memtrack_object known;                                          \
    bool taken     = memtrack_lifetime_take(file, &known);                 \
    FILE *reopened = name(path, mode, file);                               \
    if (taken && reopened) {                                               \
      memtrack_lifetime_give_back(&known);                                 \
    } else if (taken) {                                                    \
      memtrack_lifetime_count_end(&known);                                 \
    }                                                                      \
    return reopened;                                                       \
  }
REOPENS(freopen)
REOPENS(freopen64)

static int
hook_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
  int result = getaddrinfo(node, service, hints, list);
  if (result == 0) {
    count_begin(*list, MEMTRACK_KIND_ADDRESSES, MT_RETURN_ADDRESS);
  }
  return result;
}

static int
hook_getifaddrs(struct ifaddrs **list)
{
  int result = getifaddrs(list);
  if (result == 0) {
    count_begin(*list, MEMTRACK_KIND_OTHER, MT_RETURN_ADDRESS);
  }
  return result;
}

static iconv_t
hook_iconv_open(const char *to, const char *from)
{
  iconv_t converter = iconv_open(to, from);
  if (converter != (iconv_t)-1) {
    count_begin(converter, MEMTRACK_KIND_OTHER, MT_RETURN_ADDRESS);
  }
  return converter;
}

static int
hook_regcomp(regex_t *regex, const char *pattern, int flags)
{
  int result = regcomp(regex, pattern, flags);
  if (result == 0) {
    count_begin(regex->buffer, MEMTRACK_KIND_REGEX, MT_RETURN_ADDRESS);
  }
  return result;
}

static void
hook_regfree(regex_t *regex)
{
  memtrack_lifetime_end(regex->buffer);
  regfree(regex);
}

#define REDIRECT(name)         \
  {                            \
#name, (void *)hook_##name \
  }
#define REDIRECT_RETURNED_(name, kind, type, parameters, arguments) REDIRECT(name),
#define REDIRECT_ENDED_(name, type, parameters)                     REDIRECT(name),
#define REDIRECT_FREED_(name, parameters)                           REDIRECT(name),
#define ENDS                                                                                               \
  ENDED(REDIRECT_ENDED_) FREED(REDIRECT_FREED_) REDIRECT(freopen), REDIRECT(freopen64), REDIRECT(regfree), \
  {                                                                                                        \
    NULL, NULL                                                                                             \
  }

const struct memtrack_redirect memtrack_libc_objects[] = {
  RETURNED(REDIRECT_RETURNED_) REDIRECT(getaddrinfo), REDIRECT(getifaddrs), REDIRECT(iconv_open), REDIRECT(regcomp), ENDS,
};

const struct memtrack_redirect memtrack_libc_object_ends[] = {ENDS};

_Static_assert(sizeof(memtrack_libc_objects) / sizeof(*memtrack_libc_objects) - 1 <= MEMTRACK_REDIRECTS_MAX, "symbols of a table");
