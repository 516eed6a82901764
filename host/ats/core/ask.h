/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions from the host to the core that involve no counters: rules of records and messages, the meaning of texts, the wording of
 * lines. The control instance (assembly/control/) answers them; it is created at the first question and knows no site.
 *
 * A question is a text and one call; the answer is a number and a text (assembly/control/answer.ts). If the core traps, that is
 * logged once, and later questions get no answer: callers continue with their defaults. Not hook-safe: a mutex is held during the
 * call.
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
  uint32_t length;   /* length of the text */
  char text[MEMTRACK_ANSWER_MAX + 1];
};

/* Logs the answer's text, if there is any. Not hook-safe. */
void memtrack_answer_log(const struct memtrack_answer *answer);

/* Copies the answer's text, truncated to `size` with its NUL. Any thread. */
void memtrack_answer_copy(const struct memtrack_answer *answer, char *to, uint64_t size);

/* The control instance, for its size; 0 before the first question. Any thread. */
struct memtrack_core *memtrack_ask_core(void);

#ifdef __cplusplus
}

struct memtrack_part {
  const char *text;
  uint64_t length;
};

/* Locks the control instance and passes the concatenated parts of a text, at most MEMTRACK_QUESTION_MAX bytes. Returns the
   instance; or NULL, then nothing is locked. For memtrack_ask(). Not hook-safe. */
struct memtrack_core *memtrack_ask_begin(const struct memtrack_part *parts, uint64_t count);

/* Copies the answer, with a text of this length, and unlocks the instance; logs a trap. For memtrack_ask(). Not hook-safe. */
void memtrack_ask_end(struct memtrack_answer *answer, uint32_t length);
void memtrack_ask_trapped(struct memtrack_answer *answer);

/* Asks a question: question(instance) calls the core once and returns the call's result. Returns false and an empty answer if
   there was no answer. Not hook-safe. */
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

/* Same, for a text in one part. Not hook-safe. */
template <typename Question>
bool
memtrack_ask(struct memtrack_answer *answer, const char *text, uint64_t length, Question question)
{
  return memtrack_ask(answer, {{text, length}}, question);
}

/* Asks a question whose result is the number that the call returns; `otherwise` without an answer. Not hook-safe. */
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

/* Same for yes or no; no without an answer. Not hook-safe. */
template <typename Question>
bool
memtrack_ask_whether(const char *text, uint64_t length, Question question)
{
  return memtrack_ask_number(text, length, 0, question) != 0;
}
#endif

#endif
