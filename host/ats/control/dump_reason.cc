/* SPDX-License-Identifier: Apache-2.0 */
#include "control/dump_reason.h"

#include <cstring>

#include <dlfcn.h>

#include "base/clock.h"
#include "core/ask.h"
#include "core_abi.h"

static uint64_t
now_ms()
{
  return memtrack_clock_ns() / MEMTRACK_NS_PER_MS;
}

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
  return memtrack_ask_number(nullptr, 0, MEMTRACK_DUMP_REASON_OTHER,
                             [=](memtrack_core *core) { return memtrack_call(core, dumpReason, now_ms(), (uint64_t)caller); });
}

void
memtrack_dump_interval(int64_t seconds)
{
  memtrack_ask_number(nullptr, 0, 0, [=](memtrack_core *core) {
    memtrack_call(core, dumpInterval, now_ms(), seconds > 0 ? (uint64_t)seconds : 0);
    return 0u;
  });
}
