/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/extensions.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "hook/allocator.h"
#include "hook/release.h"
#include "owner/context.h"

/* Name, parameters; the counterpart without a size, its parameters, its arguments. C23; jemalloc; gperftools; mimalloc. */
#define PLAIN_   (void *block, size_t size MT_UNUSED)
#define ALIGNED_ (void *block, size_t size MT_UNUSED, size_t align)
#define SIZED(X)                                                                                               \
  X(free_sized, PLAIN_, free, (void *), (block))                                                               \
  X(free_aligned_sized, (void *block, size_t align MT_UNUSED, size_t size MT_UNUSED), free, (void *), (block)) \
  X(sdallocx, (void *block, size_t size MT_UNUSED, int flags), dallocx, (void *, int), (block, flags))         \
  X(tc_free_sized, PLAIN_, tc_free, (void *), (block))                                                         \
  X(tc_delete_sized, PLAIN_, tc_delete, (void *), (block))                                                     \
  X(tc_deletearray_sized, PLAIN_, tc_deletearray, (void *), (block))                                           \
  X(tc_delete_sized_aligned, ALIGNED_, tc_delete_aligned, (void *, size_t), (block, align))                    \
  X(tc_deletearray_sized_aligned, ALIGNED_, tc_deletearray_aligned, (void *, size_t), (block, align))          \
  X(mi_free_size, PLAIN_, mi_free, (void *), (block))                                                          \
  X(mi_free_size_aligned, ALIGNED_, mi_free_aligned, (void *, size_t), (block, align))

#define HOOK_(name, parameters, unsized, types, arguments) \
  static void(*unsized_##name) types;                      \
  static void other_##name parameters                      \
  {                                                        \
    if (memtrack_release_is_counted()) {                   \
      memtrack_release(block, MEMTRACK_RELEASE_BY_OTHERS); \
    }                                                      \
    MEMTRACK_GUARD_REENTRY;                                \
    unsized_##name arguments;                              \
  }
SIZED(HOOK_)

/* These return what malloc_usable_size() returns, whatever else they are told. */
#define SIZES(X) X(sallocx) X(malloc_size) X(tc_malloc_size) X(mi_usable_size) X(mi_malloc_size) X(mi_malloc_usable_size)

static size_t
other_malloc_usable_size(void *block)
{
  return memtrack_release_room(block);
}

#define SIZE_REDIRECT_(name)                                   {#name, (void *)other_malloc_usable_size},
#define REDIRECT_(name, parameters, unsized, types, arguments) {#name, (void *)other_##name},
const struct memtrack_redirect memtrack_extensions[] = {SIZED(REDIRECT_) SIZES(SIZE_REDIRECT_){NULL, NULL}};

#define RESOLVER_(name, parameters, unsized, types, arguments)   MEMTRACK_RESOLVER(name, other_##name)
#define DEFINITION_(name, parameters, unsized, types, arguments) MEMTRACK_DEFINITION(name, other_##name, NULL),
SIZED(RESOLVER_)
#define SIZE_RESOLVER_(name)   MEMTRACK_RESOLVER(name, other_malloc_usable_size)
#define SIZE_DEFINITION_(name) MEMTRACK_DEFINITION(name, other_malloc_usable_size, NULL),
SIZES(SIZE_RESOLVER_)
struct memtrack_definition memtrack_extension_definitions[] = {SIZED(DEFINITION_) SIZES(SIZE_DEFINITION_){.symbol = NULL}};

/* An allocator may lack the counterpart (TCMalloc has sdallocx alone): free() takes the block as well, and further arguments are
   left in registers. */
static void *
look_up(const char *unsized)
{
  void *function = dlsym(RTLD_DEFAULT, unsized);
  return function && memtrack_allocator_defines(function) ? function : (void *)free;
}

void
memtrack_hook_extensions_open(void)
{
#define LOOK_UP_(name, parameters, unsized, types, arguments) *(void **)&unsized_##name = look_up(#unsized);
  SIZED(LOOK_UP_)
  memtrack_definitions_resolve(memtrack_extension_definitions);
  for (struct memtrack_definition *each = memtrack_extension_definitions; each->symbol; ++each) {
    if (each->original && !memtrack_allocator_defines(each->original)) {
      each->original = NULL; /* of an allocator that somebody uses beside malloc */
    }
  }
}
