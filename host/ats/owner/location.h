/* SPDX-License-Identifier: Apache-2.0
 *
 * Locations of plugins' IOBuffers: a buffer carries the text of a plugin's call instead of the server's own line (written by
 * hook/buffer.h). Each call of each owner has a location. It is found by address, and by its text when the server reports it with a
 * block. Locations are never freed: the server may keep a pointer to any of them.
 */
#ifndef MEMTRACK_LOCATION_H
#define MEMTRACK_LOCATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_LOCATION_PREFIX "memory/IOBuffer/" /* with which the literals of the server begin */

/* In the server's form: a pointer to `text`. */
struct memtrack_location {
  uint64_t address; /* the return address; of a line of the server, its literal */
  uint64_t offset;  /* the return address relative to its module */
  uint32_t module;  /* id of the module; 0 for a line of the server */
  uint32_t owner;
  uint32_t next;
  bool in_plugin; /* otherwise in a library, while the owner's code was running */
  char text[127]; /* "memory/plugin/foo.so+0x1a2b", truncated to the length that the built-in tracker keeps */
};

/* Creates the table. Returns 0, or -1 with a reason. init-only. */
int memtrack_locations_open(struct memtrack_reason *reason);

/* The location of a call, created at its first use. NULL if the table is full, or if the call is not in a plugin. `context` is
   the owner whose code is running. hook-safe. */
const struct memtrack_location *memtrack_location_of_call(uint64_t address, uint32_t context);

/* The location of memory that the server allocates at one of its own lines on behalf of a plugin, created at its first use. `line`
   is the server's literal. NULL if the table is full. hook-safe. */
const struct memtrack_location *memtrack_location_via(const char *line, uint32_t owner);

/* Returns the location with this text, or NULL if the text is not a location of memtrack. hook-safe. */
const struct memtrack_location *memtrack_location_of_text(const char *text);

#ifdef __cplusplus
}
#endif

#endif
