/* SPDX-License-Identifier: Apache-2.0 */
#include "owner/context.h"

#include <pthread.h>
#include <stddef.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/limits.h"
#include "core_abi.h"
#include "module/module.h"

typedef uintptr_t word;
typedef word (*plugin_function)(word, word, word, word, word, word);

struct thunk {
  plugin_function function; /* NULL: free. Set once. */
  uint32_t owner;
  uint32_t only; /* the only owner of this thunk of a shared function; 0: the owner at its address. Set before `function`. */
};

__thread struct memtrack_context memtrack_context;

#define INDEX_SIZE (2 * MEMTRACK_THUNKS_MAX) /* a power of two; never full */

/* Assigned in order: the few thunks that a server uses, and their code, are adjacent. */
static struct thunk thunks[MEMTRACK_THUNKS_MAX];
static uint32_t thunk_count;                              /* under the mutex */
static uint16_t numbers[INDEX_SIZE];                      /* by the function's hash: a thunk's number plus 1, or 0 */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* held while a thunk is assigned */

/* Inlined into each thunk: six arguments stay in their registers, the processor predicts each thunk's call separately, and
   returning takes one frame instead of two. (Together this reduced 0.5 % of a network thread's time to 0.3.) */
MT_INLINE word
run(const struct thunk *thunk, word a, word b, word c, word d, word e, word f)
{
  MT_CLEANUP(memtrack_context_restore) const uint32_t before = memtrack_context.owner;
  memtrack_context.owner                                     = memtrack_load(&thunk->owner);
  return memtrack_load(&thunk->function)(a, b, c, d, e, f);
}

/* The thunks are compiled, not generated at run time, so no page is ever both writable and executable. The number is in
   hexadecimal. */
// clang-format off
#define THUNK_(n)                                                       \
  static word thunk_##n(word a, word b, word c, word d, word e, word f) \
  {                                                                     \
    return run(&thunks[0x##n], a, b, c, d, e, f);                       \
  }
#define NAME_(n) thunk_##n,
#define FOR_16_(M, n) \
  M(n##0) M(n##1) M(n##2) M(n##3) M(n##4) M(n##5) M(n##6) M(n##7) M(n##8) M(n##9) M(n##a) M(n##b) M(n##c) M(n##d) M(n##e) M(n##f)
#define FOR_256_(M, n)                                                                                                   \
  FOR_16_(M, n##0)                                                                                                       \
  FOR_16_(M, n##1)                                                                                                       \
  FOR_16_(M, n##2)                                                                                                       \
  FOR_16_(M, n##3) FOR_16_(M, n##4) FOR_16_(M, n##5) FOR_16_(M, n##6) FOR_16_(M, n##7) FOR_16_(M, n##8) FOR_16_(M, n##9) \
    FOR_16_(M, n##a) FOR_16_(M, n##b) FOR_16_(M, n##c) FOR_16_(M, n##d) FOR_16_(M, n##e) FOR_16_(M, n##f)
#define FOR_ALL_(M) FOR_256_(M, 0) FOR_256_(M, 1) FOR_256_(M, 2) FOR_256_(M, 3)
// clang-format on

FOR_ALL_(THUNK_)

static const plugin_function entries[MEMTRACK_THUNKS_MAX] = {FOR_ALL_(NAME_)};

/* Index position of a function's thunk, or the empty position for it: open addressing, without removal. */
static uint32_t
find(plugin_function function, uint32_t only)
{
  for (uint32_t at = (uintptr_t)function * MEMTRACK_HASH_FACTOR >> 32 & (INDEX_SIZE - 1);; at = (at + 1) & (INDEX_SIZE - 1)) {
    uint32_t number = memtrack_load_acquire(&numbers[at]);
    if (number == 0 || (memtrack_load(&thunks[number - 1].function) == function && thunks[number - 1].only == only)) {
      return at;
    }
  }
}

/* Number of a function's thunk; MEMTRACK_THUNKS_MAX if it has none. */
static uint32_t
thunk_of(plugin_function function, uint32_t only)
{
  uint32_t number = memtrack_load_acquire(&numbers[find(function, only)]);
  return number ? number - 1 : MEMTRACK_THUNKS_MAX;
}

/* Assigns a thunk, or returns the one that another thread has assigned meanwhile; MEMTRACK_THUNKS_MAX if none is left. */
static uint32_t
alloc_thunk(plugin_function function, uint32_t only)
{
  pthread_mutex_lock(&mutex);
  uint32_t at     = find(function, only);
  uint32_t number = memtrack_load(&numbers[at]);
  if (number == 0 && thunk_count < MEMTRACK_THUNKS_MAX) {
    thunks[thunk_count].only = only;
    memtrack_store(&thunks[thunk_count].function, function);
    number = ++thunk_count;
    memtrack_store_release(&numbers[at], number);
  }
  pthread_mutex_unlock(&mutex);
  return number ? number - 1 : MEMTRACK_THUNKS_MAX;
}

MT_HOT void *
memtrack_context_wrap(void *pointer)
{
  plugin_function function = (plugin_function)(uintptr_t)pointer;
  if (!function) {
    return NULL;
  }
  uint32_t at = thunk_of(function, 0);
  if (at < MEMTRACK_THUNKS_MAX && memtrack_load(&thunks[at].owner) != MEMTRACK_OWNER_CORE) {
    return (void *)(uintptr_t)entries[at];
  }
  const struct memtrack_module *module = memtrack_module_at((uintptr_t)pointer);
  bool plugin                          = module && module->kind == MEMTRACK_MODULE_PLUGIN;
  uint32_t owner                       = plugin ? module->owner : memtrack_context.owner;
  if (owner == MEMTRACK_OWNER_CORE) {
    return pointer;
  }
  at = alloc_thunk(function, plugin ? 0 : owner);
  if (at == MEMTRACK_THUNKS_MAX) {
    memtrack_limit_hit(MEMTRACK_LIMIT_THUNKS);
    return pointer;
  }
  memtrack_store(&thunks[at].owner, owner);
  return (void *)(uintptr_t)entries[at];
}

void
memtrack_context_forget(uintptr_t start, uintptr_t end)
{
  for (uint32_t i = 0; i < MEMTRACK_THUNKS_MAX; ++i) {
    uintptr_t function = (uintptr_t)memtrack_load_acquire(&thunks[i].function);
    if (function >= start && function < end) {
      memtrack_store(&thunks[i].owner, MEMTRACK_OWNER_CORE);
    }
  }
}
