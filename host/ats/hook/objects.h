/* SPDX-License-Identifier: Apache-2.0
 *
 * Creation site and epoch of plugin API objects, by address: the server allocates these objects, so they have no room for a tag. A
 * fixed number of partitions, each with its own lock and table. If a partition is full, an object is not recorded, and is counted
 * as such.
 */
#ifndef MEMTRACK_OBJECTS_H
#define MEMTRACK_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_object {
  uint64_t address; /* 0: none */
  uint32_t birth;   /* site and epoch (assembly/abi.ts) */
  uint32_t refs;    /* for a mutex: the number of continuations that own it */
};

/* Creates the table. Returns 0 or -1. init-only. */
int memtrack_objects_open(void);

/* Forgets all objects: they were created in an earlier arming. Any thread. */
void memtrack_objects_clear(void);

/* Records an object. `old` receives the previous entry at this address, for an object whose end was not seen; address 0 if there
   was none. Returns false if the partition is full. hook-safe. */
bool memtrack_objects_add(const void *address, uint32_t birth, struct memtrack_object *old);

/* Removes an object and returns its entry. Returns false if it is unknown. hook-safe. */
bool memtrack_objects_remove(const void *address, struct memtrack_object *object);

/* Whether an object is recorded. hook-safe. */
bool memtrack_objects_knows(const void *address);

/* Add a user to an object, if it is known; and remove a user. The latter returns true if it was the last user; the object is
   then removed. hook-safe. */
void memtrack_objects_ref(const void *address);
bool memtrack_objects_unref(const void *address, struct memtrack_object *object);

/* Number of objects not recorded because their partition was full. Any thread. */
uint64_t memtrack_objects_untracked(void);

/* Address space of the table, in bytes. Any thread. */
uint64_t memtrack_objects_memory(void);

#ifdef __cplusplus
}
#endif

#endif
