/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses messages of `traffic_ctl plugin msg memtrack ...` by asking the core (assembly/control/message.ts). Uses no plugin API and
 * performs no action.
 */
#ifndef MEMTRACK_MESSAGE_H
#define MEMTRACK_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_message {
  uint32_t verb; /* MEMTRACK_VERB_... */
  int level;     /* the level, for arm */
  char argument[MEMTRACK_ARGUMENT_MAX + 1];
};

/* Parses a message's bytes, which are not a string. Returns false if no action is required; the reason has then been logged. Any
   thread but not in a hook. */
bool memtrack_message_parse(const void *data, size_t size, struct memtrack_message *message);

/* Logs a line about each verb. Not hook-safe. */
void memtrack_message_help(void);

#ifdef __cplusplus
}
#endif

#endif
