/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a dump: sums the shards in the model, has the model write the dump's text, and writes that text in one piece (output.h).
 * One dump at a time, never on a network thread, and without stopping any counting thread.
 */
#ifndef MEMTRACK_DUMP_H
#define MEMTRACK_DUMP_H

#include <stdbool.h>
#include <stdint.h>

/* State of hooks and settings for a dump, maintained by control.c. */
struct memtrack_state {
  int level;
  uint64_t armed_since; /* seconds of base/clock.h; 0 while nothing is tracked */
  uint32_t iobuffer;    /* MEMTRACK_HOOK_... */
  uint32_t openssl;
  uint32_t plugins; /* plugins' calls */
  uint32_t buffers; /* locations of plugins' IOBuffers */
  uint32_t weights; /* of plugins' objects */
  uint32_t heap;
  uint32_t server_heap; /* the server's own */
  uint32_t freelists;   /* rows of the server's freelists */
  const char *iobuffer_reason;
  const char *openssl_reason;
  const char *plugins_reason;
  const char *buffers_reason;
  const char *freelists_reason;
  const char *weights_reason;
  const char *server_heap_reason;
  bool verify;
};

#ifdef __cplusplus
extern "C" {
#endif

/* Writes a dump to the file of the record `output`, or without such a file to a file descriptor. reason is MEMTRACK_REASON_....
   Returns 0; or an errno, after logging it. Not hook-safe. */
int memtrack_dump_write(int fd, uint32_t reason, const struct memtrack_state *state);

#ifdef __cplusplus
}
#endif

#endif
