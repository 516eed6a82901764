/* SPDX-License-Identifier: Apache-2.0 */
#include "control/control.h"
#include "core/model.h"
#include "dump/builtin.h"

#include <pthread.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/peek.h"
#include "control/dump_reason.h"
#include "control/records.h"
#include "core/registry.h"
#include "core/shard.h"
#include "dump/accept.h"
#include "dump/analysis.h"
#include "dump/freelists.h"
#include "dump/notices.h"
#include "dump/stacks.h"
#include "hook/install.h"
#include "hook/lifetime.h"
#include "hook/loader.h"
#include "hook/iobuffer.h"
#include "hook/openssl.h"
#include "hook/state.h"
#include "hook/warning.h"
#include "hook/watch.h"
#include "hook/weight.h"
#include "owner/call_stack.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "search/search.h"
#include "server/server.h"
#include "symbol/symbol.h"

enum verify { VERIFY_OFF, VERIFY_STARTING, VERIFY_ON };

static const struct memtrack_server *server;
static memtrack_record_reader read_record;
static struct memtrack_state state;
static enum verify verify;
static bool openssl_found;
static bool armed_late; /* buffers older than the arming may still exist */
static struct memtrack_reason openssl_reason;
static struct memtrack_reason plugins_reason;
static struct memtrack_reason buffers_reason;
static struct memtrack_reason freelists_reason;
static struct memtrack_reason weights_reason;
static struct memtrack_reason server_heap_reason;

/* Reads a record and logs an invalid value or a change. Returns the value to use. */
static int64_t
check_setting(uint32_t which)
{
  return memtrack_setting_read(which, read_record);
}

/* In the child after fork() only one thread remains, and locks of other threads may be held: it counts nothing. signal-safe. */
static void
disarm_child(void)
{
  if (state.iobuffer == MEMTRACK_HOOK_INSTALLED) {
    memtrack_iobuffer_set_level(0);
  }
  memtrack_openssl_disarm();
  memtrack_plugins_disarm();
  memtrack_context_freeze();
}

static void
apply_openssl(bool on)
{
  if (!openssl_found || on == (state.openssl == MEMTRACK_HOOK_INSTALLED)) {
    return;
  }
  if (!on) {
    memtrack_openssl_remove();
    memtrack_model_disarm(MEMTRACK_CLASS_OPENSSL);
    state.openssl = MEMTRACK_HOOK_OFF;
    return;
  }
  memtrack_model_arm(MEMTRACK_CLASS_OPENSSL);
  if (memtrack_openssl_install(&openssl_reason)) {
    memtrack_model_disarm(MEMTRACK_CLASS_OPENSSL);
    openssl_found = false;
    state.openssl = MEMTRACK_HOOK_REFUSED;
    memtrack_log(MEMTRACK_ERROR, "OpenSSL memory is not tracked: %s", openssl_reason.text);
    return;
  }
  state.openssl = MEMTRACK_HOOK_INSTALLED;
}

/* Tracking of memory held by plugins. */
static void
apply_plugins(bool on)
{
  static const uint32_t classes[] = {MEMTRACK_CLASSES_OF_PLUGINS};
  bool armed                      = on && state.plugins == MEMTRACK_HOOK_INSTALLED;
  for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); ++i) {
    if (armed) {
      memtrack_model_arm(classes[i]);
    } else {
      memtrack_model_disarm(classes[i]);
    }
  }
  if (armed) {
    memtrack_plugins_arm();
  } else {
    memtrack_plugins_disarm();
  }
}

/* The rows of the server's freelists. */
static void
apply_freelists(bool on)
{
  if (on && state.freelists == MEMTRACK_HOOK_INSTALLED) {
    memtrack_model_arm(MEMTRACK_CLASS_FREELIST);
  } else {
    memtrack_model_disarm(MEMTRACK_CLASS_FREELIST);
  }
}

/* Sets level 0, 1 or 2. At the start memtrack takes over counts that the server may have made already; later, counting starts
   from zero. */
static void
apply_level(int level, bool at_start)
{
  if (level == state.level && !at_start) {
    return;
  }
  if (level > 0 && state.level == 0) {
    if (!at_start) {
      memtrack_model_arm(MEMTRACK_CLASS_IOBUFFER);
      armed_late = true;
    }
    apply_plugins(true);
    apply_freelists(true);
    state.armed_since = memtrack_clock_seconds();
  } else if (level == 0) {
    memtrack_model_disarm(MEMTRACK_CLASS_IOBUFFER);
    apply_plugins(false);
    apply_freelists(false);
    state.armed_since = 0;
    armed_late        = false;
  }
  memtrack_iobuffer_set_level(level);
  apply_openssl(level >= 2);
  state.level = level;
}

/* When the server's own heap begins to be counted: what is allocated by then is a part of resident memory of its own. */
static void
note_older(void)
{
  static uint64_t noted; /* value of armed_since, and 1, for which it is */
  bool counted = state.server_heap == MEMTRACK_HOOK_INSTALLED && state.level > 0;
  if (!counted || noted != state.armed_since + 1) {
    memtrack_analysis_server_heap(counted);
  }
  noted = counted ? state.armed_since + 1 : 0;
}

/* Logs an attempt that failed. It is repeated each second, and its reason logged once. */
static void
log_failure(struct memtrack_reason *logged, const char *what, const struct memtrack_reason *reason)
{
  if (strcmp(logged->text, reason->text) != 0) {
    *logged = *reason;
    memtrack_log(MEMTRACK_ERROR, "%s: %s", what, reason->text);
  }
}

static void
apply_plugins_heap(bool on)
{
  static struct memtrack_reason logged;
  struct memtrack_reason reason;
  if (on == (state.heap == MEMTRACK_HOOK_INSTALLED) || state.plugins != MEMTRACK_HOOK_INSTALLED) {
    return;
  }
  if (memtrack_plugins_heap(on, &reason)) {
    log_failure(&logged, "heap memory of plugins is not tracked", &reason);
    return;
  }
  state.heap = on ? MEMTRACK_HOOK_INSTALLED : MEMTRACK_HOOK_OFF;
}

static void
apply_server_heap(bool on)
{
  static struct memtrack_reason logged;
  if (on == (state.server_heap == MEMTRACK_HOOK_INSTALLED) || (on && state.heap != MEMTRACK_HOOK_INSTALLED)) {
    return;
  }
  state.server_heap_reason = server_heap_reason.text;
  if (memtrack_plugins_server_heap(server, on, &server_heap_reason)) {
    state.server_heap = MEMTRACK_HOOK_REFUSED;
    log_failure(&logged, "the server's own heap is not tracked", &server_heap_reason);
    return;
  }
  state.server_heap = on ? MEMTRACK_HOOK_INSTALLED : MEMTRACK_HOOK_OFF;
}

/* Sets 0, 1 for plugins, or 2 for the server as well. The server's is the first to fall. */
static void
apply_heap(int64_t heap)
{
  if (heap < 2) {
    apply_server_heap(false);
  }
  apply_plugins_heap(heap > 0);
  if (heap >= 2) {
    apply_server_heap(true);
  }
  note_older();
}

/* Verify mode starts in two steps: first events are passed on; a second later, when no event can still use the old setting, the
   present differences become the offsets. */
static void
apply_verify(bool on)
{
  static struct memtrack_reason logged;
  struct memtrack_reason reason;
  if (on && verify == VERIFY_OFF) {
    if (memtrack_iobuffer_pass_on(true, &reason)) {
      log_failure(&logged, "verify mode cannot be switched on", &reason);
      return;
    }
    verify = VERIFY_STARTING;
  } else if (on && verify == VERIFY_STARTING && state.level > 0) {
    memtrack_builtin_mark();
    verify = VERIFY_ON;
  } else if (!on && verify != VERIFY_OFF) {
    if (memtrack_iobuffer_pass_on(false, &reason)) {
      log_failure(&logged, "verify mode cannot be switched off", &reason);
      return;
    }
    verify = VERIFY_OFF;
  }
  /* At level 0 the built-in tracker prints nothing, so there is nothing to compare. */
  state.verify = verify == VERIFY_ON && state.level > 0;
}

/* Returns 0, or -1 after logging the reason. */
static int
open_accounting(uint32_t sites)
{
  if (memtrack_registry_open(sites) || memtrack_shards_open(sites) || memtrack_model_open(sites) ||
      memtrack_naming_open(MEMTRACK_SITE_FIRST + sites)) {
    memtrack_log(
      MEMTRACK_ERROR,
      "out of memory for %u sites: lower proxy.config.plugin.memtrack.sites; memtrack is disabled, the server is not affected",
      sites);
    return -1;
  }
  return 0;
}

/* Before anything is counted. Returns 0, or -1 after logging the reason. */
static int
watch_forks(void)
{
  int error = pthread_atfork(NULL, NULL, disarm_child);
  if (error) {
    memtrack_log(MEMTRACK_ERROR, "cannot watch forks (pthread_atfork: %s); memtrack is disabled, the server is not affected",
                 strerror(error));
  }
  return error ? -1 : 0;
}

/* Returns 0, or -1 after logging the reason. */
static int
install_iobuffer(void (*dump)(FILE *))
{
  struct memtrack_reason reason;
  if (memtrack_iobuffer_install(server, dump, &reason)) {
    memtrack_log(MEMTRACK_ERROR, "IOBuffers cannot be tracked: %s; memtrack is disabled, the server is not affected", reason.text);
    return -1;
  }
  state.iobuffer = MEMTRACK_HOOK_INSTALLED;
  memtrack_builtin_carry_over();
  return 0;
}

/* Finds what level 2 needs; a later change of the level installs it. */
static void
find_openssl(void)
{
  state.openssl_reason = openssl_reason.text;
  memtrack_model_disarm(MEMTRACK_CLASS_OPENSSL);
  openssl_found = memtrack_openssl_find(&openssl_reason) == 0;
  if (!openssl_found) {
    state.openssl = MEMTRACK_HOOK_REFUSED;
    memtrack_log(MEMTRACK_ERROR, "OpenSSL memory cannot be tracked at level 2: %s", openssl_reason.text);
  }
}

static void
find_freelists(void)
{
  state.freelists        = MEMTRACK_HOOK_INSTALLED;
  state.freelists_reason = freelists_reason.text;
  if (memtrack_freelists_find(server->freelists, &freelists_reason)) {
    state.freelists = MEMTRACK_HOOK_REFUSED;
    memtrack_model_disarm(MEMTRACK_CLASS_FREELIST);
    memtrack_log(MEMTRACK_ERROR, "the server's freelists have no rows: %s", freelists_reason.text);
  }
}

static void
start_symbols(void)
{
  struct memtrack_reason reason;
  if (memtrack_symbols_start(&reason)) {
    memtrack_log(
      MEMTRACK_WARNING,
      "elfutils is not available (%s): plugins' sites have no file and line, only \"plugin.so function+0x1a\" for exported "
      "functions, else \"plugin.so+0x1a34\". Install libdw1 (RPM: elfutils-libs) and restart traffic_server to get them",
      reason.text);
  }
}

/* What objects weigh. Without it they are counted without bytes. */
static void
open_weights(void)
{
  state.weights        = MEMTRACK_HOOK_INSTALLED;
  state.weights_reason = weights_reason.text;
  memtrack_weights_open(server->freelists, &weights_reason);
  if (weights_reason.text[0]) {
    state.weights = MEMTRACK_HOOK_REFUSED;
    memtrack_log(MEMTRACK_ERROR, "some objects of plugins are counted without their bytes: %s", weights_reason.text);
  }
}

static void
install_plugins(void)
{
  state.plugins_reason = plugins_reason.text;
  state.buffers_reason = buffers_reason.text;
  state.plugins        = MEMTRACK_HOOK_INSTALLED;
  state.buffers        = MEMTRACK_HOOK_INSTALLED;
  if (memtrack_plugins_install(&plugins_reason, &buffers_reason)) {
    state.plugins = MEMTRACK_HOOK_REFUSED;
    state.buffers = MEMTRACK_HOOK_OFF;
    memtrack_log(MEMTRACK_ERROR, "memory cannot be attributed to plugins: %s", plugins_reason.text);
  } else if (buffers_reason.text[0]) {
    state.buffers = MEMTRACK_HOOK_REFUSED;
    memtrack_log(MEMTRACK_ERROR, "IOBuffers of plugins are counted under the server's own lines: %s", buffers_reason.text);
  }
  if (state.plugins == MEMTRACK_HOOK_INSTALLED) {
    open_weights();
  }
}

int
memtrack_control_start(const struct memtrack_server *known, memtrack_record_reader read, void (*dump)(FILE *))
{
  server         = known;
  read_record    = read;
  uint32_t sites = check_setting(MEMTRACK_SETTING_SITES);
  memtrack_peek_open(NULL); /* the hooks that depend on it refuse themselves */
  if (open_accounting(sites) || watch_forks() || install_iobuffer(dump)) {
    return -1;
  }
  memtrack_analysis_open(read);
  find_freelists();
  find_openssl();
  start_symbols();
  memtrack_call_stack_open(memtrack_lifetime_lasts);
  install_plugins();
  apply_level((int)check_setting(MEMTRACK_SETTING_LEVEL), true);
  memtrack_dump_interval(check_setting(MEMTRACK_SETTING_FREQUENCY));
  apply_heap(check_setting(MEMTRACK_SETTING_HEAP));
  check_setting(MEMTRACK_SETTING_INTERVAL);
  check_setting(MEMTRACK_SETTING_SEARCH);
  apply_verify(check_setting(MEMTRACK_SETTING_VERIFY));
  memtrack_notice_start(&state, sites);
  return 0;
}

static void
poll_search(int64_t interval)
{
  struct memtrack_search_wish wish = {
    .armed = state.level > 0, .percent = (uint32_t)check_setting(MEMTRACK_SETTING_SEARCH), .interval = (uint32_t)interval};
  memtrack_search_poll(&wish);
}

void
memtrack_control_poll(void)
{
  MEMTRACK_GUARD_REENTRY; /* memtrack's own memory is not the server's */
  check_setting(MEMTRACK_SETTING_SITES);
  memtrack_dump_interval(check_setting(MEMTRACK_SETTING_FREQUENCY));
  apply_level((int)check_setting(MEMTRACK_SETTING_LEVEL), false);
  apply_heap(check_setting(MEMTRACK_SETTING_HEAP));
  apply_verify(check_setting(MEMTRACK_SETTING_VERIFY));
  memtrack_loader_poll();
  memtrack_stacks_poll();
  memtrack_naming_resolve();
  memtrack_warning_write(); /* with final names, and before numbers of sites are reassigned */
  memtrack_watch_poll();
  if (memtrack_due_reclaim(memtrack_load_ordered(&memtrack_hooks.unloads))) {
    memtrack_model_reclaim();
  }
  if (armed_late) {
    memtrack_model_observe();
  }
  int64_t interval = check_setting(MEMTRACK_SETTING_INTERVAL);
  if (state.level > 0 && interval > 0) {
    memtrack_analysis_poll(interval);
  } else {
    memtrack_analysis_idle();
  }
  poll_search(interval);
  memtrack_notice_trouble();
}

void
memtrack_control_initialized(void)
{
  if (state.level > 0 && !armed_late) {
    memtrack_analysis_mark("start-up", MEMTRACK_BASELINE_BY_START);
  }
}

bool
memtrack_control_do(const struct memtrack_message *message)
{
  switch (message->verb) {
  case MEMTRACK_VERB_MARK:
    memtrack_analysis_mark(message->argument, MEMTRACK_BASELINE_BY_USER);
    return false;
  case MEMTRACK_VERB_DIFF:
    return memtrack_analysis_select(message->argument);
  case MEMTRACK_VERB_DUMP:
    return true;
  case MEMTRACK_VERB_RESET:
    memtrack_analysis_reset();
    memtrack_log(MEMTRACK_NOTE, "histories, suspects and baselines are cleared; counters continue");
    return false;
  case MEMTRACK_VERB_ARM:
    check_setting(MEMTRACK_SETTING_LEVEL);
    apply_level(message->level, false);
    memtrack_setting_set_level(message->level);
    return false;
  case MEMTRACK_VERB_SHOW:
    memtrack_analysis_show(message->argument);
    return true;
  case MEMTRACK_VERB_STATUS:
    memtrack_analysis_status(state.level, check_setting(MEMTRACK_SETTING_INTERVAL));
    memtrack_search_status();
    return false;
  case MEMTRACK_VERB_SEARCH:
    memtrack_search_request(message->argument, (uint32_t)check_setting(MEMTRACK_SETTING_SEARCH));
    return false;
  case MEMTRACK_VERB_ACCEPT:
    memtrack_accept_rows(message->argument);
    return false;
  case MEMTRACK_VERB_UNACCEPT:
    memtrack_accept_withdraw(message->argument);
    return false;
  default:
    memtrack_message_help();
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
  return memtrack_dump_reason(server, caller);
}
