/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/openssl.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/peek.h"
#include "hook/allocator.h"
#include "hook/block.h"
#include "hook/release.h"
#include "hook/state.h"
#include "module/segment.h"
#include "owner/context.h"

typedef void *(*malloc_function)(size_t, const char *, int);
typedef void *(*realloc_function)(void *, size_t, const char *, int);
typedef void (*free_function)(void *, const char *, int);
typedef void (*get_function)(malloc_function *, realloc_function *, free_function *);

enum { MALLOC, REALLOC, FREE };

static get_function get_functions;
static uintptr_t *place[3]; /* where libcrypto keeps each pointer */
static uintptr_t original[3];

/* Counts and tags a block of `size` bytes that malloc() allocated with `size` + MEMTRACK_TAG_SIZE. */
MT_INLINE void
record_block(void *block, size_t size, uint64_t key, const char *file, int line)
{
  uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_OPENSSL, line < 0 ? 0 : line, memtrack_context.owner);
  memtrack_block_record(block, size, key, (uintptr_t)file, attributes, file);
}

MT_HOT void *
memtrack_openssl_malloc(size_t size, const char *file, int line)
{
  if (MT_UNLIKELY(!memtrack_hooks_get(openssl_armed))) {
    return size ? malloc(size) : NULL;
  }
  /* As in CRYPTO_malloc(): 0 bytes are not allocated. */
  if (MT_UNLIKELY(size == 0)) {
    return NULL;
  }
  if (MT_UNLIKELY(size > SIZE_MAX - MEMTRACK_TAG_SIZE)) {
    errno = ENOMEM;
    return NULL;
  }
  uint64_t key = memtrack_hooks_get(openssl_key);
  void *block  = malloc(size + MEMTRACK_TAG_SIZE);
  if (MT_LIKELY(block != NULL)) {
    record_block(block, size, key, file, line);
  }
  return block;
}

MT_HOT void
memtrack_openssl_free(void *block, const char *file, int line)
{
  (void)file;
  (void)line;
  if (block && MT_LIKELY(memtrack_hooks_get(openssl_armed))) {
    uint32_t birth;
    uint64_t size, usable = malloc_usable_size(block);
    if (MT_LIKELY(memtrack_block_untag(block, usable, memtrack_hooks_get(openssl_key), &birth, &size))) {
      memtrack_account_free(birth, size);
    } else if (!memtrack_release_tagged(block, usable, memtrack_hooks_get(key))) {
      memtrack_account_free(memtrack_birth_untagged(MEMTRACK_CLASS_OPENSSL), size);
    }
  }
  free(block);
}

static void *
plain_realloc(void *block, size_t size, const char *file)
{
  (void)file;
  return realloc(block, size);
}

void *
memtrack_openssl_realloc(void *block, size_t size, const char *file, int line)
{
  if (block == NULL) {
    return memtrack_openssl_malloc(size, file, line);
  }
  if (size == 0) {
    memtrack_openssl_free(block, file, line);
    return NULL;
  }
  if (MT_UNLIKELY(!memtrack_hooks_get(openssl_armed))) {
    return realloc(block, size);
  }
  if (MT_UNLIKELY(size > SIZE_MAX - MEMTRACK_TAG_SIZE)) {
    errno = ENOMEM;
    return NULL;
  }
  uint64_t key        = memtrack_hooks_get(openssl_key);
  uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_OPENSSL, line < 0 ? 0 : line, memtrack_context.owner);
  uint32_t birth;
  return memtrack_block_resize(block, size, key, (uintptr_t)file, attributes, file, plain_realloc,
                               memtrack_birth_untagged(MEMTRACK_CLASS_OPENSSL), MEMTRACK_TAG_SIZE, &birth);
}

const uintptr_t *
memtrack_find_three(const uintptr_t *words, size_t count, const uintptr_t values[3], unsigned *places)
{
  const uintptr_t *first = NULL;
  for (size_t i = 0; i + 3 <= count; ++i) {
    const uintptr_t *w = words + i;
    unsigned found     = 0;
    for (int v = 0; v < 3; ++v) {
      found |= (w[0] == values[v]) << v | (w[1] == values[v]) << v | (w[2] == values[v]) << v;
    }
    if (found == 7) {
      first = first ? first : w;
      ++*places;
    }
  }
  return first;
}

struct scan {
  const void *inside; /* an address in the module to scan */
  const uintptr_t *values;
  const uintptr_t *first;
  unsigned places;
};

static int
scan_module(struct dl_phdr_info *info, size_t size, void *data)
{
  struct scan *scan = data;
  (void)size;
  if (!memtrack_segments_contain(info, scan->inside)) {
    return 0;
  }
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    struct memtrack_segment segment;
    if (memtrack_segment_get(info, i, &segment) && (segment.flags & PF_W)) {
      uintptr_t from = (segment.from + sizeof(uintptr_t) - 1) & ~(sizeof(uintptr_t) - 1);
      const uintptr_t *found =
        memtrack_find_three((const uintptr_t *)from, (segment.to - from) / sizeof(uintptr_t), scan->values, &scan->places);
      scan->first = scan->first ? scan->first : found;
    }
  }
  return 1;
}

static void
present_values(uintptr_t values[3])
{
  malloc_function m;
  realloc_function r;
  free_function f;
  get_functions(&m, &r, &f);
  values[MALLOC]  = (uintptr_t)m;
  values[REALLOC] = (uintptr_t)r;
  values[FREE]    = (uintptr_t)f;
}

/* Whether a function only calls the C library: libcrypto's own, or the server's wrapper. Blocks of other functions may not come
   from malloc. */
static bool
is_plain(uintptr_t function, const char *own_name)
{
  Dl_info info, program;
  return (uintptr_t)dlsym(RTLD_DEFAULT, own_name) == function ||
         (dladdr((void *)function, &info) && dladdr((void *)getauxval(AT_ENTRY), &program) && info.dli_fbase == program.dli_fbase);
}

int
memtrack_openssl_find(struct memtrack_reason *reason)
{
  static const char *const names[3] = {"CRYPTO_malloc", "CRYPTO_realloc", "CRYPTO_free"};
  get_functions                     = (get_function)dlsym(RTLD_DEFAULT, "CRYPTO_get_mem_functions");
  if (!get_functions) {
    return memtrack_reason_set(reason, "CRYPTO_get_mem_functions not found: the server does not use OpenSSL");
  }
  /* Sites are named by files' names, which libcrypto does not read. */
  if (memtrack_peek_open(reason) || memtrack_allocator_open(reason)) {
    return -1;
  }
  present_values(original);
  for (int i = 0; i < 3; ++i) {
    if (!is_plain(original[i], names[i])) {
      Dl_info info;
      bool known = dladdr((void *)original[i], &info) && info.dli_fname;
      return memtrack_reason_set(reason, "%s is set to a function of %s, which may not allocate with malloc", names[i],
                                 known ? info.dli_fname : "an unknown module");
    }
  }
  struct scan scan = {.inside = dlsym(RTLD_DEFAULT, "CRYPTO_malloc"), .values = original};
  dl_iterate_phdr(scan_module, &scan);
  if (scan.places != 1) {
    return memtrack_reason_set(reason, "libcrypto's three memory functions are stored in %u places (expected 1)", scan.places);
  }
  for (int i = 0; i < 3; ++i) {
    for (int v = 0; v < 3; ++v) {
      if (scan.first[i] == original[v]) {
        place[v] = (uintptr_t *)(scan.first + i);
      }
    }
  }
  return 0;
}

/* Releasing functions are replaced first and restored last: no block is tagged whose release is not seen, however long this
   thread is suspended between two stores. */
static void
store(const uintptr_t values[3])
{
  for (int i = 0; i < 3; ++i) {
    int which = values == original ? i : FREE - i;
    memtrack_store_release(place[which], values[which]);
  }
}

int
memtrack_openssl_install(struct memtrack_reason *reason)
{
  static const malloc_function our_malloc   = memtrack_openssl_malloc;
  static const realloc_function our_realloc = memtrack_openssl_realloc;
  static const free_function our_free       = memtrack_openssl_free;
  const uintptr_t ours[3]                   = {(uintptr_t)our_malloc, (uintptr_t)our_realloc, (uintptr_t)our_free};
  uintptr_t now[3];
  memtrack_store_ordered(&memtrack_hooks.openssl_key, memtrack_tag_key());
  memtrack_store_ordered(&memtrack_hooks.openssl_armed, true);
  store(ours);
  present_values(now);
  if (memcmp(now, ours, sizeof(now)) != 0) {
    store(original);
    memtrack_store_ordered(&memtrack_hooks.openssl_armed, false);
    return memtrack_reason_set(reason, "the three pointers found are not those that CRYPTO_get_mem_functions returns");
  }
  return 0;
}

void
memtrack_openssl_remove(void)
{
  store(original);
  memtrack_store_ordered(&memtrack_hooks.openssl_armed, false);
}

void
memtrack_openssl_disarm(void)
{
  memtrack_store(&memtrack_hooks.openssl_armed, false);
}
