/* SPDX-License-Identifier: Apache-2.0 */
#include "dump/accept.h"

#include <cstring>

#include "base/log.h"
#include "core/ask.h"
#include "core/model.h"

static memtrack_text_record record;

void
memtrack_accept_open(memtrack_text_reader read, const char *name)
{
  record = {read, name, {}};
}

void
memtrack_accept_poll()
{
  if (!memtrack_text_record_poll(&record)) {
    return;
  }
  memtrack_answer answer;
  uint32_t length = strlen(record.value);
  memtrack_ask(&answer, record.value, length, [=](memtrack_core *core) { return memtrack_call(core, acceptNotice, length); });
  memtrack_answer_log(&answer);
  memtrack_model_with([&](memtrack_core *model) {
    memtrack_call(model, acceptPatterns, memtrack_core_input(model, record.value, (size_t)answer.number));
  });
}

/* Within memtrack_model_with(). */
static void
log_answer(memtrack_core *model, uint32_t length)
{
  memtrack_model_log(model, (enum memtrack_severity)memtrack_call(model, answerSeverity), length);
}

void
memtrack_accept_rows(const char *pattern)
{
  memtrack_model_with_sums([=](memtrack_core *model) {
    log_answer(model, memtrack_call(model, acceptRows, memtrack_core_input(model, pattern, strlen(pattern))));
  });
}

void
memtrack_accept_withdraw(const char *pattern)
{
  memtrack_model_with_sums([=](memtrack_core *model) {
    log_answer(model, memtrack_call(model, unacceptRows, memtrack_core_input(model, pattern, strlen(pattern))));
  });
}
