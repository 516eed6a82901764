/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host asks the core apart from any count: the rules of records and messages, what a text says, how a line reads. An
 * instance of its own, the control instance (assembly/control/), answers; it is made at the first question and knows no site.
 *
 * A question is a text and one call; its answer is a number and a text (assembly/control/answer.ts). Where the core traps, that is
 * logged once and nothing is answered any more: who asked goes on with its default. Not hook-safe: a mutex is held meanwhile.
 */
#ifndef MEMTRACK_ASK_H
#define MEMTRACK_ASK_H

#include "core/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_answer {
  int64_t number;
  uint32_t severity; /* MEMTRACK_LINE_... */
  uint32_t length;   /* of the text */
  char text[MEMTRACK_ANSWER_MAX + 1];
};

/* Logs the answer's text, where there is one. Not hook-safe. */
void memtrack_answer_log(const struct memtrack_answer *answer);

/* Copies the answer's text, cut at `size` with its NUL. Any thread. */
void memtrack_answer_copy(const struct memtrack_answer *answer, char *to, uint64_t size);

/* The instance, for its size, which is 0 before the first question. Any thread. */
struct memtrack_core *memtrack_ask_core(void);

#ifdef __cplusplus
}

struct memtrack_part {
  const char *text;
  uint64_t length;
};

/* Locks the control instance and hands it a text, of which it takes MEMTRACK_QUESTION_MAX bytes: its parts, one behind the other.
   Returns the instance, or NULL: then nothing is locked. For memtrack_ask(). Not hook-safe. */
struct memtrack_core *memtrack_ask_begin(const struct memtrack_part *parts, uint64_t count);

/* Unlocks it, and copies the answer, whose text has this length, out of it; or, where it has trapped, says so. For memtrack_ask().
   Not hook-safe. */
void memtrack_ask_end(struct memtrack_answer *answer, uint32_t length);
void memtrack_ask_trapped(struct memtrack_answer *answer);

/* Asks: question(instance) calls the core once and returns what the call returns. False, and an empty answer, where there was none.
   Not hook-safe. */
template <size_t COUNT, typename Question>
bool
memtrack_ask(struct memtrack_answer *answer, const memtrack_part (&parts)[COUNT], Question question)
{
  memtrack_core *core = memtrack_ask_begin(parts, COUNT);
  if (!core) {
    *answer = memtrack_answer{};
    return false;
  }
  try {
    memtrack_ask_end(answer, question(core));
    return true;
  } catch (const memtrack_trap &) {
    memtrack_ask_trapped(answer);
    return false;
  }
}

/* The same of a text in one part. Not hook-safe. */
template <typename Question>
bool
memtrack_ask(struct memtrack_answer *answer, const char *text, uint64_t length, Question question)
{
  return memtrack_ask(answer, {{text, length}}, question);
}

/* Asks what the call itself answers, a number; `otherwise` where nothing is answered. Not hook-safe. */
template <typename Question>
uint32_t
memtrack_ask_number(const char *text, uint64_t length, uint32_t otherwise, Question question)
{
  struct memtrack_answer answer;
  uint32_t number = otherwise;
  memtrack_ask(&answer, text, length, [&](memtrack_core *core) {
    number = question(core);
    return 0u;
  });
  return number;
}

/* Likewise yes or no; no where nothing is answered. Not hook-safe. */
template <typename Question>
bool
memtrack_ask_whether(const char *text, uint64_t length, Question question)
{
  return memtrack_ask_number(text, length, 0, question) != 0;
}
#endif

#endif
