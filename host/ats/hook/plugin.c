/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins' calls of the plugin API: memory (TSmalloc and similar functions), objects that are created and destroyed in pairs, and
 * functions that register a function of the plugin, which later runs on the plugin's behalf. The site is the call: its return
 * address.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "hook/block.h"
#include "hook/buffer.h"
#include "hook/iobuffer.h"
#include "hook/objects.h"
#include "hook/plugin.h"
#include "hook/release.h"
#include "owner/context.h"
#include "owner/plugin_call.h"
#include "server/api.h"

static inline bool
is_armed(void)
{
  return MT_LIKELY(memtrack_hooks_get(armed));
}

static inline uint64_t
attributes_of(uint32_t cls, uint32_t kind)
{
  return memtrack_attributes(cls, kind, memtrack_context.owner);
}

/* ---- memory ---- */

/* The return address, as the site. Since version 10 TSmalloc is an inline function: a plugin without optimization has one of its
   own, and the call in it is never a site. */
static inline uintptr_t
site_of(uintptr_t address)
{
  return MT_LIKELY(!memtrack_hooks_get(api_wrapped)) ? address : memtrack_plugin_call_of_api(address);
}

#define SITE site_of(MT_RETURN_ADDRESS)

/* Sizes that are not tracked, and all sizes while sites are watched. */
static MT_NOINLINE void *
malloc_slowly(size_t size, const char *path, uintptr_t address)
{
  size_t margin = size ? memtrack_watch_margin(size, address) : 0;
  void *block;
  {
    MEMTRACK_GUARD_REENTRY;
    block = memtrack_api._TSmalloc(size + margin, path);
  }
  if (block && margin) {
    memtrack_block_record_by(margin, block, size, memtrack_hooks_get(key), address, attributes_of(MEMTRACK_CLASS_TSAPI, 0), path);
  }
  return block;
}

MT_HOT static void *
hook__TSmalloc(size_t size, const char *path)
{
  if (!is_armed()) {
    return memtrack_api._TSmalloc(size, path);
  }
  if (MT_UNLIKELY(size - 1 >= memtrack_hooks_get(quick_size))) {
    return malloc_slowly(size, path, SITE);
  }
  void *block;
  {
    MEMTRACK_GUARD_REENTRY;
    block = memtrack_api._TSmalloc(size + MEMTRACK_TAG_SIZE, path);
  }
  if (MT_LIKELY(block != NULL)) {
    memtrack_block_record(block, size, memtrack_hooks_get(key), SITE, attributes_of(MEMTRACK_CLASS_TSAPI, 0), path);
  }
  return block;
}

static void *
hook__TSrealloc(void *block, size_t size, const char *path)
{
  if (!is_armed()) {
    return memtrack_api._TSrealloc(block, size, path);
  }
  uintptr_t address = SITE;
  size_t margin     = size ? memtrack_watch_margin_of(size, address) : 0;
  if (MT_UNLIKELY(margin == 0)) {
    memtrack_release(block, MEMTRACK_CLASS_TSAPI);
    return memtrack_api._TSrealloc(block, size, path);
  }
  uint64_t site = attributes_of(MEMTRACK_CLASS_TSAPI, 0);
  MEMTRACK_GUARD_REENTRY;
  if (block == NULL) {
    void *fresh = memtrack_api._TSrealloc(NULL, size + margin, path);
    if (fresh) {
      memtrack_block_record_by(margin, fresh, size, memtrack_hooks_get(key), address, site, path);
    }
    return fresh;
  }
  return memtrack_block_resize(block, size, memtrack_hooks_get(key), address, site, path, memtrack_api._TSrealloc,
                               memtrack_birth_untagged(MEMTRACK_CLASS_TSAPI), margin);
}

static char *
hook__TSstrdup(const char *text, int64_t length, const char *path)
{
  int chars = (int)length; /* as the server does, which has no more in 9.2 and 10 */
  if (is_armed() && text && chars < 0) {
    chars = (int)strlen(text);
  }
  if (!is_armed() || text == NULL || MT_UNLIKELY(chars < 0 || chars == INT_MAX)) {
    return memtrack_api._TSstrdup(text, length, path);
  }
  uintptr_t address = SITE;
  size_t size       = (size_t)chars + 1;
  size_t margin     = memtrack_watch_margin_of(size, address);
  char *copy;
  {
    MEMTRACK_GUARD_REENTRY;
    copy = memtrack_api._TSmalloc(size + margin, path);
  }
  if (copy) {
    strncpy(copy, text, size - 1); /* pads with zeros, like the server's own function */
    copy[size - 1] = '\0';
    memtrack_block_record_by(margin, copy, size, memtrack_hooks_get(key), address, attributes_of(MEMTRACK_CLASS_TSAPI, 0), path);
  }
  return copy;
}

MT_HOT static void
hook__TSfree(void *block)
{
  if (is_armed() && block) {
    memtrack_release_likely(block, malloc_usable_size(block), MEMTRACK_CLASS_TSAPI);
  }
  MEMTRACK_GUARD_REENTRY;
  memtrack_api._TSfree(block);
}

/* ---- objects ---- */

MT_HOT static void
count_created(void *object, uint32_t kind, uintptr_t address)
{
  if (object == NULL || !is_armed()) {
    return;
  }
  struct memtrack_object old;
  uint32_t birth = memtrack_account_alloc(address, attributes_of(MEMTRACK_CLASS_OBJECT, kind), NULL, 0);
  if (birth == MEMTRACK_SITE_UNKNOWN) {
    return;
  }
  if (!memtrack_objects_add(object, birth, &old)) {
    memtrack_account_free(birth, 0); /* not recorded, so its end could not be seen */
  } else if (old.address) {
    memtrack_account_free(old.birth, 0); /* its end was not seen: the server destroyed it */
  }
}

MT_HOT static void
count_destroyed(const void *object)
{
  struct memtrack_object known;
  if (object && is_armed() && memtrack_objects_remove(object, &known)) {
    memtrack_account_free(known.birth, 0);
  }
}

/* A plugin's function that will run on the plugin's behalf. */
#define WRAP(function) ((__typeof__(function))memtrack_context_wrap((void *)(uintptr_t)(function)))

/* A continuation owns its mutex, if it has one: the last continuation destroys it. */
MT_HOT static void
count_cont(void *cont, const void *mutex, uintptr_t address)
{
  count_created(cont, MEMTRACK_KIND_CONT, address);
  if (mutex && is_armed()) {
    memtrack_objects_ref(mutex);
  }
}

MT_HOT static void *
hook_TSContCreate(memtrack_api_handler function, void *mutex)
{
  void *cont = memtrack_api.TSContCreate(WRAP(function), mutex);
  count_cont(cont, mutex, MT_RETURN_ADDRESS);
  return cont;
}

static void *
hook_TSVConnCreate(memtrack_api_handler function, void *mutex)
{
  void *cont = memtrack_api.TSVConnCreate(WRAP(function), mutex);
  count_cont(cont, mutex, MT_RETURN_ADDRESS);
  return cont;
}

static void *
hook_TSTransformCreate(memtrack_api_handler function, void *transaction)
{
  void *cont = memtrack_api.TSTransformCreate(WRAP(function), transaction);
  count_cont(cont, NULL, MT_RETURN_ADDRESS);
  return cont;
}

MT_HOT static void
hook_TSContDestroy(void *cont)
{
  struct memtrack_object known, mutex;
  if (is_armed() && memtrack_objects_remove(cont, &known)) {
    void *owned = memtrack_api.TSContMutexGet(cont);
    if (owned && memtrack_objects_unref(owned, &mutex)) {
      memtrack_account_free(mutex.birth, 0);
    }
    memtrack_account_free(known.birth, 0);
  }
  memtrack_api.TSContDestroy(cont);
}

static void
count_buffer(void *buffer, bool sized, uintptr_t address)
{
  if (is_armed()) {
    memtrack_buffer_mark(buffer, sized, address, memtrack_context.owner, memtrack_iobuffer_event);
  }
  count_created(buffer, MEMTRACK_KIND_IOBUFFER, address);
}

static void *
hook_TSIOBufferCreate(void)
{
  void *buffer = memtrack_api.TSIOBufferCreate();
  count_buffer(buffer, false, MT_RETURN_ADDRESS);
  return buffer;
}

static void *
hook_TSIOBufferSizedCreate(int size_index)
{
  void *buffer = memtrack_api.TSIOBufferSizedCreate(size_index);
  count_buffer(buffer, true, MT_RETURN_ADDRESS);
  return buffer;
}

/* Readers are part of their buffer, at the same distances in every buffer, and end with it. */
enum { DISTANCES_MAX = 16 };
static uintptr_t distances[DISTANCES_MAX];

static void
learn_distance(uintptr_t distance)
{
  for (int i = 0; i < DISTANCES_MAX; ++i) {
    uintptr_t none = 0;
    if (memtrack_load(&distances[i]) == distance || memtrack_replace_ordered(&distances[i], &none, distance) || none == distance) {
      return;
    }
  }
  memtrack_limit_hit(MEMTRACK_LIMIT_READERS);
}

static void
hook_TSIOBufferDestroy(void *buffer)
{
  if (is_armed() && memtrack_objects_knows(buffer)) {
    for (int i = 0; i < DISTANCES_MAX; ++i) {
      uintptr_t distance = memtrack_load(&distances[i]);
      if (distance == 0) {
        break;
      }
      count_destroyed((char *)buffer + distance);
    }
  }
  count_destroyed(buffer);
  memtrack_api.TSIOBufferDestroy(buffer);
}

/* Only readers of buffers created by a plugin are followed: the server destroys its own unseen. */
static void *
hook_TSIOBufferReaderAlloc(void *buffer)
{
  void *reader = memtrack_api.TSIOBufferReaderAlloc(buffer);
  if (reader && is_armed() && memtrack_objects_knows(buffer)) {
    learn_distance((uintptr_t)reader - (uintptr_t)buffer);
    count_created(reader, MEMTRACK_KIND_READER, MT_RETURN_ADDRESS);
  }
  return reader;
}

static void *
hook_TSIOBufferReaderClone(void *reader)
{
  void *clone = memtrack_api.TSIOBufferReaderClone(reader);
  if (clone && is_armed() && memtrack_objects_knows(reader)) {
    for (int i = 0; i < DISTANCES_MAX; ++i) { /* both are in one buffer: one of the distances leads to its beginning */
      uintptr_t distance = memtrack_load(&distances[i]);
      if (distance && memtrack_objects_knows((char *)reader - distance)) {
        learn_distance((uintptr_t)clone - ((uintptr_t)reader - distance));
        count_created(clone, MEMTRACK_KIND_READER, MT_RETURN_ADDRESS);
        break;
      }
    }
  }
  return clone;
}

/* Destroys an object with a function that may refuse. The object is removed first, because after destruction another thread may
   get the same address. */
static int
destroy_unless_refused(void *object, int (*destroy)(void *))
{
  struct memtrack_object known, old;
  bool counted = is_armed() && memtrack_objects_remove(object, &known);
  int result   = destroy(object);
  if (counted && result == MEMTRACK_TS_SUCCESS) {
    memtrack_account_free(known.birth, 0);
  } else if (counted) {
    memtrack_objects_add(object, known.birth, &old);
  }
  return result;
}

static int
hook_TSTextLogObjectCreate(const char *name, int mode, void **object)
{
  int result = memtrack_api.TSTextLogObjectCreate(name, mode, object);
  if (result == MEMTRACK_TS_SUCCESS && object) {
    count_created(*object, MEMTRACK_KIND_OTHER, MT_RETURN_ADDRESS);
  }
  return result;
}

/* Pairs that need nothing more. */
#define CREATES(name, kind, parameters, arguments)                  \
  static void *hook_##name parameters                               \
  {                                                                 \
    void *object = memtrack_api.name arguments;                     \
    count_created(object, MEMTRACK_KIND_##kind, MT_RETURN_ADDRESS); \
    return object;                                                  \
  }
#define DESTROYS(name)                  \
  static void hook_##name(void *object) \
  {                                     \
    count_destroyed(object);            \
    memtrack_api.name(object);          \
  }
#define MAY_DESTROY(name)                                     \
  static int hook_##name(void *object)                        \
  {                                                           \
    return destroy_unless_refused(object, memtrack_api.name); \
  }

CREATES(TSMutexCreate, MUTEX, (void), ())
DESTROYS(TSMutexDestroy)
CREATES(TSMBufferCreate, MBUFFER, (void), ())
MAY_DESTROY(TSMBufferDestroy)
DESTROYS(TSIOBufferReaderFree)
CREATES(TSCacheKeyCreate, OTHER, (void), ())
MAY_DESTROY(TSCacheKeyDestroy)
CREATES(TSMimeParserCreate, OTHER, (void), ())
DESTROYS(TSMimeParserDestroy)
CREATES(TSHttpParserCreate, OTHER, (void), ())
DESTROYS(TSHttpParserDestroy)
CREATES(TSUuidCreate, OTHER, (void), ())
DESTROYS(TSUuidDestroy)
CREATES(TSfopen, OTHER, (const char *name, const char *mode), (name, mode))
DESTROYS(TSfclose)
MAY_DESTROY(TSTextLogObjectDestroy)

/* The plugin passes its own function; the continuation has the thunk, unless it is older than memtrack. */
static int
hook_TSHttpTxnHookRegisteredFor(void *transaction, int hook, memtrack_api_handler function)
{
  memtrack_api_handler thunk = WRAP(function);
  int result                 = memtrack_api.TSHttpTxnHookRegisteredFor(transaction, hook, thunk);
  return result == MEMTRACK_TS_SUCCESS || thunk == function ? result
                                                            : memtrack_api.TSHttpTxnHookRegisteredFor(transaction, hook, function);
}

/* ---- back to the server ---- */

/* Inside these calls the server continues with its own work, and perhaps calls other plugins: that is not on the caller's
   behalf. */
#define RESUMES(name, parameters, arguments)                                             \
  MT_HOT static void hook_##name parameters                                              \
  {                                                                                      \
    MT_CLEANUP(memtrack_context_restore) const uint32_t before = memtrack_context.owner; \
    memtrack_context.owner                                     = MEMTRACK_OWNER_CORE;    \
    memtrack_api.name arguments;                                                         \
  }

RESUMES(TSHttpTxnReenable, (void *transaction, int event), (transaction, event))
RESUMES(TSHttpSsnReenable, (void *session, int event), (session, event))
RESUMES(TSVConnReenable, (void *connection), (connection))
RESUMES(TSVConnReenableEx, (void *connection, int event), (connection, event))
RESUMES(TSVIOReenable, (void *operation), (operation))

/* ---- threads ---- */

static void *
hook_TSThreadCreate(void *(*function)(void *), void *data)
{
  return memtrack_api.TSThreadCreate(WRAP(function), data);
}

static int
hook_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *data)
{
  return pthread_create(thread, attributes, WRAP(function), data);
}

static const struct {
  enum memtrack_api_function function;
  void *hook;
} hooks[] = {
#define HOOKED(name) {MEMTRACK_API_##name, (void *)hook_##name},
#define PLAIN(name)
#define X(name, use, hooked, name_in_10, result, parameters) hooked(name)
  MEMTRACK_API(X)
#undef X
#undef PLAIN
#undef HOOKED
};

#define HOOKS (sizeof(hooks) / sizeof(*hooks))

struct memtrack_redirect memtrack_plugin_api[HOOKS + 2];

int
memtrack_hook_plugin_open(struct memtrack_reason *reason)
{
  struct memtrack_redirect *to = memtrack_plugin_api;
  for (size_t i = 0; i < HOOKS; ++i) {
    const char *symbol = memtrack_api_name(hooks[i].function);
    if (symbol) {
      *to++ = (struct memtrack_redirect){symbol, hooks[i].hook};
    }
  }
  *to++             = (struct memtrack_redirect){"pthread_create", (void *)hook_pthread_create};
  *to               = (struct memtrack_redirect){NULL, NULL};
  const char *lacks = memtrack_api_lacks(MEMTRACK_API_HOOK);
  if (lacks) {
    return memtrack_reason_set(reason, "the server lacks the function %s", lacks);
  }
  return 0;
}

_Static_assert(HOOKS + 1 <= MEMTRACK_REDIRECTS_MAX, "symbols of a table");
