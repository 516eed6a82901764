/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/weight.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/printed.h"
#include "core/account.h"
#include "hook/mbuffer.h"
#include "hook/state.h"
#include "server/api.h"
#include "server/freelist.h"

uint64_t memtrack_weights[MEMTRACK_WEIGHT_COUNT];

/* Kinds whose objects come from a freelist of the server. */
static const struct {
  enum memtrack_weight weight;
  const char *freelist;
} listed[] = {
  {MEMTRACK_WEIGHT_CONT, "INKContAllocator"}, {MEMTRACK_WEIGHT_VCONN, "INKVConnAllocator"},
  {MEMTRACK_WEIGHT_MUTEX, "mutexAllocator"},  {MEMTRACK_WEIGHT_IOBUFFER, "ioAllocator"},
  {MEMTRACK_WEIGHT_MBUFFER, "hdrHeap"},
};

/* The largest object that is looked for in the allocator. */
#define OBJECT_LARGEST 1024u
/* Blocks of an allocator differ by at least so much. */
#define STEP 16u

/* Blocks that are taken of a size: an allocator may hand out others first, which it keeps for the thread (the C library: 7). */
#define TAKEN 32

/* Usable size of a released block, if it is among the next blocks of this size, which proves that it is one of its own; else 0. */
static uint64_t
size_if_taken(const void *released, size_t wanted)
{
  void *blocks[TAKEN];
  uint64_t size = 0;
  int taken     = 0;
  while (taken < TAKEN && size == 0) {
    void *block     = malloc(wanted);
    blocks[taken++] = block;
    size            = block && block == released ? malloc_usable_size(block) : 0;
  }
  while (taken > 0) {
    free(blocks[--taken]);
  }
  return size;
}

/* Usable size of a block that has just been released; 0 if the allocator does not hand it out again. */
static uint64_t
size_of_released(const void *released)
{
  uint64_t size = 0;
  for (size_t wanted = STEP / 2; size == 0 && wanted <= OBJECT_LARGEST; wanted += STEP) {
    size = size_if_taken(released, wanted);
  }
  return size;
}

/* Size of an object that malloc provides; 0 if that cannot be proved. */
static uint64_t
weigh_one(void *object, void (*destroy)(void *))
{
  if (object == NULL) {
    return 0;
  }
  destroy(object);
  return size_of_released(object);
}

/* Sizes of what comes from freelists. `print` is the server's function, or NULL. */
static void
weigh_listed(void (*print)(FILE *), struct memtrack_reason *reason)
{
  char *table = print ? memtrack_printed(print) : NULL;
  for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); ++i) {
    uint64_t size                      = table ? memtrack_freelist_object(table, listed[i].freelist) : 0;
    memtrack_weights[listed[i].weight] = size;
    if (size == 0) {
      memtrack_reason_set(reason, "the server's table of freelists does not tell the size of %s", listed[i].freelist);
    }
  }
  free(table);
}

void
memtrack_weights_open(const char *freelists, struct memtrack_reason *reason)
{
  uint64_t *weights = memtrack_weights;
  void (*print)(FILE *);
  *(void **)&print = freelists ? dlsym(RTLD_DEFAULT, freelists) : NULL;
  reason->text[0]  = '\0';
  weigh_listed(print, reason);
  weights[MEMTRACK_WEIGHT_MIME_PARSER] = weigh_one(memtrack_api.TSMimeParserCreate(), memtrack_api.TSMimeParserDestroy);
  weights[MEMTRACK_WEIGHT_HTTP_PARSER] = weigh_one(memtrack_api.TSHttpParserCreate(), memtrack_api.TSHttpParserDestroy);
  if (weights[MEMTRACK_WEIGHT_MIME_PARSER] == 0 || weights[MEMTRACK_WEIGHT_HTTP_PARSER] == 0) {
    memtrack_reason_set(reason, "the allocator does not tell the size of a parser");
  }
  if (weights[MEMTRACK_WEIGHT_MBUFFER]) {
    memtrack_mbuffer_calibrate(weights[MEMTRACK_WEIGHT_MBUFFER], reason);
  }
}

/* Addresses to read: at least a batch, and then no more than a partition. */
#define ADDRESSES (MEMTRACK_MBUFFER_BATCH + MEMTRACK_OBJECTS_IN_PARTITION)
static uint64_t addresses[ADDRESSES];
static uint32_t found_before[ADDRESSES], address_count;

/* Reads a part of the addresses and counts what has changed. */
static void
weigh_batch(uint32_t from, uint32_t count)
{
  static uint64_t held[MEMTRACK_MBUFFER_BATCH];
  memtrack_mbuffer_measure(addresses + from, found_before + from, count, held);
  for (uint32_t i = 0; i < count; ++i) {
    struct memtrack_object before;
    uint32_t known = found_before[from + i], now = held[i] == MEMTRACK_MBUFFER_UNKNOWN ? known : (uint32_t)held[i];
    if (memtrack_objects_end(addresses[from + i], now, &before) && now != known) {
      memtrack_account_resize(before.birth, (int64_t)now - known);
    }
  }
}

static void
weigh_all(void)
{
  for (uint32_t at = 0; at < address_count; at += MEMTRACK_MBUFFER_BATCH) {
    uint32_t left = address_count - at;
    weigh_batch(at, left < MEMTRACK_MBUFFER_BATCH ? left : MEMTRACK_MBUFFER_BATCH);
  }
  address_count = 0;
}

/* One way round all partitions, from one on, as far as `most` buffers go. Returns their number. */
static uint32_t
weigh_round(uint32_t *partition, bool again, uint32_t most)
{
  uint32_t read = 0;
  for (uint32_t visited = 0; visited < MEMTRACK_OBJECTS_PARTITIONS && read < most; ++visited) {
    uint32_t found =
      memtrack_objects_begin(*partition, again, addresses + address_count, found_before + address_count, ADDRESSES - address_count);
    *partition = (*partition + 1) % MEMTRACK_OBJECTS_PARTITIONS;
    address_count += found;
    read += found;
    if (address_count >= MEMTRACK_MBUFFER_BATCH) {
      weigh_all();
    }
  }
  weigh_all();
  return read;
}

uint32_t
memtrack_weigh(uint32_t most)
{
  static uint32_t next_new, next_again;
  if (!memtrack_mbuffer_is_known() || !memtrack_hooks_get(armed)) {
    return 0;
  }
  uint32_t read = weigh_round(&next_new, false, most);
  return read < most ? read + weigh_round(&next_again, true, most - read) : read;
}
