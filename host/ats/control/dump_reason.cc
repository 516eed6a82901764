/* SPDX-License-Identifier: Apache-2.0 */
#include "control/dump_reason.h"

#include <cstring>

#include <dlfcn.h>

#include "base/clock.h"
#include "core/ask.h"
#include "core_abi.h"

uint32_t
memtrack_dump_reason(const struct memtrack_server *server, const void *caller)
{
  Dl_info info;
  const char *name = dladdr(caller, &info) && info.dli_sname ? info.dli_sname : "";
  if (strcmp(name, server->signal) == 0) {
    return MEMTRACK_DUMP_REASON_SIGNAL;
  }
  if (strcmp(name, server->timer) == 0) {
    return MEMTRACK_DUMP_REASON_TIMER;
  }
  return memtrack_ask_number(nullptr, 0, MEMTRACK_DUMP_REASON_OTHER, [=](memtrack_core *core) {
    return memtrack_call(core, dumpReason, memtrack_clock_seconds(), (uint64_t)caller);
  });
}

void
memtrack_dump_interval(int64_t seconds)
{
  memtrack_ask_number(nullptr, 0, 0, [=](memtrack_core *core) {
    memtrack_call(core, dumpInterval, memtrack_clock_seconds(), seconds > 0 ? (uint64_t)seconds : 0);
    return 0u;
  });
}
