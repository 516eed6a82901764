/* SPDX-License-Identifier: Apache-2.0 */
#include "owner/context.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/own.h"
#include "core_abi.h"
#include "module/module.h"
#include "owner/thunk.h"
#include "server/awaited.h"

__thread struct memtrack_context memtrack_context;
uint64_t memtrack_context_answers;
static memtrack_context_holder holder;

/* Thunks by the hash of their functions: open addressing, without removal, at most half full. Readers take no lock: a full table
   is replaced by a larger one, and stays valid. A reader of the old table may miss a thunk; it then takes the mutex. */
struct table {
  size_t mask; /* the size, a power of two, minus 1 */
  struct memtrack_thunk **thunks;
};

#define FIRST_SIZE 2048u

static struct memtrack_thunk *first_thunks[FIRST_SIZE];
static struct table first    = {.mask = FIRST_SIZE - 1, .thunks = first_thunks};
static struct table *newest  = &first;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* held while a thunk is assigned */
static size_t thunk_count;                                /* under the mutex */
static bool frozen;                                       /* no thunk is assigned any more */

/* What thunk.S knows of these. */
static_assert(offsetof(struct memtrack_context, owner) == 0 && offsetof(struct memtrack_context, awaited) == 8, "as in thunk.S");
static_assert(offsetof(struct memtrack_call, awaited_before) == 0 && offsetof(struct memtrack_call, thunk) == 8 &&
                offsetof(struct memtrack_call, answers) == 16 && offsetof(struct memtrack_call, owner_before) == 24 &&
                offsetof(struct memtrack_call, event) == 28 && offsetof(struct memtrack_call, result) == 32 &&
                sizeof(struct memtrack_call) == 40,
              "as in thunk.S");
static_assert(offsetof(struct memtrack_thunk, function) == 0 && offsetof(struct memtrack_thunk, owner) == 8, "as in thunk.S");
static_assert(sizeof(struct memtrack_thunk) == 16, "as in thunk.S");

#if !defined(__x86_64__)
/* On x86-64 this is in assembler. */
MT_HOT memtrack_word
memtrack_thunk_run(memtrack_word a, memtrack_word b, memtrack_word c, memtrack_word d, memtrack_word e, memtrack_word f,
                   const struct memtrack_thunk *thunk)
{
  MT_CLEANUP(memtrack_context_restore) const uint32_t before = memtrack_context.owner;
  memtrack_context.owner                                     = memtrack_load(&thunk->owner);
  return memtrack_load(&thunk->function)(a, b, c, d, e, f);
}

static void
end_call(const struct memtrack_call *call)
{
  memtrack_context_unanswered(call);
  memtrack_context.owner   = call->owner_before;
  memtrack_context.awaited = call->awaited_before;
}

MT_HOT memtrack_word
memtrack_thunk_run_handler(memtrack_word cont, memtrack_word event, memtrack_word data, memtrack_word d, memtrack_word e,
                           memtrack_word f, const struct memtrack_thunk *thunk)
{
  if ((uint32_t)event - MEMTRACK_AWAITED_FIRST > MEMTRACK_AWAITED_LAST - MEMTRACK_AWAITED_FIRST ||
      memtrack_context.awaited == (void *)data) {
    return memtrack_thunk_run(cont, event, data, d, e, f, thunk);
  }
  MT_CLEANUP(end_call)
  const struct memtrack_call call = {.awaited_before = memtrack_context.awaited,
                                     .thunk          = thunk,
                                     .answers        = memtrack_load(&memtrack_context_answers),
                                     .owner_before   = memtrack_context.owner,
                                     .event          = (int32_t)event};
  memtrack_context.owner          = memtrack_load(&thunk->owner);
  memtrack_context.awaited        = (void *)data;
  return memtrack_load(&thunk->function)(cont, event, data, d, e, f);
}
#endif

void
memtrack_context_set_holder(memtrack_context_holder to)
{
  memtrack_store_release(&holder, to);
}

void
memtrack_context_unanswered(const struct memtrack_call *call)
{
  enum memtrack_awaited awaited = memtrack_awaited(call->event);
  memtrack_context_holder tell  = memtrack_load_acquire(&holder);
  if (memtrack_context.awaited && awaited != MEMTRACK_AWAITED_NOTHING && tell) {
    tell(memtrack_context.awaited, awaited == MEMTRACK_AWAITED_SESSION, (uintptr_t)memtrack_load(&call->thunk->function),
         call->answers);
  }
}

/* A function as a key of the table. */
struct use {
  memtrack_function function;
  uint32_t only; /* as in a thunk */
  bool handler;
};

/* Position of a function's thunk in a table, or the empty position for it. */
static size_t
find(const struct table *table, struct use use)
{
  uint64_t hash =
    ((uintptr_t)use.function * MEMTRACK_HASH_FACTOR + 2 * (uint64_t)use.only + use.handler) * MEMTRACK_HASH_FACTOR >> 32;
  for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
    const struct memtrack_thunk *thunk = memtrack_load_acquire(&table->thunks[at]);
    if (!thunk || (memtrack_load(&thunk->function) == use.function && thunk->only == use.only &&
                   memtrack_thunk_is_handler(thunk) == use.handler)) {
      return at;
    }
  }
}

static struct memtrack_thunk *
thunk_of(struct use use)
{
  const struct table *table = memtrack_load_acquire(&newest);
  return memtrack_load_acquire(&table->thunks[find(table, use)]);
}

/* Replaces the table by one of four times the size. Returns false if there is no memory. Under the mutex. */
static bool
enlarge(void)
{
  size_t size         = 4 * (newest->mask + 1);
  struct table *table = memtrack_own_map(sizeof(*table) + size * sizeof(void *), 0);
  if (!table) {
    return false;
  }
  *table = (struct table){.mask = size - 1, .thunks = (struct memtrack_thunk **)(table + 1)};
  for (size_t i = 0; i <= newest->mask; ++i) {
    struct memtrack_thunk *thunk = newest->thunks[i];
    if (thunk) {
      struct use use = {.function = thunk->function, .only = thunk->only, .handler = memtrack_thunk_is_handler(thunk)};
      table->thunks[find(table, use)] = thunk;
    }
  }
  memtrack_store_release(&newest, table);
  return true;
}

/* Assigns a thunk. Returns NULL if none is left. Under the mutex. */
static struct memtrack_thunk *
assign(struct use use)
{
  if (memtrack_thunk_refused()) {
    return NULL;
  }
  if (2 * thunk_count > newest->mask && !enlarge()) {
    memtrack_thunk_refuse(errno);
    return NULL;
  }
  struct memtrack_thunk *thunk = memtrack_thunk_take(use.handler);
  if (thunk) {
    size_t place = find(newest, use);
    thunk->only  = use.only;
    memtrack_store(&thunk->function, use.function);
    memtrack_store_release(&newest->thunks[place], thunk);
    ++thunk_count;
  }
  return thunk;
}

/* Assigns a thunk, or returns the one that another thread has assigned meanwhile; NULL if none is left. */
static struct memtrack_thunk *
add_thunk(struct use use)
{
  int error = errno;
  pthread_mutex_lock(&mutex);
  struct memtrack_thunk *thunk = thunk_of(use);
  thunk                        = thunk ? thunk : assign(use);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return thunk;
}

MT_HOT static void *
wrap(void *pointer, bool handler)
{
  struct use use = {.function = (memtrack_function)(uintptr_t)pointer, .only = 0, .handler = handler};
  if (!pointer) {
    return NULL;
  }
  struct memtrack_thunk *thunk = thunk_of(use);
  if (thunk && memtrack_load(&thunk->owner) != MEMTRACK_OWNER_CORE) {
    return memtrack_thunk_entry(thunk);
  }
  const struct memtrack_module *module = memtrack_module_at((uintptr_t)pointer);
  bool plugin                          = module && module->kind == MEMTRACK_MODULE_PLUGIN;
  uint32_t owner                       = plugin ? module->owner : memtrack_context.owner;
  use.only                             = plugin ? 0 : owner;
  if (owner == MEMTRACK_OWNER_CORE) {
    return pointer;
  }
  thunk = thunk_of(use);
  if (!thunk && MT_UNLIKELY(memtrack_load(&frozen))) {
    return pointer;
  }
  thunk = thunk ? thunk : add_thunk(use);
  if (!thunk) {
    memtrack_limit_hit(MEMTRACK_LIMIT_THUNKS);
    return pointer;
  }
  memtrack_store(&thunk->owner, owner);
  return memtrack_thunk_entry(thunk);
}

MT_HOT void *
memtrack_context_wrap(void *function)
{
  return wrap(function, false);
}

MT_HOT void *
memtrack_context_wrap_handler(void *handler)
{
  return wrap(handler, true);
}

void
memtrack_context_freeze(void)
{
  memtrack_store(&frozen, true);
}

void
memtrack_context_forget(uintptr_t start, uintptr_t end)
{
  const struct table *table = memtrack_load_acquire(&newest);
  for (size_t i = 0; i <= table->mask; ++i) {
    struct memtrack_thunk *thunk = memtrack_load_acquire(&table->thunks[i]);
    uintptr_t function           = thunk ? (uintptr_t)memtrack_load(&thunk->function) : 0;
    if (function >= start && function < end) {
      memtrack_store(&thunk->owner, MEMTRACK_OWNER_CORE);
    }
  }
}
