/* SPDX-License-Identifier: Apache-2.0
 *
 * What `traffic_ctl plugin msg memtrack ...` may say: a verb, compared whole, and for some an argument. Whatever arrives, the
 * answer is a message to act on or one line that says what is wrong and what would be right. Knows no plugin API and acts on
 * nothing.
 */
#ifndef MEMTRACK_MESSAGE_H
#define MEMTRACK_MESSAGE_H

#include <stddef.h>

/* One list of the verbs: name, argument, whether it needs one, what it does. */
#define MEMTRACK_VERBS(X)                                                        \
  X(MARK, "mark", "[name]", "sets a baseline: what dumps' growth is since")      \
  X(DIFF, "diff", "[name]", "writes a dump with all growth since a baseline")    \
  X(DUMP, "dump", "", "writes a dump")                                           \
  X(RESET, "reset", "", "forgets histories, suspects and baselines, no counter") \
  X(ARM, "arm", "0|1|2", "sets the level, until its record is changed")          \
  X(STATUS, "status", "", "says what is on, in diags.log")                       \
  X(HELP, "help", "", "says this, in diags.log")

enum memtrack_verb {
#define X(id, name, argument, what) MEMTRACK_VERB_##id,
  MEMTRACK_VERBS(X)
#undef X
    MEMTRACK_VERB_COUNT,
};

#define MEMTRACK_MESSAGE_MAX  1024 /* bytes that a message may have */
#define MEMTRACK_ARGUMENT_MAX 256  /* of its argument that are kept; a baseline's name is cut shorter by the core */

struct memtrack_message {
  enum memtrack_verb verb;
  int level; /* of arm */
  char argument[MEMTRACK_ARGUMENT_MAX + 1];
};

/* Reads a message's bytes, which are not a string. Returns 0, or -1 with a line in `error`. Any thread. */
int memtrack_message_parse(const void *data, size_t size, struct memtrack_message *message, char error[512]);

/* The n-th verb as it is written after `traffic_ctl plugin msg memtrack`, and what it does. Any thread. */
void memtrack_message_help(unsigned n, char *text, size_t size);

#endif
