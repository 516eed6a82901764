/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/own.h"

#include <link.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core_abi.h"

#define TAKEN 1u /* start of an entry that is being filled */

/* An entry whose start is 0 is free. */
static struct memtrack_span list[MEMTRACK_OWN_MAX];
static uint32_t used;

extern const ElfW(Ehdr) own_header __asm__("__ehdr_start") MT_HIDDEN; /* of this module, as the linker defines it */

static void
add(const void *memory, size_t size)
{
  for (uint32_t i = 0; i < MEMTRACK_OWN_MAX; ++i) {
    uint64_t expected = 0;
    if (memtrack_load(&list[i].start) == 0 && memtrack_replace_ordered(&list[i].start, &expected, TAKEN)) {
      memtrack_store(&list[i].end, (uintptr_t)memory + size);
      memtrack_store_release(&list[i].start, (uintptr_t)memory);
      uint32_t count = memtrack_load(&used);
      while (count <= i && !memtrack_replace_ordered(&used, &count, i + 1)) {
      }
      return;
    }
  }
}

static void
drop(const void *memory)
{
  for (uint32_t i = 0; i < MEMTRACK_OWN_MAX; ++i) {
    uint64_t expected = (uintptr_t)memory;
    if (memtrack_load(&list[i].start) == expected && memtrack_replace_ordered(&list[i].start, &expected, 0)) {
      return;
    }
  }
}

void *
memtrack_own_map(size_t size, int flags)
{
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  if (memory == MAP_FAILED) {
    return NULL;
  }
  add(memory, size);
  return memory;
}

/* A place for a mapping that begins where a huge page may: unreadable, until it is there. NULL if there is no room. */
static void *
reserve(size_t size)
{
  char *room = mmap(NULL, size + MEMTRACK_HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) {
    return NULL;
  }
  size_t before = -(uintptr_t)room % MEMTRACK_HUGE_PAGE;
  if (before) {
    munmap(room, before);
  }
  munmap(room + before + size, MEMTRACK_HUGE_PAGE - before);
  return room + before;
}

static void *
move(void *memory, size_t size, size_t new_size)
{
  void *place = new_size >= MEMTRACK_HUGE_PAGE ? reserve(new_size) : NULL;
  void *moved = place ? mremap(memory, size, new_size, MREMAP_MAYMOVE | MREMAP_FIXED, place) : MAP_FAILED;
  /* After a failure the place may be another thread's: what is left of it stays reserved. */
  return moved != MAP_FAILED ? moved : mremap(memory, size, new_size, MREMAP_MAYMOVE);
}

void *
memtrack_own_remap(void *memory, size_t size, size_t new_size)
{
  void *moved = move(memory, size, new_size);
  if (moved == MAP_FAILED) {
    return NULL;
  }
  drop(memory);
  add(moved, new_size);
  return moved;
}

void
memtrack_own_unmap(void *memory, size_t size)
{
  drop(memory);
  munmap(memory, size);
}

static uint32_t
list_segments(struct memtrack_span *spans)
{
  const char *begin         = (const char *)&own_header;
  const ElfW(Phdr) *headers = (const ElfW(Phdr) *)(begin + own_header.e_phoff);
  uint32_t count            = 0;
  for (unsigned i = 0; i < own_header.e_phnum && count < MEMTRACK_OWN_SEGMENTS; ++i) {
    if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & PF_W)) {
      uintptr_t start = (uintptr_t)begin + headers[i].p_vaddr;
      spans[count++]  = (struct memtrack_span){start, start + headers[i].p_memsz};
    }
  }
  return count;
}

uint32_t
memtrack_own_list(struct memtrack_span *spans)
{
  uint32_t count = list_segments(spans), most = memtrack_load_acquire(&used);
  for (uint32_t i = 0; i < most; ++i) {
    uint64_t start = memtrack_load_acquire(&list[i].start);
    if (start > TAKEN) {
      spans[count++] = (struct memtrack_span){start, memtrack_load(&list[i].end)};
    }
  }
  return count;
}
