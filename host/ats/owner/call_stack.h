/* SPDX-License-Identifier: Apache-2.0
 *
 * Call stacks of sampled allocations (core/sampling.h). A hook puts a stack into a table of fixed size; a task thread takes it out
 * within a second and gives it to the model. The entry stays, with what the block's tag was, or the birth of what has none: so it
 * is known later whether it is still allocated.
 *
 *    FREE ── a hook ──> TAKEN ──> READY ── the task thread ──> KEPT ── its tag is gone, or the address is allocated anew ──> FREE
 *
 * An entry's place depends on the block's address. Whoever finds the place taken by a stack that was not yet taken out goes
 * without: this bounds what sampling costs, to MEMTRACK_CALL_STACKS_MAX walks a second.
 */
#ifndef MEMTRACK_CALL_STACK_H
#define MEMTRACK_CALL_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A sampled stack, as the model takes it (assembly/abi.ts, STACK_...). */
struct memtrack_sampled_stack {
  uint32_t site, rate;
  uint64_t bytes;
  uint32_t flags, end, count, unused;
  uint64_t calls[MEMTRACK_CALLS_MAX];
};

/* Whether something without a tag is still there: what was allocated at this address, with this birth. It is called on a task
   thread. */
typedef bool (*memtrack_birth_lookup)(uint64_t address, uint32_t birth);

/* Begins to sample what core/sampling.h says. init-only. */
void memtrack_call_stack_open(memtrack_birth_lookup is_there);

/* Copies the next stack that a hook has left, in the form that the model takes (assembly/model/stacks.ts), and keeps its entry,
   whose number is set. Returns false if there is none. task-thread. */
bool memtrack_call_stack_next(struct memtrack_sampled_stack *to, uint32_t *entry);

/* Whether a stack that waits has a call in a module. Any thread. */
bool memtrack_call_stack_mentions(uint32_t module);

/* Frees an entry: the model does not want to know what becomes of its block. task-thread. */
void memtrack_call_stack_drop(uint32_t entry);

/* Calls `gone` for each kept entry whose block was released since, and frees it; `argument` is passed on. task-thread. */
void memtrack_call_stack_each_gone(void (*gone)(uint32_t entry, void *argument), void *argument);

#ifdef __cplusplus
}
#endif

#endif
