/* SPDX-License-Identifier: Apache-2.0
 *
 * Creation site and epoch of plugin API objects, by address: the server allocates these objects, so they have no room for a tag. A
 * fixed number of partitions, each with its own lock and table. A partition that fills doubles its table, within address space that
 * is reserved at the start; the others go on meanwhile. If it cannot grow further, an object is not recorded, and is counted as
 * such.
 */
#ifndef MEMTRACK_OBJECTS_H
#define MEMTRACK_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an object weighs (hook/weight.h has the bytes): at most 63. */
enum memtrack_weight {
  MEMTRACK_WEIGHT_NONE,
  MEMTRACK_WEIGHT_CONT,
  MEMTRACK_WEIGHT_VCONN,
  MEMTRACK_WEIGHT_MUTEX,
  MEMTRACK_WEIGHT_IOBUFFER,
  MEMTRACK_WEIGHT_MBUFFER, /* and what it holds, which is read while it lives */
  MEMTRACK_WEIGHT_MIME_PARSER,
  MEMTRACK_WEIGHT_HTTP_PARSER,
  MEMTRACK_WEIGHT_COUNT,
};

struct memtrack_object {
  uint64_t address;      /* 0: none */
  uint32_t birth : 24;   /* site and epoch (assembly/abi.ts) */
  uint32_t weight : 6;   /* MEMTRACK_WEIGHT_... */
  uint32_t was_read : 1; /* what it holds has been read */
  uint32_t reading : 1;  /* since memtrack_objects_begin() took its address it was neither destroyed nor created anew */
  uint32_t refs; /* for a mutex: the number of continuations that own it; for a TSMBuffer: bytes that it was found to hold */
};

/* A new object's entry. Every field is named: otherwise GCC composes the entry in memory, and waits for its parts. hook-safe. */
static inline struct memtrack_object
memtrack_object_new(const void *address, uint32_t birth, uint32_t weight)
{
  struct memtrack_object object = {
    .address = (uintptr_t)address, .birth = birth, .weight = weight, .was_read = 0, .reading = 0, .refs = 0};
  return object;
}

/* Creates the table, as far as the limit on address space allows: it may stay small. Returns 0 or -1. init-only. */
int memtrack_objects_open(void);

/* Forgets all objects: they were created in an earlier arming. Any thread. */
void memtrack_objects_clear(void);

/* Records an object. Returns the one that has no entry afterwards, whose end the caller counts now: the previous one at this
   address, whose end was not seen; the object itself, if the partition is full; none, with address 0. By value: an entry stays in
   two registers. hook-safe. */
struct memtrack_object memtrack_objects_put(struct memtrack_object object);

/* Removes an object and returns its entry. Returns false if it is unknown. hook-safe. */
bool memtrack_objects_remove(const void *address, struct memtrack_object *object);

/* Whether an object is recorded, and with this birth. hook-safe. */
bool memtrack_objects_knows(const void *address);
bool memtrack_objects_is(const void *address, uint32_t birth);

/* Add a user to an object, if it is known; and remove a user. The latter returns true if it was the last user; the object is
   then removed. hook-safe. */
void memtrack_objects_ref(const void *address);
bool memtrack_objects_unref(const void *address, struct memtrack_object *object);

/* Number of partitions, and of the most objects of one. */
enum { MEMTRACK_OBJECTS_PARTITIONS = 1024, MEMTRACK_OBJECTS_IN_PARTITION = 16384 / 8 * 7 };

/* Copies the addresses of a partition's TSMBuffers and what they were found to hold, at most `most`, and marks them: those that
   were never read, or with `again` all. Returns their number. One reader at a time. Any thread. */
uint32_t memtrack_objects_begin(uint32_t partition, bool again, uint64_t *addresses, uint32_t *held, uint32_t most);

/* Sets `refs` of an object if its mark is still there, and removes the mark. `before` receives the entry as it was. Returns false
   if the object was destroyed meanwhile. Any thread. */
bool memtrack_objects_end(uint64_t address, uint32_t refs, struct memtrack_object *before);

/* Copies a partition's objects, at most MEMTRACK_OBJECTS_IN_PARTITION, without its lock. Returns false if it changed meanwhile:
   then the copy is worth nothing. Any thread. */
bool memtrack_objects_snapshot(uint32_t partition, struct memtrack_object *objects, uint32_t *copied);

/* Number of objects not recorded because their partition was full. Any thread. */
uint64_t memtrack_objects_untracked(void);

/* Present size of the table, in bytes. Any thread. */
uint64_t memtrack_objects_memory(void);

#ifdef __cplusplus
}
#endif

#endif
