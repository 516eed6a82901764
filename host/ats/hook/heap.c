/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap of plugins: malloc, operator new and similar functions, called by a plugin, or by a library while a plugin's code is
 * running (a string that grows inside libstdc++). The site is the plugin's own call: from a library, or from a function of the C++
 * library compiled into the plugin, the stack is walked up to it. Releases are handled wherever they happen.
 *
 * The server's operators are hooked like a library's: memory of the server's objects belongs to the plugin that requested them.
 * Moreover, if the server has instantiated the same template of the C++ library's headers as a plugin (std::vector<int>), the
 * loader binds the plugin's calls to the server's copy. Only the slots of callers are hooked, never the calls made by the operators
 * themselves, because another allocator's operators do not go through libstdc++.
 *
 * Of each function there are several hooks. A slot through which a module only calls gets the hook of its kind of module. The
 * others get the shared one: slots from which a program may also read the function's address, what dlsym() answers, and all slots
 * of modules that are loaded later, until they are known. The whole process thus has one address for a function, as without
 * memtrack, and a pointer to it may be kept, compared and called for ever. Its return address tells who calls it (owner/caller.h).
 *
 * A library may allocate through the server: traffic_server 9 gives libpcre its ats_malloc(), by its address, when it starts. The
 * hook of this function counts only what plugins and libraries call it for.
 *
 * The C library's own calls of malloc(), calloc(), realloc() and free() are redirected as a library's: what asprintf(), getline()
 * or fopen() allocate belongs to their caller.
 *
 * While the server's own heap is counted, so are its malloc, and what it and libraries allocate while no plugin's code runs: for
 * the server's or the library's own call (owner/server_call.h).
 *
 * While the heap is not tracked, the hooks in plugins remain, for releases of memory from TSmalloc; libraries are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "hook/allocator.h"
#include "hook/heap.h"
#include "hook/real.h"
#include "hook/release.h"
#include "owner/caller.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "owner/plugin_call.h"
#include "owner/server_call.h"
#include "owner/walk.h"

/* Operators by linkage name. They throw without memory, so the hook calls them instead of imitating them. Exception: operators
   without an alignment are replaced by malloc(), like in the C++ library, unless malloc() fails. */
#define NEWS(X)                                                                                                  \
  X(_Znwm, true, (size_t size), (size))                                                                          \
  X(_Znam, true, (size_t size), (size))                                                                          \
  X(_ZnwmRKSt9nothrow_t, true, (size_t size, const void *tag), (size, tag))                                      \
  X(_ZnamRKSt9nothrow_t, true, (size_t size, const void *tag), (size, tag))                                      \
  X(_ZnwmSt11align_val_t, false, (size_t size, size_t align), (size, align))                                     \
  X(_ZnamSt11align_val_t, false, (size_t size, size_t align), (size, align))                                     \
  X(_ZnwmSt11align_val_tRKSt9nothrow_t, false, (size_t size, size_t align, const void *tag), (size, align, tag)) \
  X(_ZnamSt11align_val_tRKSt9nothrow_t, false, (size_t size, size_t align, const void *tag), (size, align, tag))

/* Name, function to call, parameters, arguments. A sized operator receives a size that is not the allocator's, so its unsized
 * counterpart is called.
 */
#define DELETES(X)                                                                                                     \
  X(_ZdlPv, _ZdlPv, (void *block), (block))                                                                            \
  X(_ZdaPv, _ZdaPv, (void *block), (block))                                                                            \
  X(_ZdlPvm, _ZdlPv, (void *block, size_t size MT_UNUSED), (block))                                                    \
  X(_ZdaPvm, _ZdaPv, (void *block, size_t size MT_UNUSED), (block))                                                    \
  X(_ZdlPvRKSt9nothrow_t, _ZdlPv, (void *block, const void *tag MT_UNUSED), (block))                                   \
  X(_ZdaPvRKSt9nothrow_t, _ZdaPv, (void *block, const void *tag MT_UNUSED), (block))                                   \
  X(_ZdlPvSt11align_val_t, _ZdlPvSt11align_val_t, (void *block, size_t align), (block, align))                         \
  X(_ZdaPvSt11align_val_t, _ZdaPvSt11align_val_t, (void *block, size_t align), (block, align))                         \
  X(_ZdlPvmSt11align_val_t, _ZdlPvSt11align_val_t, (void *block, size_t size MT_UNUSED, size_t align), (block, align)) \
  X(_ZdaPvmSt11align_val_t, _ZdaPvSt11align_val_t, (void *block, size_t size MT_UNUSED, size_t align), (block, align))

#define DECLARE_NEW_(name, unaligned, parameters, arguments)  static void *(*original_##name)parameters;
#define DECLARE_DELETE_(name, unsized, parameters, arguments) static void(*original_##name) parameters;
NEWS(DECLARE_NEW_)
DELETES(DECLARE_DELETE_)

/* All of them are the C++ library's own: malloc(), free(), and a handler for exhausted memory. Set at init. */
static bool own_operators;

/* Whose call it is. What the server takes with malloc is its own. */
enum where {
  IN_PLUGIN  = MEMTRACK_CALLER_PLUGIN,
  IN_LIBRARY = MEMTRACK_CALLER_LIBRARY,
  IN_SERVER  = MEMTRACK_CALLER_SERVER,
};

/* Of a call of a shared hook, with its return address. */
MT_INLINE enum where
where_is(uintptr_t address)
{
  return memtrack_hooks_get(heap) ? (enum where)memtrack_caller_of(address) : IN_SERVER;
}

/* Same, of an operator new: the server's objects belong to the plugin that requested them. */
MT_INLINE enum where
where_is_new(uintptr_t address)
{
  return where_is(address) == IN_PLUGIN ? IN_PLUGIN : IN_LIBRARY;
}

/* Same, for a release: its class (hook/release.h). */
MT_INLINE uint32_t
release_of(uintptr_t address)
{
  return memtrack_caller_of(address) == MEMTRACK_CALLER_PLUGIN ? MEMTRACK_CLASS_HEAP : MEMTRACK_RELEASE_BY_OTHERS;
}

/* Whether an allocation is a plugin's: by its code, or by a library on its behalf. */
static inline bool
is_of_plugin(enum where where)
{
  return where == IN_PLUGIN || (where == IN_LIBRARY && memtrack_context.owner != MEMTRACK_OWNER_CORE);
}

/* Whether to count an allocation: a plugin's, or any while the server's own heap is counted. */
static inline bool
is_ours(enum where where)
{
  return memtrack_hooks_get(heap) && memtrack_hooks_get(armed) && !memtrack_context.inside &&
         (is_of_plugin(where) || memtrack_hooks_get(server_heap));
}

/* The call that such an allocation outside of plugins is charged to; 0 if another row has the memory. */
static MT_NOINLINE uintptr_t
charged_call(enum where where, uintptr_t address)
{
  return is_of_plugin(where) ? memtrack_plugin_call_find(address) : memtrack_server_call_find(address);
}

/* Bytes to ask for beyond a block's size while sites are watched; 0 if the block is not to be counted. A library's call is not yet
   walked up from. */
static MT_NOINLINE size_t
slow_margin(enum where where, size_t size, uintptr_t address)
{
  return memtrack_watch_margin(size, where == IN_PLUGIN && memtrack_plugin_call_is(address) ? address : 0);
}

MT_INLINE bool
is_quick(size_t size)
{
  return MT_LIKELY(size < memtrack_hooks_get(quick_size));
}

MT_INLINE size_t
margin_of(enum where where, size_t size, uintptr_t address)
{
  return !is_ours(where) ? 0 : is_quick(size) ? MEMTRACK_TAG_SIZE : slow_margin(where, size, address);
}

/* A function of a plugin that only allocates for its caller is no site: the call that the stack leads to is charged with its block
   instead, which was allocated longer by this margin. Returns its birth. */
MT_INLINE uint32_t
leave_wrapper(uint32_t birth, size_t margin, void *block, size_t size, uintptr_t address, uint64_t attributes)
{
  if (MT_UNLIKELY(birth != MEMTRACK_SITE_UNKNOWN && memtrack_naming_is_wrapper(birth >> MEMTRACK_EPOCH_BITS))) {
    memtrack_account_free(birth, size);
    memtrack_tag_clear(block, malloc_usable_size(block));
    birth =
      memtrack_block_record_by(margin, block, size, memtrack_hooks_get(key), memtrack_plugin_call_find(address), attributes, NULL);
  }
  return birth;
}

/* Counts and tags a block that was allocated MEMTRACK_TAG_SIZE longer. Returns its birth. */
MT_INLINE uint32_t
record(void *block, size_t size, enum where where, uintptr_t address)
{
  uint64_t key        = memtrack_hooks_get(key);
  uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_HEAP, 0, memtrack_context.owner);
  if (where != IN_PLUGIN) {
    address = charged_call(where, address);
    if (MT_UNLIKELY(address == 0)) {
      return MEMTRACK_SITE_UNKNOWN;
    }
  }
  uint32_t birth = memtrack_block_record(block, size, key, address, attributes, NULL);
  return where == IN_PLUGIN ? leave_wrapper(birth, MEMTRACK_TAG_SIZE, block, size, address, attributes) : birth;
}

/* Same, for a block that was allocated longer by this margin; if that is 0, it is not counted. */
static MT_NOINLINE void
record_by(size_t margin, void *block, size_t size, enum where where, uintptr_t address)
{
  if (margin) {
    uint32_t birth = record(block, size, where, address);
    if (margin == MEMTRACK_TAG_GUARDED) {
      memtrack_watch_guard(block, size, birth, memtrack_hooks_get(key));
    }
  }
}

/* Defines a hook for plugins, one for libraries, one for the server, and the shared one. */
#define ALLOCATES_IN_(which, caller, name, parameters, size, plain, longer) \
  static void *which##_##name parameters                                    \
  {                                                                         \
    const enum where where = caller;                                        \
    if (!is_ours(where)) {                                                  \
      return plain;                                                         \
    }                                                                       \
    void *block;                                                            \
    size_t more = MEMTRACK_TAG_SIZE;                                        \
    if (MT_UNLIKELY(!is_quick(size))) {                                     \
      more = slow_margin(where, size, MT_RETURN_ADDRESS);                   \
      {                                                                     \
        MEMTRACK_GUARD_REENTRY;                                             \
        block = more ? longer : plain;                                      \
      }                                                                     \
      if (block) {                                                          \
        record_by(more, block, size, where, MT_RETURN_ADDRESS);             \
      }                                                                     \
      return block;                                                         \
    }                                                                       \
    {                                                                       \
      MEMTRACK_GUARD_REENTRY;                                               \
      block = longer;                                                       \
    }                                                                       \
    if (MT_LIKELY(block != NULL)) {                                         \
      record(block, size, where, MT_RETURN_ADDRESS);                        \
    }                                                                       \
    return block;                                                           \
  }

#define ALLOCATES(name, parameters, size, plain, longer)                    \
  ALLOCATES_IN_(plugin, IN_PLUGIN, name, parameters, size, plain, longer)   \
  ALLOCATES_IN_(library, IN_LIBRARY, name, parameters, size, plain, longer) \
  ALLOCATES_IN_(server, IN_SERVER, name, parameters, size, plain, longer)   \
  ALLOCATES_IN_(shared, where_is(MT_RETURN_ADDRESS), name, parameters, size, plain, longer)

static inline size_t
product(size_t count, size_t size)
{
  size_t result;
  return __builtin_mul_overflow(count, size, &result) ? SIZE_MAX : result;
}

static inline size_t
sum(size_t size, size_t more)
{
  size_t result;
  return __builtin_add_overflow(size, more, &result) ? SIZE_MAX : result;
}

/* A multiple of an alignment, at least `more`. */
static inline size_t
aligned(size_t more, size_t align)
{
  return align >= more ? align : align == 0 ? more : (more + align - 1) / align * align;
}

/* Some allocators reject an alignment that is no power of two, or a size that is no multiple of it: aligned_alloc() gets what keeps
   their answer. */
ALLOCATES(malloc, (size_t size), size, memtrack_real.malloc(size), memtrack_real.malloc(size + more))
ALLOCATES(calloc, (size_t count, size_t size), product(count, size), memtrack_real.calloc(count, size),
          memtrack_real.calloc(1, product(count, size) + more))
ALLOCATES(memalign, (size_t align, size_t size), size, memtrack_real.memalign(align, size),
          memtrack_real.memalign(align, size + more))
ALLOCATES(aligned_alloc, (size_t align, size_t size), size, memtrack_real.aligned_alloc(align, size),
          memtrack_real.aligned_alloc(align, sum(size, aligned(more, align))))
ALLOCATES(valloc, (size_t size), size, memtrack_real.valloc(size), memtrack_real.valloc(size + more))
ALLOCATES(pvalloc, (size_t size), size, memtrack_real.pvalloc(size), memtrack_real.pvalloc(size + more))

/* The server's function: no block for size 0, and without memory it ends the process. */
static void *(*original_ats_malloc)(size_t);
ALLOCATES_IN_(shared, where_is(MT_RETURN_ADDRESS), ats_malloc, (size_t size), size, original_ats_malloc(size),
              size ? original_ats_malloc(size + more) : NULL)

/* Same, but the size is changed in the arguments. */
#define NEW_IN_(which, caller, name, unaligned, parameters, arguments)                                           \
  static void *which##_##name parameters                                                                         \
  {                                                                                                              \
    const enum where where = caller;                                                                             \
    if (!is_ours(where)) {                                                                                       \
      return original_##name arguments;                                                                          \
    }                                                                                                            \
    if (MT_UNLIKELY(!is_quick(size))) {                                                                          \
      size_t more = slow_margin(where, size, MT_RETURN_ADDRESS);                                                 \
      void *block;                                                                                               \
      {                                                                                                          \
        MEMTRACK_GUARD_REENTRY;                                                                                  \
        size += more;                                                                                            \
        block = original_##name arguments;                                                                       \
        size -= more;                                                                                            \
      }                                                                                                          \
      if (block) {                                                                                               \
        record_by(more, block, size, where, MT_RETURN_ADDRESS);                                                  \
      }                                                                                                          \
      return block;                                                                                              \
    }                                                                                                            \
    void *block = unaligned && MT_LIKELY(own_operators) ? memtrack_real.malloc(size + MEMTRACK_TAG_SIZE) : NULL; \
    if (!unaligned || MT_UNLIKELY(block == NULL)) {                                                              \
      MEMTRACK_GUARD_REENTRY;                                                                                    \
      size += MEMTRACK_TAG_SIZE;                                                                                 \
      block = original_##name arguments;                                                                         \
      size -= MEMTRACK_TAG_SIZE;                                                                                 \
    }                                                                                                            \
    if (MT_LIKELY(block != NULL)) {                                                                              \
      record(block, size, where, MT_RETURN_ADDRESS);                                                             \
    }                                                                                                            \
    return block;                                                                                                \
  }
#define NEW_(name, unaligned, parameters, arguments)                   \
  NEW_IN_(plugin, IN_PLUGIN, name, unaligned, parameters, arguments)   \
  NEW_IN_(library, IN_LIBRARY, name, unaligned, parameters, arguments) \
  NEW_IN_(shared, where_is_new(MT_RETURN_ADDRESS), name, unaligned, parameters, arguments)
NEWS(NEW_)

#define COPIES_IN_(which, caller, name, parameters, length)             \
  static char *which##_##name parameters                                \
  {                                                                     \
    const enum where where = caller;                                    \
    size_t size            = (length) + 1;                              \
    size_t more            = margin_of(where, size, MT_RETURN_ADDRESS); \
    char *copy;                                                         \
    {                                                                   \
      MEMTRACK_GUARD_REENTRY;                                           \
      copy = memtrack_real.malloc(size + more);                         \
    }                                                                   \
    if (copy) {                                                         \
      if (size > 1) {                                                   \
        memcpy(copy, text, size - 1);                                   \
      }                                                                 \
      copy[size - 1] = '\0';                                            \
      record_by(more, copy, size, where, MT_RETURN_ADDRESS);            \
    }                                                                   \
    return copy;                                                        \
  }
#define COPIES(name, parameters, length)                    \
  COPIES_IN_(plugin, IN_PLUGIN, name, parameters, length)   \
  COPIES_IN_(library, IN_LIBRARY, name, parameters, length) \
  COPIES_IN_(server, IN_SERVER, name, parameters, length)   \
  COPIES_IN_(shared, where_is(MT_RETURN_ADDRESS), name, parameters, length)
COPIES(strdup, (const char *text), strlen(text))
COPIES(strndup, (const char *text, size_t most), most ? strnlen(text, most) : 0) /* with limit 0 the text may be anything */

static void *
plain_realloc(void *block, size_t size, const char *text)
{
  (void)text;
  MEMTRACK_GUARD_REENTRY;
  return memtrack_real.realloc(block, size);
}

/* A block that is no longer to be counted here may still have a tag: from TSmalloc, or from another module. */
static void *
resize_plainly(void *block, size_t size)
{
  if (block && memtrack_hooks_get(armed)) {
    uint64_t key    = memtrack_hooks_get(key), old_size;
    uint64_t usable = malloc_usable_size(block);
    uint32_t birth;
    if (memtrack_block_untag_guarded(block, usable, key, &birth, &old_size)) {
      void *moved = memtrack_real.realloc(block, size);
      if (moved == NULL && size) {
        memtrack_tag_restore(block, usable);
        return NULL;
      }
      memtrack_account_free(birth, old_size);
      return moved;
    }
  }
  return memtrack_real.realloc(block, size);
}

MT_INLINE void *
resize(void *block, size_t size, enum where where, uintptr_t address)
{
  if (!is_ours(where) || size == 0) {
    return resize_plainly(block, size);
  }
  if (where != IN_PLUGIN) {
    address = charged_call(where, address);
  }
  size_t margin = address ? memtrack_watch_margin_of(size, address) : 0;
  if (MT_UNLIKELY(margin == 0)) {
    return resize_plainly(block, size);
  }
  uint64_t key        = memtrack_hooks_get(key);
  uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_HEAP, 0, memtrack_context.owner);
  if (block == NULL) {
    void *fresh = plain_realloc(NULL, size + margin, NULL);
    if (fresh) {
      record_by(margin, fresh, size, IN_PLUGIN, address);
    }
    return fresh;
  }
  uint32_t untagged = is_of_plugin(where) ? memtrack_birth_untagged(MEMTRACK_CLASS_HEAP) : MEMTRACK_SITE_UNKNOWN, birth;
  void *moved       = memtrack_block_resize(block, size, key, address, attributes, NULL, plain_realloc, untagged, margin, &birth);
  if (moved && where == IN_PLUGIN) {
    leave_wrapper(birth, margin, moved, size, address, attributes);
  }
  return moved;
}

#define RESIZES_IN_(which, caller)                                           \
  static void *which##_realloc(void *block, size_t size)                     \
  {                                                                          \
    return resize(block, size, caller, MT_RETURN_ADDRESS);                   \
  }                                                                          \
  static void *which##_reallocarray(void *block, size_t count, size_t size)  \
  {                                                                          \
    size_t all = product(count, size);                                       \
    if (all == SIZE_MAX) {                                                   \
      errno = ENOMEM;                                                        \
      return NULL;                                                           \
    }                                                                        \
    return resize(block, all, caller, MT_RETURN_ADDRESS);                    \
  }                                                                          \
  static int which##_posix_memalign(void **block, size_t align, size_t size) \
  {                                                                          \
    const enum where where = caller;                                         \
    size_t more            = margin_of(where, size, MT_RETURN_ADDRESS);      \
    int result;                                                              \
    {                                                                        \
      MEMTRACK_GUARD_REENTRY;                                                \
      result = memtrack_real.posix_memalign(block, align, size + more);      \
    }                                                                        \
    if (result == 0) {                                                       \
      record_by(more, *block, size, where, MT_RETURN_ADDRESS);               \
    }                                                                        \
    return result;                                                           \
  }
RESIZES_IN_(plugin, IN_PLUGIN)
RESIZES_IN_(library, IN_LIBRARY)
RESIZES_IN_(server, IN_SERVER)
RESIZES_IN_(shared, where_is(MT_RETURN_ADDRESS))

/* ---- releases ---- */

MT_HOT static void
plugin_free(void *block)
{
  if (memtrack_release_is_counted()) {
    memtrack_release(block, MEMTRACK_CLASS_HEAP);
  }
  memtrack_real.free(block);
}

MT_HOT static void
other_free(void *block)
{
  if (memtrack_release_is_counted()) {
    memtrack_release(block, MEMTRACK_RELEASE_BY_OTHERS);
  }
  memtrack_real.free(block);
}

MT_HOT static void
shared_free(void *block)
{
  if (memtrack_release_is_counted()) {
    memtrack_release(block, release_of(MT_RETURN_ADDRESS));
  }
  memtrack_real.free(block);
}

static void *
other_realloc(void *block, size_t size)
{
  return resize_plainly(block, size);
}

#define DELETE_IN_(which, cls, name, unsized, parameters, arguments) \
  MT_HOT static void which##_##name parameters                       \
  {                                                                  \
    if (memtrack_release_is_counted()) {                             \
      memtrack_release(block, cls);                                  \
    }                                                                \
    if (MT_LIKELY(own_operators)) {                                  \
      memtrack_real.free(block);                                     \
      return;                                                        \
    }                                                                \
    MEMTRACK_GUARD_REENTRY;                                          \
    original_##unsized arguments;                                    \
  }
#define DELETE_(name, unsized, parameters, arguments)                                 \
  DELETE_IN_(plugin, MEMTRACK_CLASS_HEAP, name, unsized, parameters, arguments)       \
  DELETE_IN_(other, MEMTRACK_RELEASE_BY_OTHERS, name, unsized, parameters, arguments) \
  DELETE_IN_(shared, release_of(MT_RETURN_ADDRESS), name, unsized, parameters, arguments)
DELETES(DELETE_)

static size_t
other_malloc_usable_size(void *block)
{
  return memtrack_release_room(block);
}

/* The functions, by name and the hook that stands in for them; the C library has some under two names. */
#define MALLOCS_(X, which)                  \
  X(malloc, which##_malloc)                 \
  X(calloc, which##_calloc)                 \
  X(memalign, which##_memalign)             \
  X(aligned_alloc, which##_aligned_alloc)   \
  X(posix_memalign, which##_posix_memalign) \
  X(valloc, which##_valloc)                 \
  X(pvalloc, which##_pvalloc)
#define COPIES_OF_(X, which)  \
  X(strdup, which##_strdup)   \
  X(strndup, which##_strndup) \
  X(realloc, which##_realloc) \
  X(reallocarray, which##_reallocarray)
#define COPY_ALIASES_(X, which) \
  X(__strdup, which##_strdup)   \
  X(__strndup, which##_strndup)
#define DECLARED_ALLOCATIONS_(X, which) MALLOCS_(X, which) COPIES_OF_(X, which)
#define ALLOCATIONS(X, which)           DECLARED_ALLOCATIONS_(X, which) COPY_ALIASES_(X, which)

#define REDIRECT_(name, hook)                                {#name, (void *)(hook)},
#define PLUGIN_NEW_(name, unaligned, parameters, arguments)  REDIRECT_(name, plugin_##name)
#define LIBRARY_NEW_(name, unaligned, parameters, arguments) REDIRECT_(name, library_##name)
#define SHARED_NEW_(name, unaligned, parameters, arguments)  REDIRECT_(name, shared_##name)
#define PLUGIN_DELETE_(name, unsized, parameters, arguments) REDIRECT_(name, plugin_##name)
#define OTHER_DELETE_(name, unsized, parameters, arguments)  REDIRECT_(name, other_##name)
#define SHARED_DELETE_(name, unsized, parameters, arguments) REDIRECT_(name, shared_##name)

const struct memtrack_redirect memtrack_plugin_heap[] = {ALLOCATIONS(REDIRECT_, plugin) REDIRECT_(free, plugin_free) REDIRECT_(
  malloc_usable_size, other_malloc_usable_size) NEWS(PLUGIN_NEW_) DELETES(PLUGIN_DELETE_){NULL, NULL}};

const struct memtrack_redirect memtrack_library_heap[] = {ALLOCATIONS(REDIRECT_, library) REDIRECT_(free, other_free) REDIRECT_(
  malloc_usable_size, other_malloc_usable_size) NEWS(LIBRARY_NEW_) DELETES(OTHER_DELETE_){NULL, NULL}};

const struct memtrack_redirect memtrack_shared_heap[] = {
  ALLOCATIONS(REDIRECT_, shared) REDIRECT_(free, shared_free) REDIRECT_(malloc_usable_size, other_malloc_usable_size)
    REDIRECT_(ats_malloc, shared_ats_malloc) NEWS(SHARED_NEW_) DELETES(SHARED_DELETE_){NULL, NULL}};

const struct memtrack_redirect memtrack_server_news[] = {NEWS(LIBRARY_NEW_){NULL, NULL}};

const struct memtrack_redirect memtrack_server_own_heap[] = {ALLOCATIONS(REDIRECT_, server)
                                                               REDIRECT_(free, other_free){NULL, NULL}};

/* The server releases memory from plugins, and memory from TSmalloc under another name. */
const struct memtrack_redirect memtrack_server_heap[] = {REDIRECT_(malloc_usable_size, other_malloc_usable_size) REDIRECT_(
  free, other_free) REDIRECT_(realloc, other_realloc) DELETES(OTHER_DELETE_){NULL, NULL}};

/* For modules loaded later (module/definition.h): the shared hooks, from their first call on. */
#define RESOLVER_(name, hook)                                  MEMTRACK_RESOLVER(name, hook)
#define NEW_RESOLVER_(name, unaligned, parameters, arguments)  MEMTRACK_RESOLVER(name, shared_##name)
#define DELETE_RESOLVER_(name, unsized, parameters, arguments) MEMTRACK_RESOLVER(name, shared_##name)
/* The C library's functions are those that this file calls: a preloaded libc_malloc_debug defines malloc() in a version that no
   look-up by name finds. */
#define DEFINITION_(name, hook)                                  MEMTRACK_DEFINITION(name, hook, name),
#define ALIAS_DEFINITION_(name, hook)                            MEMTRACK_DEFINITION(name, hook, NULL),
#define NEW_DEFINITION_(name, unaligned, parameters, arguments)  MEMTRACK_DEFINITION(name, shared_##name, NULL),
#define DELETE_DEFINITION_(name, unsized, parameters, arguments) MEMTRACK_DEFINITION(name, shared_##name, NULL),
ALLOCATIONS(RESOLVER_, shared)
RESOLVER_(free, shared_free)
RESOLVER_(malloc_usable_size, other_malloc_usable_size)
NEWS(NEW_RESOLVER_)
DELETES(DELETE_RESOLVER_)

/* Releases first: an allocator that trusts sizes is told none of a block with a tag. */
struct memtrack_definition memtrack_heap_definitions[] = {
  DELETES(DELETE_DEFINITION_) DEFINITION_(malloc_usable_size, other_malloc_usable_size) DEFINITION_(free, shared_free)
    DECLARED_ALLOCATIONS_(DEFINITION_, shared) COPY_ALIASES_(ALIAS_DEFINITION_, shared) NEWS(NEW_DEFINITION_){.symbol = NULL},
};

#define ALIASES(X)                    \
  X(__libc_malloc, shared_malloc)     \
  X(__libc_calloc, shared_calloc)     \
  X(__libc_realloc, shared_realloc)   \
  X(__libc_memalign, shared_memalign) \
  X(__libc_valloc, shared_valloc)     \
  X(__libc_pvalloc, shared_pvalloc)   \
  X(__libc_free, shared_free)
ALIASES(RESOLVER_)
const struct memtrack_redirect memtrack_heap_aliases[]       = {ALIASES(REDIRECT_){NULL, NULL}};
struct memtrack_definition memtrack_heap_alias_definitions[] = {ALIASES(ALIAS_DEFINITION_){.symbol = NULL}};

static void
resolve_aliases(void)
{
  memtrack_definitions_resolve(memtrack_heap_alias_definitions);
  for (struct memtrack_definition *each = memtrack_heap_alias_definitions; each->symbol; ++each) {
    if (each->original && !memtrack_allocator_defines(each->original)) {
      each->original = NULL; /* of the C library, beside another allocator */
    }
  }
}

int
memtrack_hook_heap_open(struct memtrack_reason *reason)
{
  memtrack_real_open();
#define LOOK_UP_(name)                                                                            \
  original_##name = (__typeof__(original_##name))(uintptr_t)dlsym(RTLD_DEFAULT, #name);           \
  if (!original_##name) {                                                                         \
    memtrack_reason_set(reason, "the C++ library lacks " #name ": its memory cannot be tracked"); \
    return -1;                                                                                    \
  }
#define LOOK_UP_NEW_(name, unaligned, parameters, arguments)  LOOK_UP_(name)
#define LOOK_UP_DELETE_(name, unsized, parameters, arguments) LOOK_UP_(name)
  NEWS(LOOK_UP_NEW_)
  DELETES(LOOK_UP_DELETE_)
#define IS_OWN_NEW_(name, unaligned, parameters, arguments)  &&memtrack_allocator_is_cpp_library((void *)original_##name)
#define IS_OWN_DELETE_(name, unsized, parameters, arguments) &&memtrack_allocator_is_cpp_library((void *)original_##name)
  original_ats_malloc = (void *(*)(size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "ats_malloc");
  memtrack_definitions_resolve(memtrack_heap_definitions);
  resolve_aliases();
  /* Another allocator, a sanitizer or the server may define its own operators. */
  own_operators = true NEWS(IS_OWN_NEW_) DELETES(IS_OWN_DELETE_);
  return 0;
}

/* For each symbol in a table it is known whether the module has its own definition. */
#define IS_KNOWN_(table) _Static_assert(sizeof(table) / sizeof(*(table)) - 1 <= MEMTRACK_REDIRECTS_MAX, "symbols of a table")
IS_KNOWN_(memtrack_plugin_heap);
IS_KNOWN_(memtrack_library_heap);
IS_KNOWN_(memtrack_shared_heap);
IS_KNOWN_(memtrack_server_heap);
IS_KNOWN_(memtrack_server_news);
IS_KNOWN_(memtrack_server_own_heap);
