/* SPDX-License-Identifier: Apache-2.0 */
#include "owner/server_call.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <stddef.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core_abi.h"
#include "module/module.h"
#include "owner/context.h"
#include "owner/walk.h"
#include "symbol/eh_frame.h"

/* Code of a function. */
struct code {
  uintptr_t from, to;
};

#define OPENSSL_ALLOCATORS 7

static struct code allocators[MEMTRACK_SERVER_NAMES + OPENSSL_ALLOCATORS]; /* never a site */
static struct code freelists[MEMTRACK_SERVER_NAMES]; /* take chunks, or single objects where the server runs without freelists */
static struct code headers[MEMTRACK_SERVER_NAMES];   /* take heaps of headers that are larger than those of the freelists */
static size_t allocator_count, freelist_count, header_count;
static uintptr_t cpp_library; /* an address in it */

/* Of OpenSSL, whose memory is the heap's while the level is 1. */
static const char *const openssl_allocators[OPENSSL_ALLOCATORS] = {
  "CRYPTO_malloc", "CRYPTO_zalloc", "CRYPTO_realloc", "CRYPTO_clear_realloc", "CRYPTO_memdup", "CRYPTO_strdup", "CRYPTO_strndup"};

static bool
is_in(const struct code *functions, size_t count, uintptr_t address)
{
  size_t i = 0;
  while (i < count && address - functions[i].from >= functions[i].to - functions[i].from) {
    ++i;
  }
  return i < count;
}

static bool
holds(const struct memtrack_module *module, uintptr_t address)
{
  return address - module->start < module->end - module->start;
}

/* A memtrack_walk() predicate. The call precedes its return address. */
static bool
is_site(uintptr_t address)
{
  const struct memtrack_module *module = memtrack_module_at(address - 1);
  if (!module || module->kind == MEMTRACK_MODULE_LEFT_ALONE) {
    return false;
  }
  bool of_language = holds(module, cpp_library) || holds(module, (uintptr_t)gnu_get_libc_version);
  return !of_language && !holds(module, (uintptr_t)is_site) && !is_in(allocators, allocator_count, address - 1) &&
         !memtrack_module_is_wrapper(module, address);
}

/* The unwinder's own allocations are not counted. */
MT_NOINLINE uintptr_t
memtrack_server_call_find(uintptr_t otherwise)
{
  MEMTRACK_GUARD_REENTRY;
  uintptr_t found = memtrack_walk(MEMTRACK_SITES_OF_SERVER, is_site, otherwise);
  bool elsewhere  = is_in(freelists, freelist_count, found - 1) ||
                   (memtrack_context.owner != MEMTRACK_OWNER_CORE && is_in(headers, header_count, found - 1));
  return MT_UNLIKELY(elsewhere) ? 0 : found;
}

/* Adds the function at an address; none is no error. */
static void
add(struct code *functions, size_t *count, uintptr_t address)
{
  struct code *code = &functions[*count];
  if (address && memtrack_eh_frame_function(address, &code->from, &code->to)) {
    memtrack_store_release(count, *count + 1);
  }
}

static void
add_named(struct code *functions, size_t *count, const char *const *names, size_t most)
{
  for (size_t i = 0; i < most && names[i]; ++i) {
    add(functions, count, (uintptr_t)dlsym(RTLD_DEFAULT, names[i]));
  }
}

/* The function that takes an object, which a table of three begins with (struct ink_freelist_ops). */
static uintptr_t
taker(const char *table_getter)
{
  const uintptr_t *(*get)(void);
  *(void **)&get = dlsym(RTLD_DEFAULT, table_getter);
  return get ? *get() : 0;
}

int
memtrack_server_call_open(const struct memtrack_server *server, struct memtrack_reason *reason)
{
  static bool opened;
  size_t wanted = 0;
  if (!opened) {
    cpp_library = (uintptr_t)dlsym(RTLD_DEFAULT, "_ZSt9terminatev");
    add_named(allocators, &allocator_count, server->allocators, MEMTRACK_SERVER_NAMES);
    add_named(allocators, &allocator_count, openssl_allocators, OPENSSL_ALLOCATORS);
    add_named(headers, &header_count, server->header_heaps, MEMTRACK_SERVER_NAMES);
  }
  for (; wanted < MEMTRACK_SERVER_NAMES && server->freelist_tables[wanted]; ++wanted) {
    if (!opened) {
      add(freelists, &freelist_count, taker(server->freelist_tables[wanted]));
    }
  }
  opened = true;
  return freelist_count == wanted && header_count > 0
           ? 0
           : memtrack_reason_set(reason, "the functions by which the server takes memory for its freelists are not known");
}
