/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/objects.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"

#define PARTITIONS 1024u /* powers of two */
#define ENTRIES    1024u
#define FULL       (ENTRIES / 8 * 7) /* with more entries probes would become long */
#define TABLE_SIZE ((size_t)PARTITIONS * ENTRIES * sizeof(struct memtrack_object))

struct partition {
  pthread_mutex_t mutex;
  uint32_t count;
};

static struct partition partitions[PARTITIONS];
static struct memtrack_object *table; /* PARTITIONS x ENTRIES; unused pages are never touched */
static uint64_t untracked;

int
memtrack_objects_open(void)
{
  void *memory = mmap(NULL, TABLE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return -1;
  }
  madvise(memory, TABLE_SIZE, MADV_NOHUGEPAGE); /* otherwise a few objects would take 2 MiB each */
  table = memory;
  for (size_t i = 0; i < PARTITIONS; ++i) {
    pthread_mutex_init(&partitions[i].mutex, NULL);
  }
  return 0;
}

static uint64_t
hash(const void *address)
{
  uint64_t x = (uintptr_t)address * MEMTRACK_HASH_FACTOR;
  return x ^ x >> 32;
}

/* Locks the partition of an address and returns its table. */
static struct memtrack_object *
lock(const void *address, struct partition **partition)
{
  uint32_t number = hash(address) % PARTITIONS;
  *partition      = &partitions[number];
  pthread_mutex_lock(&(*partition)->mutex);
  return table + (size_t)number * ENTRIES;
}

static uint32_t
home(uint64_t address)
{
  return hash((void *)(uintptr_t)address) / PARTITIONS % ENTRIES;
}

/* The entry of an address, or the empty entry for it. */
static struct memtrack_object *
find(struct memtrack_object *entries, const void *address)
{
  uint32_t at = home((uintptr_t)address);
  while (entries[at].address && entries[at].address != (uintptr_t)address) {
    at = (at + 1) % ENTRIES;
  }
  return &entries[at];
}

/* Removes an entry and moves later entries of its probes up, so that no gap interrupts a probe. Knuth, TAOCP 3, section 6.4,
   algorithm R. */
MT_HOT static void
erase(struct memtrack_object *entries, struct memtrack_object *entry)
{
  uint32_t hole = entry - entries;
  for (uint32_t at = (hole + 1) % ENTRIES; entries[at].address; at = (at + 1) % ENTRIES) {
    uint32_t wanted = home(entries[at].address);
    if ((at - wanted) % ENTRIES >= (at - hole) % ENTRIES) {
      entries[hole] = entries[at];
      hole          = at;
    }
  }
  memset(&entries[hole], 0, sizeof(entries[hole]));
}

MT_HOT bool
memtrack_objects_add(const void *address, uint32_t birth, struct memtrack_object *old)
{
  struct partition *partition;
  struct memtrack_object *entries = lock(address, &partition), *entry = find(entries, address);
  bool room = entry->address || partition->count < FULL;
  *old      = *entry;
  if (room) {
    partition->count += entry->address == 0;
    *entry = (struct memtrack_object){.address = (uintptr_t)address, .birth = birth};
  }
  pthread_mutex_unlock(&partition->mutex);
  if (!room) {
    memtrack_add(&untracked, 1);
  }
  return room;
}

MT_HOT bool
memtrack_objects_remove(const void *address, struct memtrack_object *object)
{
  struct partition *partition;
  struct memtrack_object *entries = lock(address, &partition), *entry = find(entries, address);
  *object = *entry;
  if (entry->address) {
    erase(entries, entry);
    --partition->count;
  }
  pthread_mutex_unlock(&partition->mutex);
  return object->address != 0;
}

MT_HOT bool
memtrack_objects_knows(const void *address)
{
  struct partition *partition;
  bool known = find(lock(address, &partition), address)->address != 0;
  pthread_mutex_unlock(&partition->mutex);
  return known;
}

MT_HOT void
memtrack_objects_ref(const void *address)
{
  struct partition *partition;
  struct memtrack_object *entry = find(lock(address, &partition), address);
  entry->refs += entry->address != 0;
  pthread_mutex_unlock(&partition->mutex);
}

MT_HOT bool
memtrack_objects_unref(const void *address, struct memtrack_object *object)
{
  struct partition *partition;
  struct memtrack_object *entries = lock(address, &partition), *entry = find(entries, address);
  bool last = entry->address && entry->refs && --entry->refs == 0;
  if (last) {
    *object = *entry;
    erase(entries, entry);
    --partition->count;
  }
  pthread_mutex_unlock(&partition->mutex);
  return last;
}

void
memtrack_objects_clear(void)
{
  for (uint32_t i = 0; i < PARTITIONS; ++i) {
    pthread_mutex_lock(&partitions[i].mutex);
    if (partitions[i].count) {
      memset(table + (size_t)i * ENTRIES, 0, ENTRIES * sizeof(*table));
      partitions[i].count = 0;
    }
    pthread_mutex_unlock(&partitions[i].mutex);
  }
}

uint64_t
memtrack_objects_untracked(void)
{
  return memtrack_load(&untracked);
}

uint64_t
memtrack_objects_memory(void)
{
  return table ? TABLE_SIZE + sizeof(partitions) : 0;
}
