/* SPDX-License-Identifier: Apache-2.0
 *
 * memtrack.so, the plugin: the only file that knows the server's plugin API. It brings records, threads and log to the parts that
 * do the work, in this order:
 *
 *   hook       hook_iobuffer.c, hook_openssl.c    see, never format
 *   account    account.c (shard.c, registry.c)    tell the core
 *   render     dump.c                             have the core write, hand it to traffic.out
 *   control    control.c (records.c, server.c)    say which of these are on
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <ts/ts.h>

#include "control.h"
#include "core_abi.h"
#include "log.h"
#include "records.h"

#define TAG     "memtrack"
#define POLL_MS 1000

static TSCont control; /* polls the records */
static TSCont dumper;  /* makes dumps; same mutex, so the two never run at once */
static _Atomic bool tasks_ready;
static _Atomic unsigned requests;   /* bit per reason: dumps asked for and not begun */
static _Atomic int descriptor = -1; /* of traffic.out */

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
    memtrack_dump_write(atomic_load(&descriptor), __builtin_ctz(wanted), memtrack_control_state());
  }
  return 0;
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
  memtrack_control_poll();
  return 0;
}

static bool
read_record(const char *name, int64_t *value)
{
  TSMgmtInt read;
  if (TSMgmtIntGet(name, &read) != TS_SUCCESS) {
    return false;
  }
  *value = read;
  return true;
}

static void
create_records(void)
{
  char path[4096];
  for (int i = 0; i < MEMTRACK_SETTING_COUNT; ++i) {
    const struct memtrack_setting_rule *rule = memtrack_setting_rule(i);
    if (rule->ours) {
      TSMgmtIntCreate(TS_RECORDTYPE_CONFIG, rule->name, rule->normal, TS_RECORDUPDATE_DYNAMIC, TS_RECORDCHECK_INT, rule->check,
                      TS_RECORDACCESS_NULL);
    }
  }
  snprintf(path, sizeof(path), "%s/records.config", TSConfigDirGet());
  memtrack_records_check_file(path);
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
    TSLifecycleHookAdd(TS_LIFECYCLE_TASK_THREADS_READY_HOOK, control);
  }
}
