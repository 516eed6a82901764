/* SPDX-License-Identifier: Apache-2.0 */
#include "dump/accept.h"

#include <cstring>

#include "base/log.h"
#include "core/ask.h"
#include "core/model.h"

static memtrack_text_reader read_record;
static const char *record;
static char value[MEMTRACK_INPUT_SIZE]; /* of the record, cut */

void
memtrack_accept_open(memtrack_text_reader read, const char *name)
{
  read_record = read;
  record      = name;
}

void
memtrack_accept_poll()
{
  static char now[sizeof(value)];
  if (!read_record || !read_record(record, now, sizeof(now))) {
    now[0] = '\0';
  }
  if (strcmp(now, value) == 0) {
    return;
  }
  memcpy(value, now, sizeof(value));
  memtrack_answer answer;
  uint32_t length = strlen(value);
  memtrack_ask(&answer, value, length, [=](memtrack_core *core) { return memtrack_call(core, acceptNotice, length); });
  memtrack_answer_log(&answer);
  memtrack_model_with(
    [&](memtrack_core *model) { memtrack_call(model, acceptPatterns, memtrack_core_input(model, value, (size_t)answer.number)); });
}

void
memtrack_accept_rows(const char *pattern)
{
  memtrack_model_with_sums([=](memtrack_core *model) {
    uint32_t length = memtrack_call(model, acceptRows, memtrack_core_input(model, pattern, strlen(pattern)));
    memtrack_log((enum memtrack_severity)memtrack_call(model, answerSeverity), "%.*s", (int)length,
                 (const char *)memtrack_core_at(model, model->output));
  });
}
