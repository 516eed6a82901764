/* SPDX-License-Identifier: Apache-2.0
 *
 * The outer ring: sums the shards in the model, has it write the dump's text, and writes that text to traffic.out in one piece.
 * One dump at a time, never on a network thread, and no thread that accounts is stopped by it.
 */
#ifndef MEMTRACK_DUMP_H
#define MEMTRACK_DUMP_H

#include <stdbool.h>
#include <stdint.h>

/* What a dump says of hooks and settings, kept by control.c. */
struct memtrack_state {
  int level;
  uint64_t armed_since; /* seconds, CLOCK_MONOTONIC; 0 while nothing is tracked */
  uint32_t iobuffer;    /* MEMTRACK_HOOK_... */
  uint32_t openssl;
  uint32_t plugins; /* what plugins call */
  uint32_t buffers; /* the locations of their IOBuffers */
  uint32_t heap;
  const char *iobuffer_reason;
  const char *openssl_reason;
  const char *plugins_reason;
  const char *buffers_reason;
  bool verify;
};

/* Opens the model. Returns 0 or -1. init-only. */
int memtrack_dump_open(uint32_t sites);

/* Takes over what the built-in tracker has counted so far, so that buffers allocated before the plugin was loaded are known.
   After the hook is installed, before it is passed on to. init-only. */
void memtrack_dump_carry_over(void);

/* A class is armed now: what was counted of it before does not count any more. Not hook-safe. */
void memtrack_dump_arm(uint32_t cls);

/* A class is not tracked any more, and has no rows until it is armed again. Not hook-safe. */
void memtrack_dump_disarm(uint32_t cls);

/* Looks for buffers that are older than the arming, without a dump: the more often, the sooner the rows are right that they would
   distort (assembly/model/model.ts). Not hook-safe. */
void memtrack_dump_observe(void);

/* Gives the numbers of sites back whose module is gone and of which nothing is in use (assembly/model/reclaim.ts). Not hook-safe.
 */
void memtrack_dump_reclaim(void);

/* From now on the two accountants are to agree. Events must be passed on to the built-in. Not hook-safe. */
void memtrack_dump_mark_verify(void);

struct memtrack_core;

/* Runs body(model, argument) while nobody else uses the model; with `collect`, on the sums of this moment. False where the model
   has trapped, now or before: then it has been logged. Not hook-safe. */
bool memtrack_dump_visit(bool collect, void (*body)(struct memtrack_core *, void *), void *argument);

/* Writes a dump to a file descriptor. reason is MEMTRACK_DUMP_REASON_.... Returns 0, or an errno; then it has been logged. Not
   hook-safe. */
int memtrack_dump_write(int fd, uint32_t reason, const struct memtrack_state *state);

#endif
