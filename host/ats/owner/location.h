/* SPDX-License-Identifier: Apache-2.0
 *
 * Locations of plugins' IOBuffers: the text of a plugin's call that a buffer carries, in the place of the server's own line
 * (hook/buffer.h writes it there). Each call of each owner has one, found by its address, and by its text when the server tells it
 * with a block. They are never given back: the server may hold a pointer to any of them for ever.
 */
#ifndef MEMTRACK_LOCATION_H
#define MEMTRACK_LOCATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As the server keeps it: a pointer to `text`. */
struct memtrack_location {
  uint64_t address; /* the return address */
  uint64_t offset;  /* the same in its module */
  uint32_t owner;
  uint32_t next;
  bool in_plugin; /* else in a library, while the owner's code ran */
  char text[127]; /* "memory/plugin/foo.so+0x1a2b"; what the built-in tracker would cut of it is not there */
};

/* Makes the table. Returns 0, or -1 with a reason. init-only. */
int memtrack_locations_open(struct memtrack_reason *reason);

/* The location of a call, made at its first sight. NULL where there is no room, or the call is in no plugin. `context` is the owner
   whose code is running. hook-safe. */
const struct memtrack_location *memtrack_location_of_call(uint64_t address, uint32_t context);

/* What a location is, where it is one of ours; else NULL. hook-safe. */
const struct memtrack_location *memtrack_location_of_text(const char *text);

#ifdef __cplusplus
}
#endif

#endif
