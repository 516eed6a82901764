/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap of plugins: malloc, operator new and similar functions, called by a plugin, or by a library while a plugin's code is
 * running (a string that grows inside libstdc++). The site is the plugin's own call: from a library, or from a function of the C++
 * library compiled into the plugin, the stack is walked up to it. Releases are handled wherever they happen.
 *
 * The server's operators are hooked like a library's, its malloc is not: a chunk of a freelist belongs to no owner. Memory of the
 * server's objects belongs to the plugin that requested them. Moreover, if the server has instantiated the same template of the C++
 * library's headers as a plugin (std::vector<int>), the loader binds the plugin's calls to the server's copy. Only the slots of
 * callers are hooked, never the calls made by the operators themselves, because another allocator's operators do not go through
 * libstdc++.
 *
 * While the heap is not tracked, the hooks in plugins remain, for releases of memory from TSmalloc; libraries are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "hook/allocator.h"
#include "hook/heap.h"
#include "hook/release.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "owner/plugin_call.h"
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

enum where { IN_PLUGIN, IN_LIBRARY };

/* Whether to count an allocation: by a plugin, or by a library on behalf of a plugin. */
static inline bool
is_ours(enum where where)
{
  return memtrack_hooks_get(heap) && memtrack_hooks_get(armed) && !memtrack_context.inside &&
         (where == IN_PLUGIN || memtrack_context.owner != MEMTRACK_OWNER_CORE);
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

/* Counts and tags a block that was allocated MEMTRACK_TAG_SIZE longer. Returns its birth. */
MT_INLINE uint32_t
record(void *block, size_t size, enum where where, uintptr_t address)
{
  uint64_t key        = memtrack_hooks_get(key);
  uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_HEAP, 0, memtrack_context.owner);
  if (where == IN_LIBRARY) {
    address = memtrack_plugin_call_find(address);
  }
  uint32_t birth = memtrack_block_record(block, size, key, address, attributes, NULL);
  if (MT_UNLIKELY(where == IN_PLUGIN && birth != MEMTRACK_SITE_UNKNOWN &&
                  memtrack_naming_is_wrapper(birth >> MEMTRACK_EPOCH_BITS))) {
    memtrack_account_free(birth, size);
    birth = memtrack_block_record(block, size, key, memtrack_plugin_call_find(address), attributes, NULL);
  }
  return birth;
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

/* Defines a hook for plugins and a hook for libraries. */
#define ALLOCATES_IN_(which, where, name, parameters, size, plain, longer) \
  static void *which##_##name parameters                                   \
  {                                                                        \
    if (!is_ours(where)) {                                                 \
      return plain;                                                        \
    }                                                                      \
    void *block;                                                           \
    size_t more = MEMTRACK_TAG_SIZE;                                       \
    if (MT_UNLIKELY(!is_quick(size))) {                                    \
      more = slow_margin(where, size, MT_RETURN_ADDRESS);                  \
      {                                                                    \
        MEMTRACK_GUARD_REENTRY;                                            \
        block = more ? longer : plain;                                     \
      }                                                                    \
      if (block) {                                                         \
        record_by(more, block, size, where, MT_RETURN_ADDRESS);            \
      }                                                                    \
      return block;                                                        \
    }                                                                      \
    {                                                                      \
      MEMTRACK_GUARD_REENTRY;                                              \
      block = longer;                                                      \
    }                                                                      \
    if (MT_LIKELY(block != NULL)) {                                        \
      record(block, size, where, MT_RETURN_ADDRESS);                       \
    }                                                                      \
    return block;                                                          \
  }

#define ALLOCATES(name, parameters, size, plain, longer)                  \
  ALLOCATES_IN_(plugin, IN_PLUGIN, name, parameters, size, plain, longer) \
  ALLOCATES_IN_(library, IN_LIBRARY, name, parameters, size, plain, longer)

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
ALLOCATES(malloc, (size_t size), size, malloc(size), malloc(size + more))
ALLOCATES(calloc, (size_t count, size_t size), product(count, size), calloc(count, size), calloc(1, product(count, size) + more))
ALLOCATES(memalign, (size_t align, size_t size), size, memalign(align, size), memalign(align, size + more))
ALLOCATES(aligned_alloc, (size_t align, size_t size), size, aligned_alloc(align, size),
          aligned_alloc(align, sum(size, aligned(more, align))))
ALLOCATES(valloc, (size_t size), size, valloc(size), valloc(size + more))

/* Same, but the size is changed in the arguments. */
#define NEW_IN_(which, where, name, unaligned, parameters, arguments)                              \
  static void *which##_##name parameters                                                           \
  {                                                                                                \
    if (!is_ours(where)) {                                                                         \
      return original_##name arguments;                                                            \
    }                                                                                              \
    if (MT_UNLIKELY(!is_quick(size))) {                                                            \
      size_t more = slow_margin(where, size, MT_RETURN_ADDRESS);                                   \
      void *block;                                                                                 \
      {                                                                                            \
        MEMTRACK_GUARD_REENTRY;                                                                    \
        size += more;                                                                              \
        block = original_##name arguments;                                                         \
        size -= more;                                                                              \
      }                                                                                            \
      if (block) {                                                                                 \
        record_by(more, block, size, where, MT_RETURN_ADDRESS);                                    \
      }                                                                                            \
      return block;                                                                                \
    }                                                                                              \
    void *block = unaligned && MT_LIKELY(own_operators) ? malloc(size + MEMTRACK_TAG_SIZE) : NULL; \
    if (!unaligned || MT_UNLIKELY(block == NULL)) {                                                \
      MEMTRACK_GUARD_REENTRY;                                                                      \
      size += MEMTRACK_TAG_SIZE;                                                                   \
      block = original_##name arguments;                                                           \
      size -= MEMTRACK_TAG_SIZE;                                                                   \
    }                                                                                              \
    if (MT_LIKELY(block != NULL)) {                                                                \
      record(block, size, where, MT_RETURN_ADDRESS);                                               \
    }                                                                                              \
    return block;                                                                                  \
  }
#define NEW_(name, unaligned, parameters, arguments)                 \
  NEW_IN_(plugin, IN_PLUGIN, name, unaligned, parameters, arguments) \
  NEW_IN_(library, IN_LIBRARY, name, unaligned, parameters, arguments)
NEWS(NEW_)

#define COPIES_IN_(which, where, name, parameters, length)   \
  static char *which##_##name parameters                     \
  {                                                          \
    size_t size = (length) + 1;                              \
    size_t more = margin_of(where, size, MT_RETURN_ADDRESS); \
    char *copy;                                              \
    {                                                        \
      MEMTRACK_GUARD_REENTRY;                                \
      copy = malloc(size + more);                            \
    }                                                        \
    if (copy) {                                              \
      if (size > 1) {                                        \
        memcpy(copy, text, size - 1);                        \
      }                                                      \
      copy[size - 1] = '\0';                                 \
      record_by(more, copy, size, where, MT_RETURN_ADDRESS); \
    }                                                        \
    return copy;                                             \
  }
#define COPIES(name, parameters, length)                  \
  COPIES_IN_(plugin, IN_PLUGIN, name, parameters, length) \
  COPIES_IN_(library, IN_LIBRARY, name, parameters, length)
COPIES(strdup, (const char *text), strlen(text))
COPIES(strndup, (const char *text, size_t most), most ? strnlen(text, most) : 0) /* with limit 0 the text may be anything */

static void *
plain_realloc(void *block, size_t size, const char *text)
{
  (void)text;
  MEMTRACK_GUARD_REENTRY;
  return realloc(block, size);
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
      void *moved = realloc(block, size);
      if (moved == NULL && size) {
        memtrack_tag_restore(block, usable);
        return NULL;
      }
      memtrack_account_free(birth, old_size);
      return moved;
    }
  }
  return realloc(block, size);
}

MT_INLINE void *
resize(void *block, size_t size, enum where where, uintptr_t address)
{
  if (!is_ours(where) || size == 0) {
    return resize_plainly(block, size);
  }
  if (where == IN_LIBRARY) {
    address = memtrack_plugin_call_find(address);
  }
  size_t margin = memtrack_watch_margin_of(size, address);
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
  return memtrack_block_resize(block, size, key, address, attributes, NULL, plain_realloc,
                               memtrack_birth_untagged(MEMTRACK_CLASS_HEAP), margin);
}

#define RESIZES_IN_(which, where)                                            \
  static void *which##_realloc(void *block, size_t size)                     \
  {                                                                          \
    return resize(block, size, where, MT_RETURN_ADDRESS);                    \
  }                                                                          \
  static void *which##_reallocarray(void *block, size_t count, size_t size)  \
  {                                                                          \
    size_t all = product(count, size);                                       \
    if (all == SIZE_MAX) {                                                   \
      errno = ENOMEM;                                                        \
      return NULL;                                                           \
    }                                                                        \
    return resize(block, all, where, MT_RETURN_ADDRESS);                     \
  }                                                                          \
  static int which##_posix_memalign(void **block, size_t align, size_t size) \
  {                                                                          \
    size_t more = margin_of(where, size, MT_RETURN_ADDRESS);                 \
    int result;                                                              \
    {                                                                        \
      MEMTRACK_GUARD_REENTRY;                                                \
      result = posix_memalign(block, align, size + more);                    \
    }                                                                        \
    if (result == 0) {                                                       \
      record_by(more, *block, size, where, MT_RETURN_ADDRESS);               \
    }                                                                        \
    return result;                                                           \
  }
RESIZES_IN_(plugin, IN_PLUGIN)
RESIZES_IN_(library, IN_LIBRARY)

/* ---- releases ---- */

MT_HOT static void
plugin_free(void *block)
{
  if (memtrack_release_is_counted()) {
    memtrack_release(block, MEMTRACK_CLASS_HEAP);
  }
  free(block);
}

MT_HOT static void
other_free(void *block)
{
  if (memtrack_release_is_counted()) {
    memtrack_release(block, MEMTRACK_RELEASE_BY_OTHERS);
  }
  free(block);
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
      free(block);                                                   \
      return;                                                        \
    }                                                                \
    MEMTRACK_GUARD_REENTRY;                                          \
    original_##unsized arguments;                                    \
  }
#define DELETE_(name, unsized, parameters, arguments)                           \
  DELETE_IN_(plugin, MEMTRACK_CLASS_HEAP, name, unsized, parameters, arguments) \
  DELETE_IN_(other, MEMTRACK_RELEASE_BY_OTHERS, name, unsized, parameters, arguments)
DELETES(DELETE_)

static size_t
other_malloc_usable_size(void *block)
{
  return memtrack_release_room(block);
}

static void
free_line(void *line)
{
  free(*(char **)line);
}

/* The C library extends the line with its own realloc(), which bypasses the hooks, and until then does not treat it as a block:
   it may be an array, and with size 0 the pointer may have any value. The hook therefore lets the C library read into a separate
   line, and passes the caller's line to the allocator only where the C library would have done so. */
static ssize_t
plugin_getdelim(char **line, size_t *room, int delimiter, FILE *file)
{
  if (!memtrack_release_is_counted() || line == NULL || room == NULL) {
    return getdelim(line, room, delimiter, file);
  }
  char *own       = NULL;
  size_t own_room = 0;
  ssize_t length;
  pthread_cleanup_push(free_line, &own); /* reading is a cancellation point */
  length = getdelim(&own, &own_room, delimiter, file);
  pthread_cleanup_pop(false);
  if (own == NULL) {
    return length;
  }
  bool has_line = *line != NULL && *room != 0;
  int error     = errno;
  if (has_line && (length < 0 || (size_t)length < *room)) {
    if (length >= 0) {
      memcpy(*line, own, length + 1);
    }
    free(own);
  } else {
    if (has_line) {
      uint64_t key = memtrack_hooks_get(key);
      memtrack_release_tagged(*line, malloc_usable_size(*line), key);
      free(*line);
    }
    *line = own;
    *room = own_room;
  }
  errno = error;
  return length;
}

static ssize_t
plugin_getline(char **line, size_t *room, FILE *file)
{
  return plugin_getdelim(line, room, '\n', file);
}

/* If a library unloads another library, the modules' table notices at a later poll: too late for rules about its code. */
static int
other_dlclose(void *handle)
{
  int result = dlclose(handle);
  memtrack_walk_forget();
  return result;
}

#define REDIRECT(which, name)     \
  {                               \
#name, (void *)which##_##name \
  }
#define PLUGIN_NEW_(name, unaligned, parameters, arguments)  REDIRECT(plugin, name),
#define LIBRARY_NEW_(name, unaligned, parameters, arguments) REDIRECT(library, name),
#define PLUGIN_DELETE_(name, unsized, parameters, arguments) REDIRECT(plugin, name),
#define OTHER_DELETE_(name, unsized, parameters, arguments)  REDIRECT(other, name),
#define ALL_OF(which)                                                                                                 \
  REDIRECT(which, malloc), REDIRECT(which, calloc), REDIRECT(which, memalign), REDIRECT(which, aligned_alloc),        \
    REDIRECT(which, valloc), REDIRECT(which, strdup), REDIRECT(which, strndup), {"__strdup", (void *)which##_strdup}, \
    REDIRECT(which, realloc), REDIRECT(which, reallocarray), REDIRECT(which, posix_memalign)

const struct memtrack_redirect memtrack_plugin_heap[] = {
  ALL_OF(plugin),
  REDIRECT(plugin, free),
  REDIRECT(plugin, getline),
  REDIRECT(other, malloc_usable_size),
  REDIRECT(plugin, getdelim),
  REDIRECT(other, dlclose),
  {"__getdelim", (void *)plugin_getdelim},
  NEWS(PLUGIN_NEW_) DELETES(PLUGIN_DELETE_){NULL, NULL},
};

const struct memtrack_redirect memtrack_library_heap[] = {
  ALL_OF(library),
  REDIRECT(other, malloc_usable_size),
  REDIRECT(other, dlclose),
  REDIRECT(other, free),
  NEWS(LIBRARY_NEW_) DELETES(OTHER_DELETE_){NULL, NULL},
};

const struct memtrack_redirect memtrack_server_news[] = {NEWS(LIBRARY_NEW_){NULL, NULL}};

/* The server releases memory from plugins, and memory from TSmalloc under another name. */
const struct memtrack_redirect memtrack_server_heap[] = {
  REDIRECT(other, malloc_usable_size),
  REDIRECT(other, free),
  REDIRECT(other, realloc),
  DELETES(OTHER_DELETE_){NULL, NULL},
};

/* For modules loaded later (module/definition.h): their releases are found from their first call on. */
#define DELETE_RESOLVER_(name, unsized, parameters, arguments)   MEMTRACK_RESOLVER(name, other_##name)
#define DELETE_DEFINITION_(name, unsized, parameters, arguments) MEMTRACK_DEFINITION(name, other_##name, NULL),
MEMTRACK_RESOLVER(malloc_usable_size, other_malloc_usable_size)
MEMTRACK_RESOLVER(free, other_free)
MEMTRACK_RESOLVER(realloc, other_realloc)
MEMTRACK_RESOLVER(dlclose, other_dlclose)
DELETES(DELETE_RESOLVER_)

struct memtrack_definition memtrack_heap_definitions[] = {
  DELETES(DELETE_DEFINITION_) MEMTRACK_DEFINITION(malloc_usable_size, other_malloc_usable_size, malloc_usable_size),
  MEMTRACK_DEFINITION(free, other_free, free),
  MEMTRACK_DEFINITION(realloc, other_realloc, realloc),
  MEMTRACK_DEFINITION(dlclose, other_dlclose, dlclose),
  {.symbol = NULL},
};

int
memtrack_hook_heap_open(struct memtrack_reason *reason)
{
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
  memtrack_definitions_resolve(memtrack_heap_definitions);
  /* Another allocator, a sanitizer or the server may define its own operators. */
  own_operators = true NEWS(IS_OWN_NEW_) DELETES(IS_OWN_DELETE_);
  return 0;
}

/* For each symbol in a table it is known whether the module has its own definition. */
#define IS_KNOWN_(table) _Static_assert(sizeof(table) / sizeof(*(table)) - 1 <= MEMTRACK_REDIRECTS_MAX, "symbols of a table")
IS_KNOWN_(memtrack_plugin_heap);
IS_KNOWN_(memtrack_library_heap);
IS_KNOWN_(memtrack_server_heap);
IS_KNOWN_(memtrack_server_news);
