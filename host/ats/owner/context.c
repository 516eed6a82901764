/* SPDX-License-Identifier: Apache-2.0 */
#include "owner/context.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/limits.h"
#include "core_abi.h"
#include "module/module.h"
#include "owner/thunk.h"

__thread struct memtrack_context memtrack_context;

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
static_assert(offsetof(struct memtrack_context, owner) == 0, "as in thunk.S");
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
#endif

/* Position of a function's thunk in a table, or the empty position for it. */
static size_t
find(const struct table *table, memtrack_function function, uint32_t only)
{
  uint64_t hash = ((uintptr_t)function * MEMTRACK_HASH_FACTOR + only) * MEMTRACK_HASH_FACTOR >> 32;
  for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
    const struct memtrack_thunk *thunk = memtrack_load_acquire(&table->thunks[at]);
    if (!thunk || (memtrack_load(&thunk->function) == function && thunk->only == only)) {
      return at;
    }
  }
}

static struct memtrack_thunk *
thunk_of(memtrack_function function, uint32_t only)
{
  const struct table *table = memtrack_load_acquire(&newest);
  return memtrack_load_acquire(&table->thunks[find(table, function, only)]);
}

/* Replaces the table by one of four times the size. Returns false if there is no memory. Under the mutex. */
static bool
enlarge(void)
{
  size_t size = 4 * (newest->mask + 1);
  struct table *table =
    mmap(NULL, sizeof(*table) + size * sizeof(void *), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (table == MAP_FAILED) {
    return false;
  }
  *table = (struct table){.mask = size - 1, .thunks = (struct memtrack_thunk **)(table + 1)};
  for (size_t i = 0; i <= newest->mask; ++i) {
    struct memtrack_thunk *thunk = newest->thunks[i];
    if (thunk) {
      table->thunks[find(table, thunk->function, thunk->only)] = thunk;
    }
  }
  memtrack_store_release(&newest, table);
  return true;
}

/* Assigns a thunk. Returns NULL if none is left. Under the mutex. */
static struct memtrack_thunk *
assign(memtrack_function function, uint32_t only)
{
  if (memtrack_thunk_refused()) {
    return NULL;
  }
  if (2 * thunk_count > newest->mask && !enlarge()) {
    memtrack_thunk_refuse(errno);
    return NULL;
  }
  struct memtrack_thunk *thunk = memtrack_thunk_take();
  if (thunk) {
    thunk->only = only;
    memtrack_store(&thunk->function, function);
    memtrack_store_release(&newest->thunks[find(newest, function, only)], thunk);
    ++thunk_count;
  }
  return thunk;
}

/* Assigns a thunk, or returns the one that another thread has assigned meanwhile; NULL if none is left. */
static struct memtrack_thunk *
add_thunk(memtrack_function function, uint32_t only)
{
  int error = errno;
  pthread_mutex_lock(&mutex);
  struct memtrack_thunk *thunk = thunk_of(function, only);
  thunk                        = thunk ? thunk : assign(function, only);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return thunk;
}

MT_HOT void *
memtrack_context_wrap(void *pointer)
{
  memtrack_function function = (memtrack_function)(uintptr_t)pointer;
  if (!function) {
    return NULL;
  }
  struct memtrack_thunk *thunk = thunk_of(function, 0);
  if (thunk && memtrack_load(&thunk->owner) != MEMTRACK_OWNER_CORE) {
    return memtrack_thunk_entry(thunk);
  }
  const struct memtrack_module *module = memtrack_module_at((uintptr_t)pointer);
  bool plugin                          = module && module->kind == MEMTRACK_MODULE_PLUGIN;
  uint32_t owner                       = plugin ? module->owner : memtrack_context.owner;
  uint32_t only                        = plugin ? 0 : owner;
  if (owner == MEMTRACK_OWNER_CORE) {
    return pointer;
  }
  thunk = thunk_of(function, only);
  if (!thunk && MT_UNLIKELY(memtrack_load(&frozen))) {
    return pointer;
  }
  thunk = thunk ? thunk : add_thunk(function, only);
  if (!thunk) {
    memtrack_limit_hit(MEMTRACK_LIMIT_THUNKS);
    return pointer;
  }
  memtrack_store(&thunk->owner, owner);
  return memtrack_thunk_entry(thunk);
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
