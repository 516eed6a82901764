/* SPDX-License-Identifier: Apache-2.0 */
#include "dump/notices.h"

#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "core/account.h"
#include "core/ask.h"
#include "core/registry.h"
#include "core/shard.h"
#include "core_digest.h"

void
memtrack_notice_start(const memtrack_state *state, uint32_t sites)
{
  memtrack_answer answer;
  uint32_t length = strlen(MEMTRACK_CORE_DIGEST);
  memtrack_ask(&answer, MEMTRACK_CORE_DIGEST, length, [=](memtrack_core *core) {
    return memtrack_call(core, startNotice, length, state->level, sites, state->iobuffer, state->openssl, state->plugins,
                         state->buffers, state->heap);
  });
  memtrack_answer_log(&answer);
}

/* Traps in a hook, which logs nothing. */
static void
notice_trap()
{
  static bool said;
  const char *reason = memtrack_registry_trap();
  if (reason && !said) {
    said = true;
    memtrack_log(
      MEMTRACK_ERROR,
      "the core trapped while naming a site (%s): new sites are counted as (other) until traffic_server is restarted; the "
      "server is not affected",
      reason);
  }
}

void
memtrack_notice_trouble(void)
{
  memtrack_answer answer;
  notice_trap();
  do {
    memtrack_ask(&answer, nullptr, 0, [](memtrack_core *core) {
      return memtrack_call(core, troubleNotice, memtrack_registry_core()->sites, memtrack_registry_refusals(),
                           memtrack_shard_traps(), memtrack_account_lost());
    });
    memtrack_answer_log(&answer);
  } while (answer.length);
  for (uint32_t limit = 0; limit < MEMTRACK_LIMIT_COUNT; ++limit) {
    uint64_t hits = memtrack_limit_hits(limit);
    if (hits) {
      memtrack_ask(&answer, nullptr, 0, [=](memtrack_core *core) { return memtrack_call(core, exhaustionNotice, limit, hits); });
      memtrack_answer_log(&answer);
    }
  }
}

bool
memtrack_due_reclaim(uint64_t unloads)
{
  return memtrack_ask_whether(nullptr, 0, [=](memtrack_core *core) { return memtrack_call(core, reclaimDue, unloads); });
}

bool
memtrack_due_sample(uint64_t now, uint64_t interval)
{
  return memtrack_ask_whether(nullptr, 0, [=](memtrack_core *core) { return memtrack_call(core, sampleDue, now, interval); });
}

void
memtrack_due_anew(void)
{
  memtrack_ask_whether(nullptr, 0, [](memtrack_core *core) {
    memtrack_call(core, sampleAnew);
    return 0u;
  });
}
