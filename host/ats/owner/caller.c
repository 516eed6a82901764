/* SPDX-License-Identifier: Apache-2.0 */
#include "owner/caller.h"

#include <stddef.h>

#include "module/module.h"

#define GENERATION_ONE (1ull << MEMTRACK_CALLER_GENERATION_SHIFT)

uint64_t memtrack_callers[1u << MEMTRACK_CALLERS_BITS];
/* Never 0, which an unused word has. Its 14 bits come around after 16,383 loads and unloads: a word that has survived them, unused,
   is taken for a present one. Such a call is charged as one of another module, and no block is lost. */
uint64_t memtrack_callers_generation = GENERATION_ONE;

void
memtrack_caller_forget(void)
{
  if (memtrack_add(&memtrack_callers_generation, GENERATION_ONE) + GENERATION_ONE == 0) {
    memtrack_add(&memtrack_callers_generation, GENERATION_ONE);
  }
}

/* A word is stored for the generation in which the look-up began: if a module was loaded meanwhile, nobody will find it. */
MT_NOINLINE enum memtrack_caller
memtrack_caller_look_up(uintptr_t address)
{
  uint64_t generation                  = memtrack_load_acquire(&memtrack_callers_generation);
  const struct memtrack_module *module = memtrack_module_at(address - 1);
  enum memtrack_caller caller          = !module                                  ? MEMTRACK_CALLER_LIBRARY
                                         : module->kind == MEMTRACK_MODULE_PLUGIN ? MEMTRACK_CALLER_PLUGIN
                                         : module->kind == MEMTRACK_MODULE_SERVER ? MEMTRACK_CALLER_SERVER
                                                                                  : MEMTRACK_CALLER_LIBRARY;
  memtrack_store(&memtrack_callers[address * MEMTRACK_HASH_FACTOR >> (64 - MEMTRACK_CALLERS_BITS)],
                 generation | address << MEMTRACK_CALLER_ADDRESS_SHIFT | caller);
  return caller;
}
