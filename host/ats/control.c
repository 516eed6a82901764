/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "control.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "account.h"
#include "analysis.h"
#include "core_digest.h"
#include "embed.h"
#include "hook_iobuffer.h"
#include "hook_openssl.h"
#include "log.h"
#include "naming.h"
#include "plugins.h"
#include "records.h"
#include "registry.h"
#include "server.h"
#include "shard.h"
#include "slots.h"

#define RECLAIM_POLLS 10 /* between two searches for numbers that can be given again, while no module is unloaded */

enum verify { VERIFY_OFF, VERIFY_STARTING, VERIFY_ON };

static const struct memtrack_server *server;
static memtrack_record_reader read_record;
static struct memtrack_state state;
static enum verify verify;
static bool openssl_found;
static bool armed_late; /* buffers older than the arming may still be about */
static bool said_full;
static uint64_t said_lost;
static uint32_t said_traps;
static char openssl_reason[MEMTRACK_REASON_SIZE];
static char plugins_reason[MEMTRACK_REASON_SIZE];
static char buffers_reason[MEMTRACK_REASON_SIZE];
static uint64_t polls, seen_unloads;

static int64_t
setting(enum memtrack_setting record)
{
  int64_t value = memtrack_setting_rule(record)->normal;
  read_record(memtrack_setting_rule(record)->name, &value);
  return memtrack_setting_use(record, value);
}

/* The level that was set by a message holds until the record is changed. */
static int level_by_message = -1;
static int64_t record_then;

static int
wanted_level(void)
{
  int64_t record = setting(MEMTRACK_SETTING_LEVEL);
  if (level_by_message >= 0 && record != record_then) {
    level_by_message = -1;
  }
  return level_by_message >= 0 ? level_by_message : (int)record;
}

static uint64_t
seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/* A child after fork() has one thread and whatever the others held: it accounts nothing. signal-safe. */
static void
disarm_child(void)
{
  memtrack_iobuffer_set_level(0);
  memtrack_openssl_disarm();
  memtrack_plugins_disarm();
}

static void
apply_openssl(bool on)
{
  if (!openssl_found || on == (state.openssl == MEMTRACK_HOOK_INSTALLED)) {
    return;
  }
  if (!on) {
    memtrack_openssl_remove();
    memtrack_dump_disarm(MEMTRACK_CLASS_OPENSSL);
    state.openssl = MEMTRACK_HOOK_OFF;
    return;
  }
  memtrack_dump_arm(MEMTRACK_CLASS_OPENSSL);
  if (memtrack_openssl_install(openssl_reason)) {
    memtrack_dump_disarm(MEMTRACK_CLASS_OPENSSL);
    openssl_found = false;
    state.openssl = MEMTRACK_HOOK_REFUSED;
    memtrack_log(MEMTRACK_ERROR, "OpenSSL memory is not tracked: %s", openssl_reason);
    return;
  }
  state.openssl = MEMTRACK_HOOK_INSTALLED;
}

/* What plugins hold themselves. */
static void
apply_plugins(bool on)
{
  static const uint32_t classes[] = {MEMTRACK_CLASS_TSAPI, MEMTRACK_CLASS_HEAP, MEMTRACK_CLASS_OBJECT};
  on                              = on && state.plugins == MEMTRACK_HOOK_INSTALLED;
  for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); ++i) {
    on ? memtrack_dump_arm(classes[i]) : memtrack_dump_disarm(classes[i]);
  }
  on ? memtrack_plugins_arm() : memtrack_plugins_disarm();
}

/* To level 0, 1 or 2. At the start the server may have counted already, and that was taken over; later, counting begins anew. */
static void
apply_level(int level, bool at_start)
{
  if (level == state.level && !at_start) {
    return;
  }
  if (level > 0 && state.level == 0) {
    if (!at_start) {
      memtrack_dump_arm(MEMTRACK_CLASS_IOBUFFER);
      armed_late = true;
    }
    apply_plugins(true);
    state.armed_since = seconds();
  } else if (level == 0) {
    memtrack_dump_disarm(MEMTRACK_CLASS_IOBUFFER);
    apply_plugins(false);
    state.armed_since = 0;
    armed_late        = false;
  }
  memtrack_iobuffer_set_level(level);
  apply_openssl(level >= 2);
  state.level = level;
}

static void
apply_heap(bool on)
{
  char reason[MEMTRACK_REASON_SIZE];
  if (on == (state.heap == MEMTRACK_HOOK_INSTALLED) || state.plugins != MEMTRACK_HOOK_INSTALLED) {
    return;
  }
  if (memtrack_plugins_heap(on, reason)) {
    memtrack_log(MEMTRACK_ERROR, "the heap of plugins is not tracked: %s", reason);
    return;
  }
  state.heap = on ? MEMTRACK_HOOK_INSTALLED : MEMTRACK_HOOK_OFF;
}

/* Verify goes on in two steps: first events are passed on, and a second later, when no event that went the old way can still be
   under way, the two accountants are set equal. */
static void
apply_verify(bool on)
{
  char reason[MEMTRACK_REASON_SIZE];
  if (on && verify == VERIFY_OFF) {
    if (memtrack_iobuffer_pass_on(true, reason)) {
      memtrack_log(MEMTRACK_ERROR, "verify stays off: %s", reason);
      return;
    }
    verify = VERIFY_STARTING;
  } else if (on && verify == VERIFY_STARTING && state.level > 0) {
    memtrack_dump_mark_verify();
    verify = VERIFY_ON;
  } else if (!on && verify != VERIFY_OFF) {
    if (memtrack_iobuffer_pass_on(false, reason)) {
      memtrack_log(MEMTRACK_ERROR, "verify stays on: %s", reason);
      return;
    }
    verify = VERIFY_OFF;
  }
  /* At level 0 the built-in tracker prints nothing, so there is nothing to compare. */
  state.verify = verify == VERIFY_ON && state.level > 0;
}

/* What an operator must know at once, each said when it happens, not in every dump. */
static void
say_trouble(void)
{
  if (!said_full && memtrack_registry_refusals()) {
    said_full = true;
    memtrack_log(MEMTRACK_WARNING,
                 "the table of %" PRId64 " sites is full: new sites are counted as (other), totals stay exact. Raise %s and start "
                 "traffic_server again to see them by name",
                 (int64_t)memtrack_registry_core()->sites, memtrack_setting_rule(MEMTRACK_SETTING_SITES)->name);
  }
  if (memtrack_shard_traps() != said_traps) {
    said_traps = memtrack_shard_traps();
    memtrack_log(MEMTRACK_ERROR, "the core trapped in %u threads: their further events are lost, and counted as lost", said_traps);
  }
  if (memtrack_account_lost() / 2 >= said_lost + 1) { /* at 2, 6, 14, 30, ... */
    said_lost = memtrack_account_lost();
    memtrack_log(MEMTRACK_WARNING, "%" PRIu64 " events could not be accounted so far", said_lost);
  }
}

static const char *
hook_word(uint32_t hook)
{
  return hook == MEMTRACK_HOOK_INSTALLED ? "installed" : hook == MEMTRACK_HOOK_REFUSED ? "refused" : "off";
}

int
memtrack_control_start(const char *version, memtrack_record_reader read, void (*dump)(FILE *))
{
  char reason[MEMTRACK_REASON_SIZE];
  server      = memtrack_server_find(version);
  read_record = read;
  if (!server) {
    memtrack_log(MEMTRACK_ERROR, "this is Traffic Server %s, known are %s: memtrack does nothing, the server is untouched",
                 version ? version : "of no version", memtrack_server_versions());
    return -1;
  }
  uint32_t sites = setting(MEMTRACK_SETTING_SITES);
  if (memtrack_registry_open(sites) || memtrack_shards_open(sites) || memtrack_dump_open(sites) ||
      memtrack_naming_open(MEMTRACK_SITE_FIRST + sites)) {
    memtrack_log(MEMTRACK_ERROR, "no memory for %u sites: memtrack does nothing, the server is untouched", sites);
    return -1;
  }
  if (memtrack_iobuffer_install(server, dump, reason)) {
    memtrack_log(MEMTRACK_ERROR, "IOBuffers cannot be tracked: %s. memtrack does nothing, the server is untouched", reason);
    return -1;
  }
  state.iobuffer = MEMTRACK_HOOK_INSTALLED;
  memtrack_dump_carry_over();
  memtrack_analysis_open(read, server->freelists);

  state.openssl_reason = openssl_reason;
  memtrack_dump_disarm(MEMTRACK_CLASS_OPENSSL);
  openssl_found = memtrack_openssl_find(openssl_reason) == 0;
  if (!openssl_found) {
    state.openssl = MEMTRACK_HOOK_REFUSED;
    memtrack_log(MEMTRACK_ERROR, "OpenSSL memory cannot be tracked at level 2: %s", openssl_reason);
  }
  state.plugins_reason = plugins_reason;
  state.buffers_reason = buffers_reason;
  state.plugins        = MEMTRACK_HOOK_INSTALLED;
  state.buffers        = MEMTRACK_HOOK_INSTALLED;
  if (memtrack_plugins_install(plugins_reason, buffers_reason)) {
    state.plugins = MEMTRACK_HOOK_REFUSED;
    state.buffers = MEMTRACK_HOOK_OFF;
    memtrack_log(MEMTRACK_ERROR, "plugins are not told apart: %s", plugins_reason);
  } else if (buffers_reason[0]) {
    state.buffers = MEMTRACK_HOOK_REFUSED;
    memtrack_log(MEMTRACK_ERROR, "IOBuffers of plugins stay under the server's own lines: %s", buffers_reason);
  }
  pthread_atfork(NULL, NULL, disarm_child);
  apply_level(setting(MEMTRACK_SETTING_LEVEL), true);
  setting(MEMTRACK_SETTING_FREQUENCY);
  apply_heap(setting(MEMTRACK_SETTING_HEAP));
  setting(MEMTRACK_SETTING_INTERVAL);
  apply_verify(setting(MEMTRACK_SETTING_VERIFY));
  memtrack_log(
    MEMTRACK_NOTE,
    "core %s takes the place of the built-in memory tracker: level %d, room for %u sites, iobuffer %s, openssl %s, plugins %s, "
    "buffers %s, heap %s",
    MEMTRACK_CORE_DIGEST, state.level, sites, hook_word(state.iobuffer), hook_word(state.openssl), hook_word(state.plugins),
    hook_word(state.buffers), hook_word(state.heap));
  return 0;
}

void
memtrack_control_poll(void)
{
  setting(MEMTRACK_SETTING_SITES);
  setting(MEMTRACK_SETTING_FREQUENCY);
  apply_level(wanted_level(), false);
  apply_heap(setting(MEMTRACK_SETTING_HEAP));
  apply_verify(setting(MEMTRACK_SETTING_VERIFY));
  memtrack_plugins_poll();
  memtrack_naming_resolve();
  uint64_t unloads = atomic_load(&memtrack_plugins.unloads);
  if (unloads != seen_unloads || (unloads && ++polls % RECLAIM_POLLS == 0)) {
    seen_unloads = unloads;
    memtrack_dump_reclaim();
  }
  if (armed_late) {
    memtrack_dump_observe();
  }
  int64_t interval = setting(MEMTRACK_SETTING_INTERVAL);
  if (state.level > 0 && interval > 0) {
    memtrack_analysis_poll(interval);
  } else {
    memtrack_analysis_idle();
  }
  say_trouble();
}

bool
memtrack_control_do(const struct memtrack_message *message)
{
  switch (message->verb) {
  case MEMTRACK_VERB_MARK:
    memtrack_analysis_mark(message->argument, true);
    return false;
  case MEMTRACK_VERB_DIFF:
    return memtrack_analysis_select(message->argument);
  case MEMTRACK_VERB_DUMP:
    return true;
  case MEMTRACK_VERB_RESET:
    memtrack_analysis_reset();
    memtrack_log(MEMTRACK_NOTE, "histories, suspects and baselines are forgotten; the tables count on");
    return false;
  case MEMTRACK_VERB_ARM:
    record_then      = setting(MEMTRACK_SETTING_LEVEL);
    level_by_message = message->level;
    apply_level(message->level, false);
    memtrack_log(MEMTRACK_NOTE, "level %d, by a message, until %s is changed from %" PRId64, message->level,
                 memtrack_setting_rule(MEMTRACK_SETTING_LEVEL)->name, record_then);
    return false;
  case MEMTRACK_VERB_STATUS:
    memtrack_analysis_status(state.level, setting(MEMTRACK_SETTING_INTERVAL));
    return false;
  default:
    for (unsigned i = 0; i < MEMTRACK_VERB_COUNT; ++i) {
      char help[128];
      memtrack_message_help(i, help, sizeof(help));
      memtrack_log(MEMTRACK_NOTE, "traffic_ctl plugin msg memtrack %s", help);
    }
    return false;
  }
}

const struct memtrack_state *
memtrack_control_state(void)
{
  return &state;
}

uint32_t
memtrack_control_reason(const void *caller)
{
  Dl_info info;
  const char *name = dladdr(caller, &info) && info.dli_sname ? info.dli_sname : "";
  return strcmp(name, server->signal) == 0  ? MEMTRACK_DUMP_REASON_SIGNAL
         : strcmp(name, server->timer) == 0 ? MEMTRACK_DUMP_REASON_TIMER
                                            : MEMTRACK_DUMP_REASON_OTHER;
}
