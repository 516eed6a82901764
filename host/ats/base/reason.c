/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reason.h"

#include <stdarg.h>
#include <stdio.h>

int
memtrack_reason_set(struct memtrack_reason *reason, const char *format, ...)
{
  if (reason) {
    va_list list;
    va_start(list, format);
    vsnprintf(reason->text, sizeof(reason->text), format, list);
    va_end(list);
  }
  return -1;
}
