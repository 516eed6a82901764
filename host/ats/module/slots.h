/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots: the words of the loaded modules that contain the address of an imported function. Through some of them the module only
 * calls the function (R_*_JUMP_SLOT). From the others a program may also read the address, to compare it, or to pass it on
 * (R_*_GLOB_DAT; pointers in initialized data, R_X86_64_64 and R_AARCH64_ABS64; the program's copies of such data, R_*_COPY).
 * Redirecting a function takes one aligned store per slot. Under RELRO the page is made writable for that store; afterwards it gets
 * back its exact protection from /proc/self/maps, unless somebody else has changed it meanwhile. A list says what is written:
 * restoring it leaves other slots alone, and slots that somebody else has redirected since.
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

/* A slot of a module. */
struct memtrack_patch {
  void **at;
  void *before, *after;
  bool data;    /* a variable of the program: it is only written while it contains `before` */
  bool written; /* it contained `before`, and was given `after` */
};

struct memtrack_slots {
  size_t count;
  struct memtrack_patch *list; /* malloc'ed */
};

/* Finds the slots of `symbol` in all modules except the module that contains `self`, and keeps these modules loaded for ever.
   `module` is NULL, or the end of the path of the only module to search. Returns 0, or -1 with a reason and no list. init-only:
   waits while another thread loads or unloads, allocates nothing under the loader's lock. */
int memtrack_slots_find(struct memtrack_slots *slots, const char *symbol, const char *module, const void *self,
                        struct memtrack_reason *reason);

/* Writes `value` to each slot. Returns 0, or -1 with a reason; then all slots have their previous values. Not hook-safe. */
int memtrack_slots_write(struct memtrack_slots *slots, void *value, struct memtrack_reason *reason);

/* Gives each slot the value back that it had before the first write. Returns 0 or -1 with a reason. Not hook-safe. */
int memtrack_slots_restore(struct memtrack_slots *slots, struct memtrack_reason *reason);

/* Whether what was found in a slot is the module's own code that looks the function up at its first call (lazy binding). Takes the
   lock of the loader's list; the module must not be unloaded meanwhile. Not hook-safe. */
bool memtrack_slots_is_unbound(const struct memtrack_patch *slot);

/* Frees the list. Not hook-safe. */
void memtrack_slots_free(struct memtrack_slots *slots);

/* Symbols with their replacements; the last entry has no symbol. */
struct memtrack_redirect {
  const char *symbol;
  void *hook;
};

/* Which words of a module to look for. */
enum memtrack_words {
  MEMTRACK_WORDS_CALLS     = 1, /* it only calls through them */
  MEMTRACK_WORDS_ADDRESSES = 2, /* it may read the address from them */
  MEMTRACK_WORDS_UNBOUND = 4, /* also calls that lead to the module's own code until the first of them: to which function is open */
  MEMTRACK_WORDS_OWN     = 8, /* also those that refer to the module's own definition */
};

#define MEMTRACK_REDIRECTS_MAX 128 /* symbols of a table */

/* Looks up each symbol of a table as seen by a module that does not define it: `global` has room for MEMTRACK_REDIRECTS_MAX.
   init-only: takes the lock that the loader holds while it loads. */
void memtrack_slots_resolve(const struct memtrack_redirect *table, const void **global);

/* Finds the slots of a table's symbols in the module that contains the address `inside`: of the kinds in `words`, those that
   contain `global` or a hook (of an earlier call, or of module/definition.h). Slots that refer to another function of that name are
   skipped: the module's own, or that of an allocator that only this module sees. *foreign, if it is not NULL, tells whether a slot
   of malloc() refers to such a function, or may, because the module defines it and has not called it yet. The module must not be
   unloaded until they have been applied. Returns 0, or -1 if there is no memory for the list. Takes the lock of the loader's list,
   allocates nothing under it. Not hook-safe. */
int memtrack_slots_collect(struct memtrack_slots *slots, const void *inside, const struct memtrack_redirect *table,
                           const void *const *global, unsigned words, bool *foreign);

/* Writes the replacement to each slot, or restores the previous value where a replacement was written. The module must not be
   unloaded meanwhile. Returns 0, or -1 with a reason; other slots are still written. Not hook-safe. */
int memtrack_slots_apply(struct memtrack_patch *patches, size_t count, bool on, struct memtrack_reason *reason);

/* Protection (PROT_...) of the page at an address, from /proc/self/maps; or -1 with errno: EFAULT if nothing is mapped there,
   another value if that file cannot be read. Not hook-safe. */
int memtrack_page_protection(const void *address);

/* The same from an open table of this form; -1 if the address is in none of its ranges. Not hook-safe. */
int memtrack_maps_protection(FILE *maps, const void *address);

#ifdef __cplusplus
}
#endif

#endif
