/* SPDX-License-Identifier: Apache-2.0
 *
 * The core, embedded: an instance is a piece of linear memory and a few numbers. WebAssembly, and the names that wasm2c gives, are
 * known in core/ alone: other rooms make calls by memtrack_call().
 *
 * A trap (an access out of bounds, unreachable) unwinds to the memtrack_guarded() of the same thread. It ends no process, takes no
 * lock with it, and leaves the instance as it was: what becomes of it is the caller's to say.
 */
#ifndef MEMTRACK_INSTANCE_H
#define MEMTRACK_INSTANCE_H

#include "core/wasm_rt_config.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#include "core.h"

/* What account.cc reads of a shard's instance for each event, in one cache line; in the instance it stands in five. Set at init, as
   the instance's own is. */
struct memtrack_hot {
  uint8_t *memory;
  uint64_t epochs; /* as the shard last advanced to them (account.cc) */
  uint32_t index_shift, slots;
};

struct memtrack_core {
  struct memtrack_hot hot;
  Z_core_instance_t wasm;
  uint32_t sites; /* the capacity */
  uint32_t size;  /* bytes of its memory that it can come to use */
  /* Offsets of regions in its memory (assembly/base/memory.ts). */
  uint32_t input;
  uint32_t names;
  uint32_t owners_end; /* owners stand behind the names */
  uint32_t staging;
  uint32_t output;
};

/* Calls an export of an instance by its name: memtrack_call(&core, init, role, sites). Within memtrack_guarded(). */
#define memtrack_call(core, name, ...) Z_coreZ_##name(&(core)->wasm, ##__VA_ARGS__)

/* Makes an instance. role is MEMTRACK_ROLE_..., sites the capacity. Returns 0, or -1 where a number is out of range or there is
   no memory; then there is nothing to close. init-only, or under the lock of the one who keeps instances: then hook-safe. */
int memtrack_core_open(struct memtrack_core *core, uint32_t role, uint32_t sites);
void memtrack_core_close(struct memtrack_core *core);

/* The instance's own word of epochs. hook-safe. */
static inline const uint64_t *
memtrack_core_epochs(const struct memtrack_core *core)
{
  return &core->wasm.w2c_epochs;
}

/* The bytes at an offset of the instance's memory. hook-safe. */
static inline uint8_t *
memtrack_core_at(const struct memtrack_core *core, uint32_t offset)
{
  return core->wasm.w2c_memory.data + offset;
}

/* Copies a text into the input region, cut to what it holds: a long one keeps its end. Returns the length. hook-safe. */
uint32_t memtrack_core_input(struct memtrack_core *core, const char *text, uint64_t length);

/* Traps, as the core would. Within memtrack_guarded(); hook-safe. */
void memtrack_trap_now(void) MT_NORETURN;

/* What the last trap of this thread was, in words. hook-safe. */
const char *memtrack_trap_reason(void);

#ifdef __cplusplus
}

/* What a trap throws. A C++ exception because it costs nothing where nothing is thrown: setjmp would save registers for every
   event (2 to 3 ns of 6, measured). */
struct memtrack_trap {
};

/* Runs body(), which may call into the core. False where the core trapped: body was left at that point. hook-safe. */
template <typename Body>
inline bool
memtrack_guarded(Body body)
{
  try {
    body();
    return true;
  } catch (const memtrack_trap &) {
    return false;
  }
}
#endif

#endif
