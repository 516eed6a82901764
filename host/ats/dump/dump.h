/* SPDX-License-Identifier: Apache-2.0
 *
 * The outer ring: sums the shards in the model, has it write the dump's text, and writes that text in one piece (output.h).
 * One dump at a time, never on a network thread, and no thread that accounts is stopped by it.
 */
#ifndef MEMTRACK_DUMP_H
#define MEMTRACK_DUMP_H

#include <stdbool.h>
#include <stdint.h>

/* What a dump says of hooks and settings, kept by control.c. */
struct memtrack_state {
  int level;
  uint64_t armed_since; /* seconds of base/clock.h; 0 while nothing is tracked */
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

#ifdef __cplusplus
extern "C" {
#endif

/* Writes a dump to the file of the record `output`, or where there is none to a file descriptor. reason is MEMTRACK_REASON_....
   Returns 0, or an errno; then it has been logged. Not hook-safe. */
int memtrack_dump_write(int fd, uint32_t reason, const struct memtrack_state *state);

#ifdef __cplusplus
}
#endif

#endif
