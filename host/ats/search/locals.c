/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "search/locals.h"

#include <link.h>
#include <stddef.h>

#include "base/atomic.h"
#include "base/peek.h"
#include "core/shard.h"
#include "module/module.h"
#include "search/pace.h"

/* The descriptor up to the values of the first 32 keys: behind them is the argument that the thread was started with, which nobody
   may have any more. */
#ifdef __x86_64__
#define VECTOR     sizeof(void *) /* behind the thread pointer */
#define DESCRIPTOR 0x510u         /* behind the thread pointer, in glibc from 2.34 on */
#else
#define VECTOR     0u
#define DESCRIPTOR 0u /* before the thread pointer, at an unknown distance */
#endif

#define NOT_ALLOCATED UINT64_MAX

struct entry {
  uint64_t start, to_free; /* of entry -1 `start` is the number of entries */
};

static struct local {
  uint64_t start, size;
  int32_t thread;
} locals[MEMTRACK_LOCALS_MAX];
static uint32_t local_count;

/* By the loader's number of the module; 0: it has no such variables. */
static uint64_t sizes[MEMTRACK_MODULES_MAX];
static uint64_t greatest; /* of these numbers */

/* ---- Of the modules ------------------------------------------------------------------------------------------------------------
 */

static int
note_size(struct dl_phdr_info *info, size_t size, void *loaded)
{
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type == PT_TLS && info->dlpi_tls_modid < MEMTRACK_MODULES_MAX) {
      ((uint64_t *)loaded)[info->dlpi_tls_modid] = info->dlpi_phdr[i].p_memsz;
    }
  }
  return 0;
}

/* Ends the visit at once if nothing was loaded or unloaded since. */
static int
visit(struct dl_phdr_info *info, size_t size, void *loaded)
{
  static uint64_t seen;
  if (*(uint64_t *)loaded == 0) {
    uint64_t changes = info->dlpi_adds + info->dlpi_subs;
    if (changes == seen) {
      return 1;
    }
    seen                = changes;
    *(uint64_t *)loaded = 1; /* no module has the number 0 */
  }
  return note_size(info, size, loaded);
}

void
memtrack_locals_poll(void)
{
  static uint64_t loaded[MEMTRACK_MODULES_MAX];
  for (uint32_t i = 0; i < MEMTRACK_MODULES_MAX; ++i) {
    loaded[i] = 0;
  }
  if (dl_iterate_phdr(visit, loaded)) {
    return;
  }
  uint64_t last = 0;
  for (uint32_t i = 1; i < MEMTRACK_MODULES_MAX; ++i) {
    memtrack_store(&sizes[i], loaded[i]);
    last = loaded[i] ? i : last;
  }
  memtrack_store(&greatest, last);
}

/* ---- Of the threads ------------------------------------------------------------------------------------------------------------
 */

static void
add(int32_t thread, uint64_t start, uint64_t size)
{
  if (size && local_count < MEMTRACK_LOCALS_MAX) {
    locals[local_count++] = (struct local){start, size, thread};
  }
}

/* A thread that ends meanwhile leaves words of any value: each is an address to compare with, and is not followed further. */
static void
list_thread(int32_t thread, uint64_t pointer)
{
  static struct entry read[1 + MEMTRACK_MODULES_MAX];
  uint64_t vector, last = memtrack_load(&greatest);
  add(thread, pointer, DESCRIPTOR);
  if (memtrack_peek(pointer + VECTOR, &vector, sizeof(vector)) != sizeof(vector)) {
    return;
  }
  uint64_t count = memtrack_peek(vector - sizeof(*read), read, (2 + last) * sizeof(*read)) / sizeof(*read);
  for (uint64_t module = 1; module + 1 < count && module <= read[0].start; ++module) {
    const struct entry *entry = &read[1 + module];
    if (entry->start && entry->start != NOT_ALLOCATED) {
      add(thread, entry->start, memtrack_load(&sizes[module]));
    }
  }
}

void
memtrack_locals_list(void)
{
  uint32_t count = memtrack_shard_count();
  local_count    = 0;
  for (uint32_t i = 0; i < count; ++i) {
    struct memtrack_shard *shard = memtrack_shard_get(i);
    int32_t thread               = memtrack_load(&shard->thread);
    uint64_t pointer             = memtrack_load(&shard->pointer);
    if (thread && pointer) {
      list_thread(thread, pointer);
      memtrack_pace_rest();
    }
  }
}

int32_t
memtrack_locals_at(uint64_t address)
{
  for (uint32_t i = 0; i < local_count; ++i) {
    if (address - locals[i].start < locals[i].size) {
      return locals[i].thread;
    }
  }
  return 0;
}
