/* SPDX-License-Identifier: Apache-2.0 */
#include "server/freelist.h"

#include <cstring>

#include "core/ask.h"

uint64_t
memtrack_freelist_object(const char *table, const char *name)
{
  memtrack_answer answer;
  uint64_t length = strlen(name), size = strlen(table);
  memtrack_part parts[] = {{name, length}, {table, size}};
  memtrack_ask(&answer, parts, [=](memtrack_core *core) { return memtrack_call(core, readObjectSize, length, length + size); });
  return answer.number;
}
