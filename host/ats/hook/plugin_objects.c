/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins' calls that create and destroy objects of the server.
 */
#include <stddef.h>

#include "base/atomic.h"
#include "base/limits.h"
#include "hook/behalf.h"
#include "hook/block.h"
#include "hook/buffer.h"
#include "hook/iobuffer.h"
#include "hook/lifetime.h"
#include "hook/plugin_hooks.h"
#include "hook/stack.h"
#include "hook/weight.h"

/* Weights by kind, where the kind decides. */
static const uint8_t weight_of_kind[MEMTRACK_KIND_COUNT] = {
  [MEMTRACK_KIND_CONT]     = MEMTRACK_WEIGHT_CONT,
  [MEMTRACK_KIND_MUTEX]    = MEMTRACK_WEIGHT_MUTEX,
  [MEMTRACK_KIND_IOBUFFER] = MEMTRACK_WEIGHT_IOBUFFER,
  [MEMTRACK_KIND_MBUFFER]  = MEMTRACK_WEIGHT_MBUFFER,
};

static inline void
count_created(void *object, uint32_t kind, uintptr_t address)
{
  memtrack_lifetime_begin(object, kind, weight_of_kind[kind], address);
}

/* A continuation owns its mutex, if it has one: the last continuation destroys it. */
MT_HOT static void
count_cont(void *cont, uint32_t weight, const void *mutex, uintptr_t address)
{
  memtrack_lifetime_begin(cont, MEMTRACK_KIND_CONT, weight, address);
  if (mutex && memtrack_plugin_is_armed()) {
    memtrack_objects_ref(mutex);
  }
}

MT_HOT void *
hook_TSContCreate(memtrack_api_handler function, void *mutex)
{
  void *cont = memtrack_api.TSContCreate(MEMTRACK_WRAP_HANDLER(function), mutex);
  count_cont(cont, MEMTRACK_WEIGHT_CONT, mutex, MT_RETURN_ADDRESS);
  return cont;
}

void *
hook_TSVConnCreate(memtrack_api_handler function, void *mutex)
{
  void *cont = memtrack_api.TSVConnCreate(MEMTRACK_WRAP_HANDLER(function), mutex);
  count_cont(cont, MEMTRACK_WEIGHT_VCONN, mutex, MT_RETURN_ADDRESS);
  return cont;
}

void *
hook_TSTransformCreate(memtrack_api_handler function, void *transaction)
{
  void *cont = memtrack_api.TSTransformCreate(MEMTRACK_WRAP_HANDLER(function), transaction);
  count_cont(cont, MEMTRACK_WEIGHT_VCONN, NULL, MT_RETURN_ADDRESS);
  return cont;
}

MT_HOT void
hook_TSContDestroy(void *cont)
{
  struct memtrack_object known, mutex;
  if (memtrack_lifetime_take(cont, &known)) {
    void *owned = memtrack_api.TSContMutexGet(cont);
    if (owned && memtrack_objects_unref(owned, &mutex)) {
      memtrack_lifetime_count_end(&mutex);
    }
    memtrack_lifetime_count_end(&known);
  }
  memtrack_api.TSContDestroy(cont);
}

static void
count_buffer(void *buffer, bool sized, uintptr_t address)
{
  if (memtrack_plugin_is_armed()) {
    memtrack_buffer_mark(buffer, sized, address, memtrack_context.owner, memtrack_iobuffer_event);
  }
  count_created(buffer, MEMTRACK_KIND_IOBUFFER, address);
}

void *
hook_TSIOBufferCreate(void)
{
  void *buffer = memtrack_api.TSIOBufferCreate();
  count_buffer(buffer, false, MT_RETURN_ADDRESS);
  return buffer;
}

void *
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

void
hook_TSIOBufferDestroy(void *buffer)
{
  if (memtrack_plugin_is_armed() && memtrack_objects_knows(buffer)) {
    for (int i = 0; i < DISTANCES_MAX; ++i) {
      uintptr_t distance = memtrack_load(&distances[i]);
      if (distance == 0) {
        break;
      }
      memtrack_lifetime_end((char *)buffer + distance);
    }
  }
  memtrack_lifetime_end(buffer);
  memtrack_api.TSIOBufferDestroy(buffer);
}

/* Only readers of buffers created by a plugin are followed: the server destroys its own unseen. */
void *
hook_TSIOBufferReaderAlloc(void *buffer)
{
  void *reader = memtrack_api.TSIOBufferReaderAlloc(buffer);
  if (reader && memtrack_plugin_is_armed() && memtrack_objects_knows(buffer)) {
    learn_distance((uintptr_t)reader - (uintptr_t)buffer);
    count_created(reader, MEMTRACK_KIND_READER, MT_RETURN_ADDRESS);
  }
  return reader;
}

void *
hook_TSIOBufferReaderClone(void *reader)
{
  void *clone = memtrack_api.TSIOBufferReaderClone(reader);
  if (clone && memtrack_plugin_is_armed() && memtrack_objects_knows(reader)) {
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

/* Counts the end of an object that was taken from the table, unless the function has refused. Returns the function's result. */
static int
count_unless_refused(const struct memtrack_object *known, int result)
{
  if (result == MEMTRACK_TS_SUCCESS) {
    memtrack_lifetime_count_end(known);
  } else {
    memtrack_lifetime_give_back(known);
  }
  return result;
}

static int
destroy_unless_refused(void *object, int (*destroy)(void *))
{
  struct memtrack_object known;
  bool counted = memtrack_lifetime_take(object, &known);
  int result   = destroy(object);
  return counted ? count_unless_refused(&known, result) : result;
}

int
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
  void *hook_##name parameters                                      \
  {                                                                 \
    void *object = memtrack_api.name arguments;                     \
    count_created(object, MEMTRACK_KIND_##kind, MT_RETURN_ADDRESS); \
    return object;                                                  \
  }
/* Of the kind `other`, with a weight, which proves that it is a block of the server's heap (hook/weight.c). */
#define CREATES_OTHER(name, weight)                                                                    \
  void *hook_##name(void)                                                                              \
  {                                                                                                    \
    void *object = memtrack_api.name();                                                                \
    if (object && memtrack_plugin_is_armed() && memtrack_weights[MEMTRACK_WEIGHT_##weight] > 0) {      \
      memtrack_block_take_over(object);                                                                \
    }                                                                                                  \
    memtrack_lifetime_begin(object, MEMTRACK_KIND_OTHER, MEMTRACK_WEIGHT_##weight, MT_RETURN_ADDRESS); \
    return object;                                                                                     \
  }
#define DESTROYS(name)             \
  void hook_##name(void *object)   \
  {                                \
    memtrack_lifetime_end(object); \
    memtrack_api.name(object);     \
  }
#define MAY_DESTROY(name)                                     \
  int hook_##name(void *object)                               \
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
CREATES_OTHER(TSMimeParserCreate, MIME_PARSER)
DESTROYS(TSMimeParserDestroy)
CREATES_OTHER(TSHttpParserCreate, HTTP_PARSER)
DESTROYS(TSHttpParserDestroy)
CREATES(TSUuidCreate, OTHER, (void), ())
DESTROYS(TSUuidDestroy)
CREATES(TSfopen, FILE, (const char *name, const char *mode), (name, mode))
DESTROYS(TSfclose)
MAY_DESTROY(TSTextLogObjectDestroy)
CREATES(TSThreadInit, THREAD, (void), ())
DESTROYS(TSThreadDestroy)
DESTROYS(TSFetchDestroy)
CREATES(TSCacheHttpInfoCreate, OTHER, (void), ())
CREATES(TSCacheHttpInfoCopy, OTHER, (void *info), (info))
DESTROYS(TSCacheHttpInfoDestroy)
CREATES(TSMatcherLineCreate, OTHER, (void), ())
DESTROYS(TSMatcherLineDestroy)

/* With buffers that the plugin gets no handle of. */
void *
hook_TSFetchCreate(void *cont, const char *method, const char *url, const char *version, const void *client, int flags)
{
  MEMTRACK_ON_BEHALF;
  void *fetch = memtrack_api.TSFetchCreate(cont, method, url, version, client, flags);
  count_created(fetch, MEMTRACK_KIND_FETCH, MT_RETURN_ADDRESS);
  return fetch;
}

/* Started by the plugin, and used by it until it destroys the object. */
void *
hook_TSThreadCreate(void *(*function)(void *), void *data)
{
  void *(*wrapped)(void *)     = MEMTRACK_WRAP(function);
  struct memtrack_start *start = memtrack_stack_prepare(NULL, wrapped, data, MT_RETURN_ADDRESS);
  void *thread = start ? memtrack_api.TSThreadCreate(memtrack_stack_run, start) : memtrack_api.TSThreadCreate(wrapped, data);
  if (start && !thread) {
    memtrack_stack_cancel(start);
  }
  count_created(thread, MEMTRACK_KIND_THREAD, MT_RETURN_ADDRESS);
  return thread;
}

/* A connection ends when the plugin closes it. The same calls close what ends in another way: a TSVConn that the plugin created is
   a continuation, which TSContDestroy ends, and of others the server keeps the count. So a connection stands in the table under an
   address of its own, at which no object can be. */
#define CONNECTION(connection) ((connection) ? (void *)((uintptr_t)(connection) + 1) : NULL)

#define CONNECTS(name, parameters, arguments)                                      \
  void *hook_##name parameters                                                     \
  {                                                                                \
    MEMTRACK_ON_BEHALF;                                                            \
    void *connection = memtrack_api.name arguments;                                \
    count_created(CONNECTION(connection), MEMTRACK_KIND_VCONN, MT_RETURN_ADDRESS); \
    return connection;                                                             \
  }

CONNECTS(TSHttpConnect, (const void *address), (address))
CONNECTS(TSHttpConnectWithPluginId, (const void *address, const char *tag, int64_t id), (address, tag, id))
CONNECTS(TSHttpConnectPlugin, (void *options), (options))
CONNECTS(TSHttpConnectTransparent, (const void *client, const void *server), (client, server))
CONNECTS(TSVConnFdCreate, (int descriptor), (descriptor))

void
hook_TSVConnClose(void *connection)
{
  memtrack_lifetime_end(CONNECTION(connection));
  memtrack_api.TSVConnClose(connection);
}

void
hook_TSVConnAbort(void *connection, int error)
{
  memtrack_lifetime_end(CONNECTION(connection));
  memtrack_api.TSVConnAbort(connection, error);
}

/* Handles of fields, which a request may take by the dozen: followed from the first time on that the heap is tracked. Only
   TSHandleMLocRelease gives a handle back: the server has a list of its own for them, neither TSMimeHdrFieldDestroy nor
   TSMBufferDestroy touches it. The same call on a header or a URL, which is part of its buffer, does nothing. */
#define RETURNS_HANDLE(name, parameters, arguments)                 \
  void *hook_##name parameters                                      \
  {                                                                 \
    if (MT_LIKELY(!memtrack_hooks_get(heap))) {                     \
      return memtrack_api.name arguments;                           \
    }                                                               \
    void *handle = memtrack_api.name arguments;                     \
    count_created(handle, MEMTRACK_KIND_HANDLE, MT_RETURN_ADDRESS); \
    return handle;                                                  \
  }
#define STORES_HANDLE(name, parameters, arguments)                     \
  int hook_##name parameters                                           \
  {                                                                    \
    if (MT_LIKELY(!memtrack_hooks_get(heap))) {                        \
      return memtrack_api.name arguments;                              \
    }                                                                  \
    int result = memtrack_api.name arguments;                          \
    if (result == MEMTRACK_TS_SUCCESS) {                               \
      count_created(*handle, MEMTRACK_KIND_HANDLE, MT_RETURN_ADDRESS); \
    }                                                                  \
    return result;                                                     \
  }

RETURNS_HANDLE(TSMimeHdrFieldFind, (void *buffer, void *header, const char *name, int length), (buffer, header, name, length))
RETURNS_HANDLE(TSMimeHdrFieldGet, (void *buffer, void *header, int number), (buffer, header, number))
RETURNS_HANDLE(TSMimeHdrFieldNext, (void *buffer, void *header, void *field), (buffer, header, field))
RETURNS_HANDLE(TSMimeHdrFieldNextDup, (void *buffer, void *header, void *field), (buffer, header, field))
STORES_HANDLE(TSMimeHdrFieldCreate, (void *buffer, void *header, void **handle), (buffer, header, handle))
STORES_HANDLE(TSMimeHdrFieldCreateNamed, (void *buffer, void *header, const char *name, int length, void **handle),
              (buffer, header, name, length, handle))
STORES_HANDLE(TSMimeHdrFieldClone, (void *to, void *to_header, void *from, void *from_header, void *field, void **handle),
              (to, to_header, from, from_header, field, handle))

int
hook_TSHandleMLocRelease(void *buffer, void *parent, void *handle)
{
  struct memtrack_object known;
  if (MT_LIKELY(!memtrack_hooks_get(handles)) || !memtrack_lifetime_take(handle, &known)) {
    return memtrack_api.TSHandleMLocRelease(buffer, parent, handle);
  }
  /* With the wrong header it is still a handle. */
  return count_unless_refused(&known, memtrack_api.TSHandleMLocRelease(buffer, parent, handle));
}
