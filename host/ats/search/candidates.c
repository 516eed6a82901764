/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "search/candidates.h"

#include <sched.h>
#include <sys/mman.h>

#include "base/own.h"
#include "hook/objects.h"
#include "hook/ranges.h"
#include "hook/weight.h"
#include "search/pace.h"

#define TURNS 1000 /* of copying a table that changes meanwhile */

#define OBJECTS_SIZE (MEMTRACK_OBJECTS_IN_PARTITION * sizeof(struct memtrack_object))
#define RANGES_SIZE  (MEMTRACK_RANGES_MAX * sizeof(struct memtrack_mapped_range))

static struct memtrack_object *objects;
static struct memtrack_mapped_range *ranges;
static uint32_t range_count;

int
memtrack_candidates_open(void)
{
  objects = memtrack_own_map(OBJECTS_SIZE, MAP_NORESERVE);
  ranges  = memtrack_own_map(RANGES_SIZE, MAP_NORESERVE);
  return objects && ranges ? 0 : -1;
}

void
memtrack_candidates_close(void)
{
  if (objects) {
    memtrack_own_unmap(objects, OBJECTS_SIZE);
  }
  if (ranges) {
    memtrack_own_unmap(ranges, RANGES_SIZE);
  }
  objects = NULL;
  ranges  = NULL;
}

/* Copies a partition's objects. Returns false if it changes all the time. */
static bool
copy_partition(uint32_t partition, uint32_t *count)
{
  uint32_t turn = 0;
  while (!memtrack_objects_snapshot(partition, objects, count)) {
    if (++turn == TURNS) {
      return false;
    }
    sched_yield();
  }
  return true;
}

static bool
offer_partition(struct memtrack_core *core, uint32_t partition)
{
  uint32_t count;
  if (!copy_partition(partition, &count)) {
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    memtrack_call(core, searchObject, objects[i].birth, objects[i].address, memtrack_weights[objects[i].weight]);
  }
  return true;
}

static bool
offer_ranges(struct memtrack_core *core)
{
  uint32_t turn = 0;
  while (!memtrack_ranges_snapshot(ranges, &range_count)) {
    if (++turn == TURNS) {
      return false;
    }
    sched_yield();
  }
  for (uint32_t i = 0; i < range_count; ++i) {
    /* A thread's own registers refer to its stack. */
    if (ranges[i].kind != MEMTRACK_RANGE_STACK) {
      memtrack_call(core, searchObject, ranges[i].birth, ranges[i].start, ranges[i].end - ranges[i].start);
    }
  }
  return true;
}

bool
memtrack_candidates_offer(struct memtrack_core *core)
{
  bool good = offer_ranges(core);
  for (uint32_t partition = 0; good && partition < MEMTRACK_OBJECTS_PARTITIONS; ++partition) {
    good = offer_partition(core, partition);
    memtrack_pace_rest();
  }
  return good;
}

static bool
object_at(uint64_t address, struct memtrack_candidate *found)
{
  uint32_t count;
  for (uint32_t partition = 0; partition < MEMTRACK_OBJECTS_PARTITIONS && copy_partition(partition, &count); ++partition) {
    for (uint32_t i = 0; i < count; ++i) {
      uint64_t known = memtrack_weights[objects[i].weight], size = known ? known : MEMTRACK_OBJECT_UNKNOWN;
      if (address - objects[i].address < size) {
        *found = (struct memtrack_candidate){objects[i].address, size, objects[i].birth, false};
        return true;
      }
    }
  }
  return false;
}

bool
memtrack_candidates_at(uint64_t address, struct memtrack_candidate *found)
{
  for (uint32_t i = 0; i < range_count; ++i) {
    uint64_t size = ranges[i].end - ranges[i].start;
    if (address - ranges[i].start < size && ranges[i].kind != MEMTRACK_RANGE_STACK) {
      *found = (struct memtrack_candidate){ranges[i].start, size, ranges[i].birth, true};
      return true;
    }
  }
  return object_at(address, found);
}
