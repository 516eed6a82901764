// SPDX-License-Identifier: Apache-2.0
//
// Plugin messages: any bytes. The core does not trap; a message that is understood has a verb, and an argument that fits.
#include "fuzz.h"

#include "control/message.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memtrack_message message;
  memset(&message, 0x5a, sizeof(message));
  unsigned lines = fuzz_lines;
  if (memtrack_message_parse(data, size, &message)) {
    CLAIM(message.verb < MEMTRACK_VERB_COUNT);
    CLAIM(memchr(message.argument, '\0', sizeof(message.argument)));
    CLAIM(message.verb != MEMTRACK_VERB_ARM || (message.level >= 0 && message.level <= 2));
  } else {
    CLAIM(fuzz_lines > lines); // the operator learns why nothing happens
  }
  return 0;
}
