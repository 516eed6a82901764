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
#include "base/own.h"
#include "base/words.h"

#define PARTITIONS  MEMTRACK_OBJECTS_PARTITIONS /* powers of two, each */
#define ENTRIES     1024u                       /* of a partition at first */
#define ENTRIES_MAX 16384u

/* From so many entries on a partition tries to grow; with more than the second number probes would become long. */
#define WANTS_MORE(entries) ((entries) / 4 * 3)
#define FULL(entries)       ((entries) / 8 * 7)

struct partition {
  _Alignas(64) pthread_mutex_t mutex; /* a cache line each: a lookup touches one, and threads share none */
  _Alignas(8) uint32_t count;         /* in one word with the next */
  uint32_t entries;
  uint32_t holders; /* objects whose bytes are read */
  uint32_t unread;  /* those that were never read */
};

static struct partition partitions[PARTITIONS];
static struct memtrack_object *table; /* PARTITIONS x most_entries; unused pages are never touched */
static uint32_t most_entries;
static uint64_t untracked;

/* Half of the largest partition, for the one partition that grows. Not inside the table: its pages are given back afterwards. */
static struct memtrack_object *scratch;
static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER;

static size_t
size_of(uint32_t entries)
{
  return (size_t)entries * sizeof(struct memtrack_object);
}

static void *
reserve(size_t size)
{
  void *memory = memtrack_own_map(size, MAP_NORESERVE);
  if (memory) {
    madvise(memory, size, MADV_NOHUGEPAGE); /* otherwise a few objects would take 2 MiB each */
  }
  return memory;
}

int
memtrack_objects_open(void)
{
  size_t most = size_of(PARTITIONS * ENTRIES_MAX), half = size_of(ENTRIES_MAX / 2);
  char *memory = reserve(most + half);
  most_entries = ENTRIES_MAX;
  if (memory) {
    scratch = (struct memtrack_object *)(memory + most);
  } else {
    memory       = reserve(size_of(PARTITIONS * ENTRIES));
    most_entries = ENTRIES;
  }
  if (!memory) {
    return -1;
  }
  table = (struct memtrack_object *)memory;
  for (size_t i = 0; i < PARTITIONS; ++i) {
    pthread_mutex_init(&partitions[i].mutex, NULL);
    partitions[i].entries = ENTRIES;
  }
  return 0;
}

static uint64_t
hash(const void *address)
{
  uint64_t x = (uintptr_t)address * MEMTRACK_HASH_FACTOR;
  return x ^ x >> 32;
}

static struct memtrack_object *
table_of(const struct partition *partition)
{
  return table + (size_t)(partition - partitions) * most_entries;
}

/* Locks the partition of an address. */
static struct partition *
lock(const void *address)
{
  struct partition *partition = &partitions[hash(address) % PARTITIONS];
  pthread_mutex_lock(&partition->mutex);
  return partition;
}

static uint32_t
home(const struct partition *partition, uint64_t address)
{
  return hash((void *)(uintptr_t)address) / PARTITIONS & (partition->entries - 1);
}

/* The entry of an address, or the empty entry for it. */
static struct memtrack_object *
find(const struct partition *partition, const void *address)
{
  struct memtrack_object *entries = table_of(partition);
  uint32_t at                     = home(partition, (uintptr_t)address);
  while (entries[at].address && entries[at].address != (uintptr_t)address) {
    at = (at + 1) & (partition->entries - 1);
  }
  return &entries[at];
}

static uint32_t
is_holder(const struct memtrack_object *entry)
{
  return entry->address && entry->weight == MEMTRACK_WEIGHT_MBUFFER;
}

static uint32_t
is_unread(const struct memtrack_object *entry)
{
  return is_holder(entry) && !entry->was_read;
}

/* Removes an entry and moves later entries of its probes up, so that no gap interrupts a probe. Knuth, TAOCP 3, section 6.4,
   algorithm R. */
MT_HOT static void
erase(struct partition *partition, struct memtrack_object *entry)
{
  struct memtrack_object *entries = table_of(partition);
  uint32_t hole = entry - entries, mask = partition->entries - 1;
  partition->count -= 1;
  partition->holders -= is_holder(entry);
  partition->unread -= is_unread(entry);
  for (uint32_t at = (hole + 1) & mask; entries[at].address; at = (at + 1) & mask) {
    uint32_t wanted = home(partition, entries[at].address);
    if (((at - wanted) & mask) >= ((at - hole) & mask)) {
      entries[hole] = entries[at];
      hole          = at;
    }
  }
  memset(&entries[hole], 0, sizeof(entries[hole]));
}

/* Doubles the table of a partition, which is locked. */
static void
double_entries(struct partition *partition)
{
  struct memtrack_object *entries = table_of(partition);
  uint32_t before                 = partition->entries;
  memcpy(scratch, entries, size_of(before));
  memset(entries, 0, size_of(before));
  partition->entries = 2 * before;
  for (uint32_t at = 0; at < before; ++at) {
    if (scratch[at].address) {
      *find(partition, (void *)(uintptr_t)scratch[at].address) = scratch[at];
    }
  }
  madvise(scratch, size_of(before), MADV_DONTNEED);
}

/* Has a partition grow if it is time. It waits for another one that grows only if it is full: the others have room for a while. */
MT_NOINLINE static void
grow(struct partition *partition)
{
  if (partition->entries == most_entries) {
    return;
  }
  if (partition->count < FULL(partition->entries)) {
    if (pthread_mutex_trylock(&growing)) {
      return;
    }
  } else {
    pthread_mutex_lock(&growing);
  }
  double_entries(partition);
  pthread_mutex_unlock(&growing);
}

MT_HOT struct memtrack_object
memtrack_objects_put(struct memtrack_object object)
{
  const void *address         = (void *)(uintptr_t)object.address;
  struct partition *partition = lock(address);
  if (MT_UNLIKELY(partition->count >= WANTS_MORE(partition->entries))) {
    grow(partition);
  }
  struct memtrack_object *entry = find(partition, address);
  struct memtrack_object before = *entry;
  if (MT_UNLIKELY(!before.address && partition->count >= FULL(partition->entries))) {
    pthread_mutex_unlock(&partition->mutex);
    memtrack_add(&untracked, 1);
    return object;
  }
  partition->count += before.address == 0;
  partition->holders += is_holder(&object) - is_holder(&before);
  partition->unread += is_unread(&object) - is_unread(&before);
  *entry = object;
  pthread_mutex_unlock(&partition->mutex);
  return before;
}

MT_HOT bool
memtrack_objects_remove(const void *address, struct memtrack_object *object)
{
  struct partition *partition   = lock(address);
  struct memtrack_object *entry = find(partition, address);
  *object                       = *entry;
  if (entry->address) {
    erase(partition, entry);
  }
  pthread_mutex_unlock(&partition->mutex);
  return object->address != 0;
}

MT_HOT bool
memtrack_objects_knows(const void *address)
{
  struct partition *partition = lock(address);
  bool known                  = find(partition, address)->address != 0;
  pthread_mutex_unlock(&partition->mutex);
  return known;
}

bool
memtrack_objects_is(const void *address, uint32_t birth)
{
  struct partition *partition         = lock(address);
  const struct memtrack_object *entry = find(partition, address);
  bool same                           = entry->address && entry->birth == birth;
  pthread_mutex_unlock(&partition->mutex);
  return same;
}

MT_HOT void
memtrack_objects_ref(const void *address)
{
  struct partition *partition   = lock(address);
  struct memtrack_object *entry = find(partition, address);
  entry->refs += entry->address != 0;
  pthread_mutex_unlock(&partition->mutex);
}

MT_HOT bool
memtrack_objects_unref(const void *address, struct memtrack_object *object)
{
  struct partition *partition   = lock(address);
  struct memtrack_object *entry = find(partition, address);
  bool last                     = entry->address && entry->refs && --entry->refs == 0;
  if (last) {
    *object = *entry;
    erase(partition, entry);
  }
  pthread_mutex_unlock(&partition->mutex);
  return last;
}

uint32_t
memtrack_objects_begin(uint32_t number, bool again, uint64_t *addresses, uint32_t *held, uint32_t most)
{
  struct partition *partition     = &partitions[number];
  struct memtrack_object *entries = table_of(partition);
  uint32_t count                  = 0;
  pthread_mutex_lock(&partition->mutex);
  uint32_t wanted = again ? partition->holders : partition->unread;
  wanted          = wanted < most ? wanted : most;
  for (uint32_t at = 0; count < wanted && at < partition->entries; ++at) {
    if (again ? is_holder(&entries[at]) : is_unread(&entries[at])) {
      entries[at].reading = 1;
      held[count]         = entries[at].refs;
      addresses[count++]  = entries[at].address;
    }
  }
  pthread_mutex_unlock(&partition->mutex);
  return count;
}

bool
memtrack_objects_end(uint64_t address, uint32_t refs, struct memtrack_object *before)
{
  struct partition *partition   = lock((void *)(uintptr_t)address);
  struct memtrack_object *entry = find(partition, (void *)(uintptr_t)address);
  *before                       = *entry;
  bool same                     = entry->address && entry->reading;
  if (same) {
    partition->unread -= is_unread(entry);
    entry->refs     = refs;
    entry->reading  = 0;
    entry->was_read = 1;
  }
  pthread_mutex_unlock(&partition->mutex);
  return same;
}

/* Each change begins with the number of objects, and a table that is being changed has another number of them than it should: fewer
   while one is entered or the table is enlarged, more while one leaves. */
MT_NO_THREAD_SANITIZER bool
memtrack_objects_snapshot(uint32_t number, struct memtrack_object *objects, uint32_t *copied)
{
  const struct partition *partition = &partitions[number];
  const uint8_t *counts             = (const uint8_t *)partition + offsetof(struct partition, count);
  uint64_t before, after, entry[2];
  *copied = 0;
  memtrack_copy_words(&before, counts, 1);
  uint32_t count = (uint32_t)before, entries = before >> 32;
  for (uint32_t at = 0; count && at < entries && *copied < MEMTRACK_OBJECTS_IN_PARTITION; ++at) {
    memtrack_copy_words(entry, (const uint8_t *)(table_of(partition) + at), 2);
    if (entry[0]) {
      memcpy(&objects[(*copied)++], entry, sizeof(entry));
    }
  }
  memtrack_copy_words(&after, counts, 1);
  return *copied == count && after == before;
}

void
memtrack_objects_clear(void)
{
  for (uint32_t i = 0; i < PARTITIONS; ++i) {
    struct partition *partition = &partitions[i];
    pthread_mutex_lock(&partition->mutex);
    if (partition->entries > ENTRIES) {
      madvise(table_of(partition), size_of(partition->entries), MADV_DONTNEED); /* zero from now on */
    } else if (partition->count) {
      memset(table_of(partition), 0, size_of(partition->entries));
    }
    partition->entries = ENTRIES;
    partition->count = partition->holders = partition->unread = 0;
    pthread_mutex_unlock(&partition->mutex);
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
  uint64_t sum = table ? sizeof(partitions) : 0;
  for (uint32_t i = 0; table && i < PARTITIONS; ++i) {
    sum += size_of(memtrack_load(&partitions[i].entries));
  }
  return sum;
}
