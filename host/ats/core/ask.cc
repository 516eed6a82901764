/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ask.h"

#include <pthread.h>
#include <string.h>

#include "base/log.h"

static_assert(MEMTRACK_NOTE == MEMTRACK_LINE_NOTE && MEMTRACK_WARNING == MEMTRACK_LINE_WARNING &&
              MEMTRACK_ERROR == MEMTRACK_LINE_ERROR);

static memtrack_core core;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static enum { NEW, OPEN, BROKEN } state; /* under the mutex */

memtrack_core *
memtrack_ask_core(void)
{
  return &core;
}

memtrack_core *
memtrack_ask_begin(const memtrack_part *parts, uint64_t count)
{
  pthread_mutex_lock(&mutex);
  if (state == NEW) {
    state = memtrack_core_open(&core, MEMTRACK_ROLE_CONTROL, 0) ? BROKEN : OPEN;
    if (state == BROKEN) {
      memtrack_log(MEMTRACK_ERROR,
                   "out of memory for settings, messages and names; memtrack is disabled, the server is not affected");
    }
  }
  if (state != OPEN) {
    pthread_mutex_unlock(&mutex);
    return nullptr;
  }
  for (uint64_t i = 0, used = 0; i < count; ++i) {
    uint64_t room = MEMTRACK_QUESTION_MAX - used, length = parts[i].length < room ? parts[i].length : room;
    if (length) {
      memcpy(memtrack_core_at(&core, core.input) + used, parts[i].text, length);
    }
    used += length;
  }
  return &core;
}

void
memtrack_ask_end(memtrack_answer *answer, uint32_t length)
{
  length           = length < MEMTRACK_ANSWER_MAX ? length : MEMTRACK_ANSWER_MAX;
  answer->number   = (int64_t)memtrack_call(&core, answerNumber);
  answer->severity = memtrack_call(&core, answerSeverity);
  answer->length   = length;
  memcpy(answer->text, memtrack_core_at(&core, core.output), length);
  answer->text[length] = '\0';
  pthread_mutex_unlock(&mutex);
}

void
memtrack_ask_trapped(memtrack_answer *answer)
{
  *answer = memtrack_answer{};
  state   = BROKEN;
  pthread_mutex_unlock(&mutex);
  memtrack_log(MEMTRACK_ERROR,
               "the core trapped while reading a setting, a message or a name (%s): using the defaults until traffic_server is "
               "restarted; the server is not affected",
               memtrack_trap_reason());
}

void
memtrack_answer_log(const memtrack_answer *answer)
{
  if (answer->length) {
    memtrack_log((enum memtrack_severity)answer->severity, "%s", answer->text);
  }
}

void
memtrack_answer_copy(const memtrack_answer *answer, char *to, uint64_t size)
{
  uint64_t length = answer->length < size ? answer->length : size - 1;
  memcpy(to, answer->text, length);
  to[length] = '\0';
}
