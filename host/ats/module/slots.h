/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots: the words through which the loaded modules call an imported function (R_*_JUMP_SLOT, R_*_GLOB_DAT). Redirecting a function
 * takes one aligned store per slot. Under RELRO the page is made writable for that store; afterwards it gets back its exact
 * protection from /proc/self/maps.
 */
#ifndef MEMTRACK_SLOTS_H
#define MEMTRACK_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_SLOTS_MAX 16 /* slots of a symbol */

struct memtrack_slots {
  size_t count;
  void **at[MEMTRACK_SLOTS_MAX];
  void *before[MEMTRACK_SLOTS_MAX]; /* previous values */
};

/* Finds the slots of `symbol` in all modules except the module that contains `self`. `module` is NULL, or the end of the path of
   the only module to search. Returns 0, or -1 with a reason (none, too many). init-only: takes the loader's lock, allocates
   nothing under it. */
int memtrack_slots_find(struct memtrack_slots *slots, const char *symbol, const char *module, const void *self,
                        struct memtrack_reason *reason);

/* Writes `value` to each slot. Returns 0, or -1 with a reason; then all slots have their previous values. Not hook-safe. */
int memtrack_slots_write(struct memtrack_slots *slots, void *value, struct memtrack_reason *reason);

/* Restores the previous values. Returns 0 or -1 with a reason. Not hook-safe. */
int memtrack_slots_restore(struct memtrack_slots *slots, struct memtrack_reason *reason);

/* Symbols with their replacements; the last entry has no symbol. */
struct memtrack_redirect {
  const char *symbol;
  void *hook;
};

/* A slot of a module. */
struct memtrack_patch {
  void **at;
  void *before, *after;
};

#define MEMTRACK_REDIRECTS_MAX 64 /* symbols of a table that a module may also define */

/* Looks up each symbol of a table as seen by a module that does not define it: `global` has room for MEMTRACK_REDIRECTS_MAX.
   init-only: takes the lock that the loader holds while it loads. */
void memtrack_slots_resolve(const struct memtrack_redirect *table, const void **global);

/* Finds the slots of a table's symbols in the module that contains the address `inside`. Skips slots that refer to the module's
   own definition, unlike `global`. Returns their number, of which at most `room` are in `patches`. The module must not be
   unloaded until they have been applied. Takes the lock of the loader's list, allocates nothing under it. Not hook-safe. */
size_t memtrack_slots_collect(const void *inside, const struct memtrack_redirect *table, const void *const *global,
                              struct memtrack_patch *patches, size_t room);

/* Writes the replacement to each slot, or restores the previous value. The module must not be unloaded meanwhile. Returns 0, or
   -1 with a reason; other slots are still written. Not hook-safe. */
int memtrack_slots_apply(const struct memtrack_patch *patches, size_t count, bool on, struct memtrack_reason *reason);

/* Protection (PROT_...) of the page at an address, from /proc/self/maps; or -1 with errno: ENOMEM if nothing is mapped there,
   another value if that file cannot be read. Not hook-safe. */
int memtrack_page_protection(const void *address);

/* The same from an open table of this form; -1 if the address is in none of its ranges. Not hook-safe. */
int memtrack_maps_protection(FILE *maps, const void *address);

#ifdef __cplusplus
}
#endif

#endif
