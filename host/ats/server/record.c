/* SPDX-License-Identifier: Apache-2.0 */
#include "server/record.h"

#include <string.h>

bool
memtrack_text_record_poll(struct memtrack_text_record *record)
{
  static char now[MEMTRACK_TEXT_RECORD_MAX];
  if (!record->read || !record->read(record->name, now, sizeof(now))) {
    now[0] = '\0';
  }
  if (strcmp(now, record->value) == 0) {
    return false;
  }
  memcpy(record->value, now, sizeof(now));
  return true;
}
