/* SPDX-License-Identifier: Apache-2.0 */
#include "control/message.h"

#include <string.h>

#include "base/log.h"
#include "core/ask.h"

bool
memtrack_message_parse(const void *data, size_t size, memtrack_message *message)
{
  const char *text = (const char *)data;
  memtrack_answer answer;
  if (size && text[size - 1] == '\0') {
    --size; /* traffic_ctl also sends the string's NUL */
  }
  if (!memtrack_ask(&answer, text, size, [=](memtrack_core *core) {
        uint32_t length = memtrack_call(core, readMessage, size);
        message->level  = memtrack_call(core, messageLevel);
        return length;
      })) {
    memtrack_log(MEMTRACK_WARNING, "plugin message ignored: the core has trapped; restart traffic_server to send messages again");
    return false;
  }
  if (answer.number == MEMTRACK_VERB_COUNT) {
    memtrack_answer_log(&answer);
    return false;
  }
  message->verb = answer.number;
  memtrack_answer_copy(&answer, message->argument, sizeof(message->argument));
  return true;
}

void
memtrack_message_help(void)
{
  for (uint32_t verb = 0; verb < MEMTRACK_VERB_COUNT; ++verb) {
    memtrack_answer answer;
    memtrack_ask(&answer, nullptr, 0, [=](memtrack_core *core) { return memtrack_call(core, messageHelp, verb); });
    memtrack_answer_log(&answer);
  }
}
