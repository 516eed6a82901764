/* SPDX-License-Identifier: Apache-2.0
 *
 * The run time for wasm2c's output, reduced to this use: memory from mmap (not malloc, because an instance may be created inside a
 * malloc hook), no tables, no exceptions, no signal handler; and the creation of instances.
 */
#include "core/instance.h"

#include <pthread.h>
#include <cstring>
#include <sys/mman.h>

#include "base/own.h"

#if WASM_RT_MEMCHECK_SIGNAL_HANDLER || WASM_RT_USE_STACK_DEPTH_COUNT
#error "wasm_rt_config.h must come first: the signal handlers are the server's, and the depth counter is a data race"
#endif

#define WASM_PAGE 65536u

static pthread_once_t module_once = PTHREAD_ONCE_INIT;

void
wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint32_t pages, uint32_t max_pages)
{
  void *data = memtrack_own_map((size_t)pages * WASM_PAGE, 0);
  if (data) {
    madvise(data, (size_t)pages * WASM_PAGE, MADV_NOHUGEPAGE); /* most pages are never touched */
  }
  memory->data      = (uint8_t *)data;
  memory->pages     = data ? pages : 0; /* without pages the first access traps, and memtrack_core_open() fails */
  memory->size      = memory->pages * WASM_PAGE;
  memory->max_pages = max_pages;
}

uint32_t
wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint32_t delta)
{
  uint32_t old = memory->pages;
  uint64_t now = (uint64_t)old + delta;
  if (now > memory->max_pages || now > UINT32_MAX / WASM_PAGE) {
    return UINT32_MAX;
  }
  if (delta == 0) {
    return old;
  }
  void *data = memtrack_own_remap(memory->data, memory->size, now * WASM_PAGE);
  if (!data) {
    return UINT32_MAX;
  }
  memory->data  = (uint8_t *)data;
  memory->pages = now;
  memory->size  = now * WASM_PAGE;
  return old;
}

void
wasm_rt_free_memory(wasm_rt_memory_t *memory)
{
  if (memory->data) {
    memtrack_own_unmap(memory->data, memory->size);
  }
  memory->data = NULL;
  memory->size = memory->pages = 0;
}

bool
wasm_rt_is_initialized()
{
  return true; /* no signal handler to install */
}

/* Types matter for indirect calls only, and the core has none. */
uint32_t
wasm_rt_register_func_type(uint32_t params, uint32_t results, ...)
{
  (void)params;
  (void)results;
  return 1;
}

/* Checks the assumptions of account.cc about a shard. */
static bool
is_as_expected(const memtrack_core *core)
{
  return core->hot.index_shift >= 64 - MEMTRACK_INDEX_BITS && core->hot.index_shift < 64 &&
         core->wasm.w2c_memory.size == MEMTRACK_SHARD_MEMORY;
}

/* Called within memtrack_guarded(). */
static bool
open(memtrack_core *core, uint32_t role, uint32_t sites)
{
  Z_core_instantiate(&core->wasm);
  if (memtrack_call(core, init, role, sites) != 0) {
    return false;
  }
  core->sites           = sites;
  core->size            = memtrack_call(core, size);
  core->input           = memtrack_call(core, inputAt);
  core->names           = memtrack_call(core, namesAt);
  core->names_end       = memtrack_call(core, namesEnd);
  core->staging         = memtrack_call(core, stagingAt);
  core->output          = memtrack_call(core, outputAt);
  core->hot.memory      = core->wasm.w2c_memory.data;
  core->hot.index_shift = core->wasm.w2c_indexShift;
  core->hot.slots       = core->wasm.w2c_slots;
  if (role == MEMTRACK_ROLE_SHARD) {
    /* Texts of dumps and lines, which a shard never reads: six pages per thread. They read as zeros from now on. */
    madvise(core->wasm.w2c_memory.data, MEMTRACK_INDEX_AT, MADV_DONTNEED);
  }
  if (role == MEMTRACK_ROLE_SEARCH) {
    /* A hint: the kernel copies faster to a huge page, and nearly all of this one is in use anyway. Nothing has touched it so far.
     */
    madvise(memtrack_core_at(core, memtrack_call(core, windowAt)), MEMTRACK_HUGE_PAGE, MADV_HUGEPAGE);
  }
  return role != MEMTRACK_ROLE_SHARD || is_as_expected(core);
}

int
memtrack_core_open(struct memtrack_core *core, uint32_t role, uint32_t sites)
{
  bool opened = false;
  pthread_once(&module_once, Z_core_init_module);
  memset(core, 0, sizeof(*core));
  if (memtrack_guarded([=, &opened] { opened = open(core, role, sites); }) && opened) {
    return 0;
  }
  memtrack_core_close(core);
  return -1;
}

void
memtrack_core_close(struct memtrack_core *core)
{
  wasm_rt_free_memory(&core->wasm.w2c_memory);
}

uint32_t
memtrack_core_input(struct memtrack_core *core, const char *text, uint64_t length)
{
  if (length > MEMTRACK_INPUT_SIZE) {
    text += length - MEMTRACK_INPUT_SIZE;
    length = MEMTRACK_INPUT_SIZE;
  }
  memcpy(memtrack_core_at(core, core->input), text, length);
  return length;
}
