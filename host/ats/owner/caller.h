/* SPDX-License-Identifier: Apache-2.0
 *
 * Who calls a function whose address all modules share (hook/heap.c): a plugin, the server, or another module. The return address
 * tells, and a cache remembers.
 */
#ifndef MEMTRACK_CALLER_H
#define MEMTRACK_CALLER_H

#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"

#ifdef __cplusplus
extern "C" {
#endif

enum memtrack_caller {
  MEMTRACK_CALLER_PLUGIN,
  MEMTRACK_CALLER_LIBRARY, /* or code of no known module */
  MEMTRACK_CALLER_SERVER,
};

/* A word for a return address: the generation above it, which changes when all are forgotten; the caller below it. */
#define MEMTRACK_CALLERS_BITS 11
enum { MEMTRACK_CALLER_ADDRESS_SHIFT = 2, MEMTRACK_CALLER_GENERATION_SHIFT = 50 };
extern uint64_t memtrack_callers[1u << MEMTRACK_CALLERS_BITS] MT_ALIGNED(64) MT_HIDDEN;
extern uint64_t memtrack_callers_generation MT_HIDDEN;

/* The same from the modules. hook-safe. */
enum memtrack_caller memtrack_caller_look_up(uintptr_t address) MT_HIDDEN;

/* Forgets all callers, because addresses may have changed their meaning. Any thread. */
void memtrack_caller_forget(void);

/* The caller with a return address. hook-safe. */
MT_INLINE enum memtrack_caller
memtrack_caller_of(uintptr_t address)
{
  uint64_t word  = memtrack_load(&memtrack_callers[address * MEMTRACK_HASH_FACTOR >> (64 - MEMTRACK_CALLERS_BITS)]);
  uint64_t known = memtrack_load(&memtrack_callers_generation) | address << MEMTRACK_CALLER_ADDRESS_SHIFT;
  return MT_LIKELY((word ^ known) < 1u << MEMTRACK_CALLER_ADDRESS_SHIFT)
           ? (enum memtrack_caller)(word & ((1u << MEMTRACK_CALLER_ADDRESS_SHIFT) - 1))
           : memtrack_caller_look_up(address);
}

#ifdef __cplusplus
}
#endif

#endif
