/* SPDX-License-Identifier: Apache-2.0
 *
 * What `traffic_ctl plugin msg memtrack ...` may say. The core reads it (assembly/control/message.ts); this knows no plugin API and
 * acts on nothing.
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
  int level;     /* of arm */
  char argument[MEMTRACK_ARGUMENT_MAX + 1];
};

/* Reads a message's bytes, which are not a string. False where there is nothing to act on: then it has been logged. Any thread but
   not in a hook. */
bool memtrack_message_parse(const void *data, size_t size, struct memtrack_message *message);

/* Logs a line about each verb. Not hook-safe. */
void memtrack_message_help(void);

#ifdef __cplusplus
}
#endif

#endif
