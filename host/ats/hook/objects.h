/* SPDX-License-Identifier: Apache-2.0
 *
 * Where and when an object of the plugin API was created, by its address: these objects are the server's and have no room for a
 * tag. A fixed number of partitions, each with a lock and a table of its own; where one is full, an object is not remembered, and
 * counted as such.
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
  uint32_t refs;    /* of a mutex: the continuations that own it */
};

/* Makes the table. Returns 0 or -1. init-only. */
int memtrack_objects_open(void);

/* Forgets all of them: they were created in an earlier arming. Any thread. */
void memtrack_objects_clear(void);

/* Remembers an object. `old` gets what was known at this address: an object that went unseen; address 0 where there was none. False
   where there is no room. hook-safe. */
bool memtrack_objects_add(const void *address, uint32_t birth, struct memtrack_object *old);

/* Forgets an object and tells what was known of it. False where it is not known. hook-safe. */
bool memtrack_objects_remove(const void *address, struct memtrack_object *object);

/* Whether an object is remembered. hook-safe. */
bool memtrack_objects_knows(const void *address);

/* One user more of an object, if it is known. And one less: true where it was the last, and the object is forgotten with it.
   hook-safe. */
void memtrack_objects_ref(const void *address);
bool memtrack_objects_unref(const void *address, struct memtrack_object *object);

/* Objects that there was no room for. Any thread. */
uint64_t memtrack_objects_untracked(void);

/* What the table takes, in bytes of address space. Any thread. */
uint64_t memtrack_objects_memory(void);

#ifdef __cplusplus
}
#endif

#endif
