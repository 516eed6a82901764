/* SPDX-License-Identifier: Apache-2.0
 *
 * Traps: thrown by generated code, caught by the guard around each call into the core. In C++ for its exceptions alone; the
 * unwinder is the one already loaded by the server, a C++ program.
 */
#include "core/instance.h"

static __thread wasm_rt_trap_t last MT_INITIAL_EXEC;

void
wasm_rt_trap(wasm_rt_trap_t code)
{
  last = code;
  throw memtrack_trap{};
}

void
memtrack_trap_now()
{
  wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);
}

const char *
memtrack_trap_reason()
{
  return last == WASM_RT_TRAP_OOB ? "access out of bounds" : last == WASM_RT_TRAP_UNREACHABLE ? "unreachable" : "trap";
}
