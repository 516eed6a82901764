/* SPDX-License-Identifier: Apache-2.0
 *
 * Thunks: functions that stand for another function each. A thunk sets the owner in its data, calls the function in its data with
 * its own arguments (at most six, integers or pointers), and restores the owner. The thunk of a handler also sees whether the
 * plugin has answered the event (context.h).
 *
 * memtrack.so contains the code and the data of 4,080 thunks. For each further 4,080, the same code is mapped once more from
 * memtrack.so's file, at the same distance from new data. So no page is ever writable and executable, and none becomes executable
 * that was writable, which SELinux (execmem) and PR_SET_MDWE forbid. A thunk is never given again: a continuation that outlives its
 * module would call the function of another.
 */
#ifndef MEMTRACK_THUNK_H
#define MEMTRACK_THUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef uintptr_t memtrack_word;
typedef memtrack_word (*memtrack_function)(memtrack_word, memtrack_word, memtrack_word, memtrack_word, memtrack_word,
                                           memtrack_word);

struct memtrack_thunk {
  memtrack_function function; /* set once */
  uint32_t owner;
  uint32_t only; /* the only owner of this thunk of a shared function; 0: the owner at its address. Set before `function`. */
};

/* Where thunks are not in assembler to their end: called by each, with its data. hook-safe. */
memtrack_word memtrack_thunk_run(memtrack_word a, memtrack_word b, memtrack_word c, memtrack_word d, memtrack_word e,
                                 memtrack_word f, const struct memtrack_thunk *thunk);

/* The same for a handler, of three arguments. hook-safe. */
memtrack_word memtrack_thunk_run_handler(memtrack_word cont, memtrack_word event, memtrack_word data, memtrack_word d,
                                         memtrack_word e, memtrack_word f, const struct memtrack_thunk *thunk);

/* Opens memtrack.so's file, from which further code is mapped. init-only. */
void memtrack_thunk_open(void);

/* Takes an unused thunk, all zero, for a function or a handler. Returns NULL if no more can be mapped, which is a refusal. Called
   under a mutex, and changes errno. hook-safe: once for 4,080 thunks it maps memory and reads memtrack.so's file. */
struct memtrack_thunk *memtrack_thunk_take(bool handler);

/* Whether a thunk is a handler's. hook-safe. */
bool memtrack_thunk_is_handler(const struct memtrack_thunk *thunk);

/* Records a refusal, with its errno. hook-safe. */
void memtrack_thunk_refuse(int error);

/* Whether there was a refusal since the last retry: another attempt now would only cost time. hook-safe. */
bool memtrack_thunk_refused(void);

/* Whether there was a refusal, with its reason. Lets the next function try again. Any thread. */
bool memtrack_thunk_retry(struct memtrack_reason *reason);

/* The function that stands for a thunk. hook-safe. */
void *memtrack_thunk_entry(const struct memtrack_thunk *thunk);

#ifdef __cplusplus
}
#endif

#endif
