/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots: the words through which the loaded modules call an imported function (R_*_JUMP_SLOT, R_*_GLOB_DAT). Redirecting a
 * function is one aligned store to each; under RELRO the page is made writable for that store and then given back the exact
 * protection it had, as /proc/self/maps told it.
 */
#ifndef MEMTRACK_SLOTS_H
#define MEMTRACK_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_SLOTS_MAX 16 /* slots of one symbol */

struct memtrack_slots {
  size_t count;
  void **at[MEMTRACK_SLOTS_MAX];
  void *before[MEMTRACK_SLOTS_MAX]; /* what stood there */
};

/* Finds the slots of `symbol` in all modules but the one that `self` lies in. `module` NULL, or the end of the one module's path
   to look in. Returns 0, or -1 with a reason (none, too many). init-only: takes the loader's lock, allocates nothing under it. */
int memtrack_slots_find(struct memtrack_slots *slots, const char *symbol, const char *module, const void *self,
                        struct memtrack_reason *reason);

/* Writes `value` to each slot. Returns 0, or -1 with a reason; then each slot is as it was. Not hook-safe. */
int memtrack_slots_write(struct memtrack_slots *slots, void *value, struct memtrack_reason *reason);

/* Writes back what stood there. Returns 0 or -1 with a reason. Not hook-safe. */
int memtrack_slots_restore(struct memtrack_slots *slots, struct memtrack_reason *reason);

/* Symbols and what is to be called instead; the last has no symbol. */
struct memtrack_redirect {
  const char *symbol;
  void *hook;
};

/* One slot of one module. */
struct memtrack_patch {
  void **at;
  void *before, *after;
};

#define MEMTRACK_REDIRECTS_MAX 64 /* symbols of a table that a module may define as well */

/* Looks up what each of a table's symbols is to a module that does not define it: `global` has room for MEMTRACK_REDIRECTS_MAX.
   init-only: takes the lock that the loader holds while it loads. */
void memtrack_slots_resolve(const struct memtrack_redirect *table, const void **global);

/* Finds the slots of a table's symbols in the module with an address in it. What leads to the module's own definition (`global`, as
   resolved) is left out. Returns how many there are, of which `room` at most are in `patches`. The module must not be unloaded
   until they have been applied. Takes the lock of the loader's list, allocates nothing under it. Not hook-safe. */
size_t memtrack_slots_collect(const void *inside, const struct memtrack_redirect *table, const void *const *global,
                              struct memtrack_patch *patches, size_t room);

/* Writes to each slot what it is to hold, or what stood there. The module must not be unloaded meanwhile. Returns 0, or -1 with a
   reason; the rest is written all the same. Not hook-safe. */
int memtrack_slots_apply(const struct memtrack_patch *patches, size_t count, bool on, struct memtrack_reason *reason);

/* The protection (PROT_...) of the page at an address, from /proc/self/maps; -1 and errno: ENOMEM where nothing is mapped there,
   another where that file cannot be read. Not hook-safe. */
int memtrack_page_protection(const void *address);

#ifdef __cplusplus
}
#endif

#endif
