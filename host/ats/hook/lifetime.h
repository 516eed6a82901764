/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts objects from the call that creates them to the call that ends them, with the table of objects (objects.h). An object's end
 * is taken from the table before the function that ends it runs: afterwards another thread may get the same address.
 */
#ifndef MEMTRACK_LIFETIME_H
#define MEMTRACK_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

#include "hook/objects.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Counts that the call with this return address created an object, if objects are counted. NULL is none. An object that was known
   at this address has ended unseen. hook-safe. */
void memtrack_lifetime_begin(const void *object, uint32_t kind, uint32_t weight, uintptr_t address);

/* Whether what has this birth is still there: an object at this address, or a mapping that begins there. Any thread. */
bool memtrack_lifetime_lasts(uint64_t address, uint32_t birth);

/* Counts the end of an object, if it is known. hook-safe. */
void memtrack_lifetime_end(const void *object);

/* For an end that may be refused: takes an object from the table, if it is known. Then either of the two below. hook-safe. */
bool memtrack_lifetime_take(const void *object, struct memtrack_object *known);

/* The object that was taken has ended. hook-safe. */
void memtrack_lifetime_count_end(const struct memtrack_object *known);

/* The object that was taken lives on. hook-safe. */
void memtrack_lifetime_give_back(const struct memtrack_object *known);

#ifdef __cplusplus
}
#endif

#endif
