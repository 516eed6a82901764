/* SPDX-License-Identifier: Apache-2.0
 *
 * memtrack.so, the plugin: the only file that knows the server's plugin API. It brings records, threads and log to the parts that
 * do the work, in this order:
 *
 *   hook/      see, never format
 *   account/   tell the core
 *   dump.c     have the core write, hand it to traffic.out
 *   control.c  say which of these are on
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ts/ts.h>

#include "analysis.h"
#include "control.h"
#include "core_abi.h"
#include "log.h"
#include "message.h"
#include "records.h"

#define TAG     "memtrack"
#define POLL_MS 1000

static TSCont control; /* polls the records */
static TSCont dumper;  /* makes dumps; same mutex, so the two never run at once */
static _Atomic bool tasks_ready;
static _Atomic unsigned requests;              /* bit per reason: dumps asked for and not begun */
static _Atomic int descriptor = STDERR_FILENO; /* of traffic.out */

/* Messages that arrived and wait for the task thread. */
#define MESSAGES_MAX 16
static TSCont listener; /* has no mutex: a busy one would abort the server, on the thread that messages come on */
static TSCont reloaded; /* is called at a config reload */
static pthread_mutex_t messages_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct memtrack_message messages[MESSAGES_MAX];
static unsigned message_count;

/* Statistics, by name; their values are set after each poll. */
static int suspects_stat = TS_ERROR;
static int tracked_stat  = TS_ERROR;
static int class_stats[MEMTRACK_CLASS_COUNT];
/* By class; objects have no bytes. */
static const char *const class_names[MEMTRACK_CLASS_COUNT] = {
  [MEMTRACK_CLASS_IOBUFFER] = "plugin.memtrack.iobuffer_bytes",
  [MEMTRACK_CLASS_OPENSSL]  = "plugin.memtrack.openssl_bytes",
  [MEMTRACK_CLASS_TSAPI]    = "plugin.memtrack.tsmalloc_bytes",
  [MEMTRACK_CLASS_HEAP]     = "plugin.memtrack.heap_bytes",
};

void
memtrack_log(enum memtrack_severity severity, const char *format, ...)
{
  char line[1024];
  va_list list;
  va_start(list, format);
  vsnprintf(line, sizeof(line), format, list);
  va_end(list);
  switch (severity) {
  case MEMTRACK_NOTE:
    TSNote("[" TAG "] %s", line);
    break;
  case MEMTRACK_WARNING:
    TSWarning("[" TAG "] %s", line);
    break;
  default:
    TSError("[" TAG "] %s", line);
  }
}

/* Stands in for ResourceTracker::dump, which the server calls on a network thread, on SIGUSR1 and when the timer is due: asks for
   a dump and returns. Requests that come before it is begun are served by the same one. event-thread. */
static __attribute__((noinline)) void
request_dump(FILE *file)
{
  unsigned reason = memtrack_control_reason(__builtin_return_address(0));
  atomic_store(&descriptor, fileno(file));
  if (atomic_fetch_or(&requests, 1u << reason) == 0 && atomic_load(&tasks_ready)) {
    TSContScheduleOnPool(dumper, 0, TS_THREAD_POOL_TASK);
  }
}

static int
on_dump(TSCont cont, TSEvent event, void *data)
{
  (void)cont;
  (void)event;
  (void)data;
  unsigned wanted = atomic_exchange(&requests, 0);
  if (wanted) {
    memtrack_analysis_before_dump();
    memtrack_dump_write(atomic_load(&descriptor), __builtin_ctz(wanted), memtrack_control_state());
  }
  return 0;
}

/* A message for us: read where it came, acted on by the task thread. Whatever thread the server has for them. */
static int
on_message(TSCont cont, TSEvent event, void *data)
{
  const TSPluginMsg *sent = data;
  struct memtrack_message message;
  char error[512];
  (void)cont;
  if (event != TS_EVENT_LIFECYCLE_MSG || strcmp(sent->tag, TAG) != 0) {
    return 0;
  }
  if (memtrack_message_parse(sent->data, sent->data ? sent->data_size : 0, &message, error)) {
    memtrack_log(MEMTRACK_WARNING, "%s", error);
    return 0;
  }
  pthread_mutex_lock(&messages_mutex);
  bool kept = message_count < MESSAGES_MAX;
  if (kept) {
    messages[message_count++] = message;
  }
  pthread_mutex_unlock(&messages_mutex);
  if (!kept) {
    memtrack_log(MEMTRACK_WARNING, "plugin message is ignored: %d are waiting already; send it again", MESSAGES_MAX);
  } else if (atomic_load(&tasks_ready)) {
    TSContScheduleOnPool(control, 0, TS_THREAD_POOL_TASK);
  }
  return 0;
}

static bool
next_message(struct memtrack_message *message)
{
  pthread_mutex_lock(&messages_mutex);
  bool any = message_count > 0;
  if (any) {
    *message = messages[0];
    memmove(messages, messages + 1, --message_count * sizeof(*messages));
  }
  pthread_mutex_unlock(&messages_mutex);
  return any;
}

static void
do_messages(void)
{
  struct memtrack_message message;
  while (next_message(&message)) {
    if (memtrack_control_do(&message)) {
      memtrack_analysis_before_dump();
      memtrack_dump_write(atomic_load(&descriptor), MEMTRACK_DUMP_REASON_MESSAGE, memtrack_control_state());
    }
  }
}

/* The configuration was loaded anew: what grows from here on is since then. */
static int
on_reload(TSCont cont, TSEvent event, void *data)
{
  (void)cont;
  (void)event;
  (void)data;
  memtrack_analysis_mark("reload", false);
  return 0;
}

static void
create_stats(void)
{
  suspects_stat = TSStatCreate("plugin.memtrack.suspects", TS_RECORDDATATYPE_INT, TS_STAT_NON_PERSISTENT, TS_STAT_SYNC_SUM);
  tracked_stat  = TSStatCreate("plugin.memtrack.tracked_bytes", TS_RECORDDATATYPE_INT, TS_STAT_NON_PERSISTENT, TS_STAT_SYNC_SUM);
  for (unsigned i = 0; i < MEMTRACK_CLASS_COUNT; ++i) {
    class_stats[i] =
      class_names[i] ? TSStatCreate(class_names[i], TS_RECORDDATATYPE_INT, TS_STAT_NON_PERSISTENT, TS_STAT_SYNC_SUM) : TS_ERROR;
  }
}

static void
set_stat(int stat, int64_t value)
{
  if (stat != TS_ERROR) {
    TSStatIntSet(stat, value);
  }
}

static void
set_stats(void)
{
  const struct memtrack_totals *totals = memtrack_analysis_totals();
  int64_t sum                          = 0;
  for (unsigned i = 0; i < MEMTRACK_CLASS_COUNT; ++i) {
    sum += totals->bytes[i];
    set_stat(class_stats[i], totals->bytes[i]);
  }
  set_stat(tracked_stat, sum);
  set_stat(suspects_stat, totals->suspects);
}

static int
on_control(TSCont cont, TSEvent event, void *data)
{
  (void)data;
  if (event == TS_EVENT_LIFECYCLE_TASK_THREADS_READY) {
    TSContScheduleEveryOnPool(cont, POLL_MS, TS_THREAD_POOL_TASK);
    atomic_store(&tasks_ready, true);
    if (atomic_load(&requests)) {
      TSContScheduleOnPool(dumper, 0, TS_THREAD_POOL_TASK);
    }
    return 0;
  }
  do_messages();
  memtrack_control_poll();
  set_stats();
  return 0;
}

static bool
read_record(const char *name, int64_t *value)
{
  TSMgmtInt read;
  TSMgmtCounter counted;
  if (TSMgmtIntGet(name, &read) == TS_SUCCESS) {
    *value = read;
    return true;
  }
  if (TSMgmtCounterGet(name, &counted) == TS_SUCCESS) {
    *value = counted;
    return true;
  }
  return false;
}

static void
create_records(void)
{
  char path[4096];
  for (int i = 0; i < MEMTRACK_SETTING_COUNT; ++i) {
    const struct memtrack_setting_rule *rule = memtrack_setting_rule(i);
    if (rule->ours) {
      TSMgmtIntCreate(TS_RECORDTYPE_CONFIG, rule->name, rule->normal,
                      i == MEMTRACK_SETTING_SITES ? TS_RECORDUPDATE_RESTART_TS : TS_RECORDUPDATE_DYNAMIC, TS_RECORDCHECK_INT,
                      rule->check, TS_RECORDACCESS_NULL);
    }
  }
  snprintf(path, sizeof(path), "%s/records.config", TSConfigDirGet());
  memtrack_records_check_file(path, read_record);
}

__attribute__((visibility("default"))) void
TSPluginInit(int argc, const char *argv[])
{
  static bool loaded;
  TSPluginRegistrationInfo info = {.plugin_name = TAG, .vendor_name = "memtrack", .support_email = "see README.md"};
  if (TSPluginRegister(&info) != TS_SUCCESS) {
    TSError("[" TAG "] the server refused the registration: memtrack does nothing");
    return;
  }
  if (loaded) {
    TSWarning("[" TAG "] plugin.config loads memtrack.so twice: the second line does nothing, take it out");
    return;
  }
  loaded = true;
  for (int i = 1; i < argc; ++i) {
    TSWarning("[" TAG "] unknown argument \"%s\" in plugin.config is ignored: memtrack takes none, its settings are records "
              "(proxy.config.res_track_memory, proxy.config.plugin.memtrack.*)",
              argv[i]);
  }
  create_records();
  TSMutex mutex = TSMutexCreate();
  control       = TSContCreate(on_control, mutex);
  dumper        = TSContCreate(on_dump, mutex);
  if (memtrack_control_start(TSTrafficServerVersionGet(), read_record, request_dump) == 0) {
    create_stats();
    listener = TSContCreate(on_message, NULL);
    reloaded = TSContCreate(on_reload, mutex);
    TSLifecycleHookAdd(TS_LIFECYCLE_TASK_THREADS_READY_HOOK, control);
    TSLifecycleHookAdd(TS_LIFECYCLE_MSG_HOOK, listener);
    TSMgmtUpdateRegister(reloaded, TAG);
  }
}
