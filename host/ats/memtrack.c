/* SPDX-License-Identifier: Apache-2.0
 *
 * memtrack.so, the plugin: its interface to the server. Connects records, threads and log to the parts that do the work, in this
 * order:
 *
 *   hook/      observe, never format
 *   core/      pass events to the core
 *   dump/      let the core write, pass the text to a file or to traffic.out
 *   control/   switch the above on and off
 *
 * A server ends if a plugin cannot be loaded or does not register. Therefore nothing that may be missing is linked (server/api.h,
 * symbol/elfutils.h), and in an unsupported server memtrack registers, logs one line, and does nothing more.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/log.h"
#include "control/control.h"
#include "control/message.h"
#include "control/records.h"
#include "core_abi.h"
#include "dump/accept.h"
#include "dump/analysis.h"
#include "dump/output.h"
#include "server/api.h"
#include "server/server.h"

#define TAG     "memtrack"
#define POLL_MS 1000

static void *control; /* polls the records */
static void *dumper;  /* makes dumps; same mutex, so the two never run at once */
static bool tasks_ready;
static bool initialized;               /* the server has begun to accept connections since the last poll */
static unsigned requests;              /* bit per reason: dumps requested and not begun */
static int descriptor = STDERR_FILENO; /* to which the server prints its own dumps: traffic.out, or the journal */

/* Messages received and not yet handled by the task thread. */
#define MESSAGES_MAX 16
static void *listener; /* has no mutex: a busy one would abort the server, on the thread that messages come on */
static void *reloaded; /* is called at a config reload */
static void *ready;    /* when the server is initialized; no mutex, for the same reason */
static pthread_mutex_t messages_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct memtrack_message messages[MESSAGES_MAX];
static unsigned message_count;

/* Statistics, by name; their values are set after each poll. */
static int suspects_stat            = MEMTRACK_TS_ERROR;
static int tracked_stat             = MEMTRACK_TS_ERROR;
static int unaccounted_stat         = MEMTRACK_TS_ERROR;
static int unaccounted_suspect_stat = MEMTRACK_TS_ERROR;
static int class_stats[MEMTRACK_CLASS_COUNT];
/* By class. */
static const char *const class_names[MEMTRACK_CLASS_COUNT] = {MEMTRACK_CLASS_STATISTICS};

void
memtrack_log(enum memtrack_severity severity, const char *format, ...)
{
  char line[1024];
  va_list list;
  va_start(list, format);
  vsnprintf(line, sizeof(line), format, list);
  va_end(list);
  void (*log)(const char *, ...) = severity == MEMTRACK_NOTE      ? memtrack_api.TSNote
                                   : severity == MEMTRACK_WARNING ? memtrack_api.TSWarning
                                                                  : memtrack_api.TSError;
  if (log) {
    log("[" TAG "] %s", line);
  } else {
    fprintf(stderr, "[" TAG "] %s\n", line);
  }
}

/* Replaces ResourceTracker::dump, which the server calls on a network thread, on SIGUSR1 and by its timer: requests a dump and
   returns. Requests made before the dump begins are served by the same dump. event-thread. */
static MT_NOINLINE void
request_dump(FILE *file)
{
  unsigned reason = memtrack_control_reason((const void *)MT_RETURN_ADDRESS);
  memtrack_store_ordered(&descriptor, fileno(file));
  if (memtrack_or_ordered(&requests, 1u << reason) == 0 && memtrack_load_ordered(&tasks_ready)) {
    memtrack_api.TSContScheduleOnPool(dumper, 0, MEMTRACK_TS_THREAD_POOL_TASK);
  }
}

static int
on_dump(void *cont, int event, void *data)
{
  (void)cont;
  (void)event;
  (void)data;
  unsigned wanted = memtrack_exchange_ordered(&requests, 0);
  if (wanted) {
    memtrack_analysis_before_dump();
    memtrack_dump_write(memtrack_load_ordered(&descriptor), __builtin_ctz(wanted), memtrack_control_state());
  }
  return 0;
}

/* A message for memtrack: parsed on the server's thread for messages, whichever that is; performed by the task thread. */
static int
on_message(void *cont, int event, void *data)
{
  const struct memtrack_api_message *sent = data;
  struct memtrack_message message;
  (void)cont;
  if (event != MEMTRACK_TS_EVENT_LIFECYCLE_MSG || strcmp(sent->tag, TAG) != 0) {
    return 0;
  }
  if (!memtrack_message_parse(sent->data, sent->data ? sent->data_size : 0, &message)) {
    return 0;
  }
  pthread_mutex_lock(&messages_mutex);
  bool kept = message_count < MESSAGES_MAX;
  if (kept) {
    messages[message_count++] = message;
  }
  pthread_mutex_unlock(&messages_mutex);
  if (!kept) {
    memtrack_log(MEMTRACK_WARNING, "plugin message ignored: %d messages are already waiting; send it again", MESSAGES_MAX);
  } else if (memtrack_load_ordered(&tasks_ready)) {
    memtrack_api.TSContScheduleOnPool(control, 0, MEMTRACK_TS_THREAD_POOL_TASK);
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
      memtrack_dump_write(memtrack_load_ordered(&descriptor), MEMTRACK_DUMP_REASON_MESSAGE, memtrack_control_state());
    }
  }
}

/* The configuration was loaded anew: what grows from here on is since then. */
static int
on_reload(void *cont, int event, void *data)
{
  (void)cont;
  (void)event;
  (void)data;
  memtrack_analysis_reloaded();
  return 0;
}

/* The server accepts connections: its configuration and its certificates are loaded. On the main thread. */
static int
on_ready(void *cont, int event, void *data)
{
  (void)cont;
  (void)event;
  (void)data;
  memtrack_store_ordered(&initialized, true);
  return 0;
}

static int
create_stat(const char *name)
{
  return memtrack_api.TSStatCreate(name, MEMTRACK_TS_RECORDDATATYPE_INT, MEMTRACK_TS_STAT_NON_PERSISTENT,
                                   MEMTRACK_TS_STAT_SYNC_SUM);
}

static void
create_stats(void)
{
  suspects_stat            = create_stat("plugin.memtrack.suspects");
  tracked_stat             = create_stat("plugin.memtrack.tracked_bytes");
  unaccounted_stat         = create_stat("plugin.memtrack.unaccounted_bytes");
  unaccounted_suspect_stat = create_stat("plugin.memtrack.unaccounted_suspect");
  for (unsigned i = 0; i < MEMTRACK_CLASS_COUNT; ++i) {
    class_stats[i] = class_names[i] ? create_stat(class_names[i]) : MEMTRACK_TS_ERROR;
  }
}

static void
set_stat(int stat, int64_t value)
{
  if (stat != MEMTRACK_TS_ERROR) {
    memtrack_api.TSStatIntSet(stat, value);
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
  set_stat(suspects_stat, (int64_t)totals->suspects);
  set_stat(unaccounted_stat, totals->unaccounted);
  set_stat(unaccounted_suspect_stat, totals->unaccounted_suspect);
}

static int
on_control(void *cont, int event, void *data)
{
  (void)data;
  if (event == MEMTRACK_TS_EVENT_LIFECYCLE_TASK_THREADS_READY) {
    memtrack_api.TSContScheduleEveryOnPool(cont, POLL_MS, MEMTRACK_TS_THREAD_POOL_TASK);
    memtrack_store_ordered(&tasks_ready, true);
    if (memtrack_load_ordered(&requests)) {
      memtrack_api.TSContScheduleOnPool(dumper, 0, MEMTRACK_TS_THREAD_POOL_TASK);
    }
    return 0;
  }
  memtrack_output_poll();
  memtrack_accept_poll();
  do_messages();
  if (memtrack_exchange_ordered(&initialized, false)) {
    memtrack_control_initialized();
  }
  memtrack_control_poll();
  set_stats();
  return 0;
}

static bool
read_record(const char *name, int64_t *value)
{
  int64_t read;
  bool found = memtrack_api.TSMgmtIntGet(name, &read) == MEMTRACK_TS_SUCCESS ||
               memtrack_api.TSMgmtCounterGet(name, &read) == MEMTRACK_TS_SUCCESS;
  if (found) {
    *value = read;
  }
  return found;
}

/* The server allocates and frees the text, so it is in no row. */
static bool
read_text(const char *name, char *text, size_t size)
{
  char *read = NULL;
  bool found = memtrack_api.TSMgmtStringGet(name, &read) == MEMTRACK_TS_SUCCESS && read;
  if (found) {
    snprintf(text, size, "%s", read);
    memtrack_api._TSfree(read);
  }
  return found;
}

static void
create_record(const struct memtrack_setting *setting)
{
  static char none[] = "";
  int update =
    setting->effect == MEMTRACK_SETTING_AT_START ? MEMTRACK_TS_RECORDUPDATE_RESTART_TS : MEMTRACK_TS_RECORDUPDATE_DYNAMIC;
  if (setting->is_text) {
    memtrack_api.TSMgmtStringCreate(MEMTRACK_TS_RECORDTYPE_CONFIG, setting->name, none, update, MEMTRACK_TS_RECORDCHECK_NULL, NULL,
                                    MEMTRACK_TS_RECORDACCESS_NULL);
  } else {
    memtrack_api.TSMgmtIntCreate(MEMTRACK_TS_RECORDTYPE_CONFIG, setting->name, setting->normal, update, MEMTRACK_TS_RECORDCHECK_INT,
                                 setting->check, MEMTRACK_TS_RECORDACCESS_NULL);
  }
}

static void
create_records(const struct memtrack_server *server)
{
  char path[4096];
  for (unsigned i = 0; i < MEMTRACK_SETTING_COUNT; ++i) {
    const struct memtrack_setting *setting = memtrack_setting_get(i);
    if (setting->effect != MEMTRACK_SETTING_OF_SERVER) {
      create_record(setting);
    }
  }
  snprintf(path, sizeof(path), "%s/%s", memtrack_api.TSConfigDirGet(), server->has_yaml ? "records.yaml" : "records.config");
  if (server->has_yaml) {
    memtrack_records_check_yaml(path);
  } else {
    memtrack_records_check_file(path, read_record);
  }
}

/* The entry for this server; NULL, after one log line, if it is not supported. */
static const struct memtrack_server *
find_server(void)
{
  const char *version                  = memtrack_api.TSTrafficServerVersionGet ? memtrack_api.TSTrafficServerVersionGet() : NULL;
  const struct memtrack_server *server = memtrack_server_find(version);
  const char *lacks                    = memtrack_api_lacks(MEMTRACK_API_CALL);
  if (!server) {
    memtrack_log(MEMTRACK_ERROR,
                 "unsupported Traffic Server version %s (supported: %s); memtrack is disabled, the server is not affected",
                 version ? version : "unknown", memtrack_server_versions());
  } else if (lacks) {
    memtrack_log(MEMTRACK_ERROR, "Traffic Server %s lacks %s; memtrack is disabled, the server is not affected", version, lacks);
    server = NULL;
  }
  return server;
}

static void
start(const struct memtrack_server *server)
{
  if (!memtrack_setting_get(0)->name[0]) {
    return; /* no memory, which has been logged */
  }
  create_records(server);
  void *mutex = memtrack_api.TSMutexCreate();
  control     = memtrack_api.TSContCreate(on_control, mutex);
  dumper      = memtrack_api.TSContCreate(on_dump, mutex);
  if (memtrack_control_start(server, read_record, request_dump) == 0) {
    create_stats();
    memtrack_output_open(read_text, memtrack_setting_get(MEMTRACK_SETTING_OUTPUT)->name, server->log_folder);
    memtrack_accept_open(read_text, memtrack_setting_get(MEMTRACK_SETTING_ACCEPT)->name);
    listener = memtrack_api.TSContCreate(on_message, NULL);
    reloaded = memtrack_api.TSContCreate(on_reload, mutex);
    ready    = memtrack_api.TSContCreate(on_ready, NULL);
    memtrack_api.TSLifecycleHookAdd(MEMTRACK_TS_LIFECYCLE_PORTS_READY_HOOK, ready);
    memtrack_api.TSLifecycleHookAdd(MEMTRACK_TS_LIFECYCLE_TASK_THREADS_READY_HOOK, control);
    memtrack_api.TSLifecycleHookAdd(MEMTRACK_TS_LIFECYCLE_MSG_HOOK, listener);
    memtrack_api.TSMgmtUpdateRegister(reloaded, TAG, NULL);
  }
}

/* Each line of plugin.config must register, or the server ends. */
MT_EXPORTED void
TSPluginInit(int argc, const char *argv[])
{
  static bool loaded;
  const struct memtrack_api_registration info = {TAG, "memtrack", "see README.md"};
  if (!loaded) {
    memtrack_api_open();
  }
  if (!memtrack_api.TSPluginRegister) {
    memtrack_log(MEMTRACK_ERROR, "TSPluginRegister not found: this program is not a Traffic Server; memtrack is disabled");
    return;
  }
  if (memtrack_api.TSPluginRegister(&info) != MEMTRACK_TS_SUCCESS) {
    memtrack_log(MEMTRACK_ERROR, "the server refused to register the plugin; memtrack is disabled");
    return;
  }
  if (loaded) {
    memtrack_log(MEMTRACK_WARNING, "plugin.config loads memtrack.so twice: remove the second line, it has no effect");
    return;
  }
  loaded                               = true;
  const struct memtrack_server *server = find_server();
  if (!server) {
    return;
  }
  for (int i = 1; i < argc; ++i) {
    memtrack_log(MEMTRACK_WARNING,
                 "unknown argument \"%s\" in plugin.config ignored: memtrack takes no arguments, its settings are records "
                 "(proxy.config.res_track_memory, proxy.config.plugin.memtrack.*)",
                 argv[i]);
  }
  start(server);
}
