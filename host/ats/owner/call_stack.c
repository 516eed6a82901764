/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "owner/call_stack.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/peek.h"
#include "core/sampling.h"
#include "core/tag.h"
#include "module/module.h"
#include "owner/context.h"
#include "owner/walk.h"

_Static_assert(offsetof(struct memtrack_sampled_stack, rate) == MEMTRACK_STACK_RATE &&
                 offsetof(struct memtrack_sampled_stack, bytes) == MEMTRACK_STACK_BYTES &&
                 offsetof(struct memtrack_sampled_stack, flags) == MEMTRACK_STACK_FLAGS &&
                 offsetof(struct memtrack_sampled_stack, end) == MEMTRACK_STACK_END &&
                 offsetof(struct memtrack_sampled_stack, count) == MEMTRACK_STACK_COUNT &&
                 offsetof(struct memtrack_sampled_stack, calls) == MEMTRACK_STACK_CALLS,
               "a stack as the model takes it");

enum { ENTRY_BITS = 9 };
_Static_assert(1u << ENTRY_BITS == MEMTRACK_CALL_STACKS_MAX, "an entry for each hash");

enum state { FREE, TAKEN, READY, KEPT, GONE };

static struct entry {
  uint32_t state;
  bool released;    /* the address was allocated anew before the stack was taken out */
  uintptr_t block;  /* or what else was allocated */
  uintptr_t tag_at; /* where its tag is; 0 for what has none */
  uint64_t tag;     /* its tag, or its birth */
  struct memtrack_sampled_stack stack;
} entries[MEMTRACK_CALL_STACKS_MAX];

static memtrack_birth_lookup lookup;
static __thread uint32_t turns MT_INITIAL_EXEC;

/* Of this module: calls in it are not part of a stack. */
extern const char __ehdr_start[] MT_HIDDEN, etext[] MT_HIDDEN; // NOLINT(bugprone-reserved-identifier): the linker's names

/* Allocators give out addresses in steps of 16. */
static struct entry *
place_of(uintptr_t block)
{
  return &entries[(block >> 4) * MEMTRACK_HASH_FACTOR >> (64 - ENTRY_BITS)];
}

/* One turn in 2^rate of this thread, evenly spread but in no period: multiples of the golden ratio. */
static bool
is_due(uint32_t rate)
{
  return rate == 0 || (uint64_t)++turns * MEMTRACK_HASH_FACTOR >> (64 - rate) == 0;
}

static bool
move(struct entry *entry, uint32_t from, uint32_t to)
{
  return memtrack_replace_ordered(&entry->state, &from, to);
}

/* Takes an entry for a stack; sets whether the block that it had was released. */
static bool
claim(struct entry *entry, bool *gone)
{
  *gone = move(entry, GONE, TAKEN);
  return *gone || move(entry, FREE, TAKEN) || move(entry, KEPT, TAKEN);
}

/* The calls as the model takes them. */
static void
place_calls(struct memtrack_sampled_stack *stack)
{
  for (uint32_t i = 0; i < stack->count; ++i) {
    const struct memtrack_module *module = memtrack_module_at(stack->calls[i] - 1);
    stack->calls[i] = module ? (uint64_t)module->id << 32 | (uint32_t)(stack->calls[i] - module->base) : (uint32_t)stack->calls[i];
  }
}

/* By what it is known later whether it is still allocated. */
static void
identify(struct entry *entry, const void *what, uint32_t birth, bool tagged)
{
  uint64_t usable = tagged ? malloc_usable_size((void *)what) : 0;
  memtrack_store(&entry->released, false);
  memtrack_store(&entry->tag_at, tagged ? (uintptr_t)what + usable - MEMTRACK_TAG_SIZE : 0);
  memtrack_store(&entry->tag, tagged ? memtrack_tag_word_((void *)what, usable) : birth);
  memtrack_store(&entry->block, (uintptr_t)what);
}

static void
fill(struct entry *entry, uint64_t address, uint32_t birth, uint64_t size, bool gone)
{
  size_t count                         = 0;
  struct memtrack_sampled_stack *stack = &entry->stack;
  stack->site                          = birth >> MEMTRACK_EPOCH_BITS;
  stack->bytes                         = size;
  stack->flags                         = MEMTRACK_STACK_HAS_BLOCK | (gone ? MEMTRACK_STACK_BEFORE_GONE : 0);
  stack->end   = memtrack_walk_list(address, (uintptr_t)__ehdr_start, (uintptr_t)etext, stack->calls, MEMTRACK_CALLS_MAX, &count);
  stack->count = (uint32_t)count;
  place_calls(stack);
}

/* A memtrack_sampler. If the block's address has an entry, what it was for has been released. */
static void
sample(uint64_t address, uint32_t birth, uint64_t size, const void *what, bool tagged)
{
  struct entry *entry = place_of((uintptr_t)what);
  uint8_t rate        = memtrack_sampling_rate(birth >> MEMTRACK_EPOCH_BITS);
  bool gone;
  if (memtrack_load(&entry->block) == (uintptr_t)what && !move(entry, KEPT, GONE)) {
    memtrack_store(&entry->released, true);
  }
  if (rate == 0 || !is_due(rate - 1u)) {
    return;
  }
  if (!claim(entry, &gone)) {
    return;
  }
  int before = errno;
  MEMTRACK_GUARD_REENTRY; /* the unwinder's own allocations */
  entry->stack.rate = rate - 1u;
  identify(entry, what, birth, tagged);
  fill(entry, address, birth, size, gone);
  memtrack_store_release(&entry->state, READY);
  errno = before;
}

void
memtrack_call_stack_open(memtrack_birth_lookup is_there)
{
  lookup = is_there;
  memtrack_sampling_set_sampler(sample);
}

bool
memtrack_call_stack_next(struct memtrack_sampled_stack *to, uint32_t *number)
{
  for (uint32_t i = 0; i < MEMTRACK_CALL_STACKS_MAX; ++i) {
    struct entry *entry = &entries[i];
    if (memtrack_load_acquire(&entry->state) == READY) {
      *to     = entry->stack;
      *number = i;
      memtrack_store_release(&entry->state, memtrack_load(&entry->released) ? GONE : KEPT);
      return true;
    }
  }
  return false;
}

/* A stack that another thread overwrites meanwhile was taken out: then the model knows its calls. */
MT_NO_THREAD_SANITIZER bool
memtrack_call_stack_mentions(uint32_t module)
{
  for (uint32_t i = 0; i < MEMTRACK_CALL_STACKS_MAX; ++i) {
    if (memtrack_load_acquire(&entries[i].state) != READY) {
      continue;
    }
    for (uint32_t at = 0; at < entries[i].stack.count; ++at) {
      if (memtrack_load(&entries[i].stack.calls[at]) >> 32 == module) {
        return true;
      }
    }
  }
  return false;
}

void
memtrack_call_stack_drop(uint32_t number)
{
  if (!move(&entries[number], KEPT, FREE)) {
    move(&entries[number], GONE, FREE);
  }
}

/* A block that is no longer mapped was released. */
static bool
is_released(const struct entry *entry)
{
  uint64_t word = 0;
  if (!memtrack_load(&entry->tag_at)) {
    return !lookup(memtrack_load(&entry->block), (uint32_t)memtrack_load(&entry->tag));
  }
  return memtrack_peek(memtrack_load(&entry->tag_at), &word, sizeof(word)) != sizeof(word) || word != memtrack_load(&entry->tag);
}

void
memtrack_call_stack_each_gone(void (*gone)(uint32_t entry, void *argument), void *argument)
{
  for (uint32_t i = 0; i < MEMTRACK_CALL_STACKS_MAX; ++i) {
    struct entry *entry = &entries[i];
    uint32_t state      = memtrack_load_acquire(&entry->state);
    if ((state == KEPT && is_released(entry) && move(entry, KEPT, FREE)) || (state == GONE && move(entry, GONE, FREE))) {
      gone(i, argument);
    }
  }
}
