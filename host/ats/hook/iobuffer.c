/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/iobuffer.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "core/account.h"
#include "module/slots.h"

typedef void (*increment_function)(const char *location, int64_t size);
typedef void (*dump_function)(FILE *file);

static pthread_mutex_t verify_mutex = PTHREAD_MUTEX_INITIALIZER; /* held during an event of both accountants */

static struct memtrack_slots increment_slots;
static struct memtrack_slots dump_slots;
static increment_function original_increment;
static dump_function original_dump;
static int *level;
static bool passing_on;

/* The normal hook is the accounting function: an event thread allocates or releases a block. */
static const increment_function hook_increment = memtrack_account_iobuffer;

/* The hook in verify mode. Both accountants receive each event together, so that a dump can compare them between two events. The
   built-in tracker has its own global mutex; compared to that this mutex adds no noticeable cost. */
static void
hook_increment_and_pass_on(const char *location, int64_t size)
{
  pthread_mutex_lock(&verify_mutex);
  memtrack_account_iobuffer(location, size);
  original_increment(location, size);
  pthread_mutex_unlock(&verify_mutex);
}

/* Finds the slots of a symbol, and the function. Refuses a slot that is already redirected by something else. */
static int
find(const char *symbol, struct memtrack_slots *slots, void **function, struct memtrack_reason *reason)
{
  *function = dlsym(RTLD_DEFAULT, symbol);
  if (!*function) {
    return memtrack_reason_set(reason, "symbol %s not found: libtscore does not match the version of this server", symbol);
  }
  if (memtrack_slots_find(slots, symbol, NULL, (void *)hook_increment, reason)) {
    return -1;
  }
  for (size_t i = 0; i < slots->count; ++i) {
    Dl_info info;
    if (slots->list[i].before != *function) {
      memtrack_reason_set(reason, "%s is already redirected, to %s", symbol,
                          dladdr(slots->list[i].before, &info) && info.dli_fname ? info.dli_fname : "an unknown module");
      memtrack_slots_free(slots);
      return -1;
    }
  }
  return 0;
}

int
memtrack_iobuffer_install(const struct memtrack_server *server, void (*dump)(FILE *), struct memtrack_reason *reason)
{
  struct memtrack_slots increments, dumps;
  void *increment_address, *dump_address;
  void *level_address = dlsym(RTLD_DEFAULT, server->level);
  if (!level_address) {
    return memtrack_reason_set(reason, "variable %s not found", server->level);
  }
  if (find(server->increment, &increments, &increment_address, reason)) {
    return -1;
  }
  if (find(server->dump, &dumps, &dump_address, reason)) {
    memtrack_slots_free(&increments);
    return -1;
  }
  /* Last: after a refusal, the data of an earlier installation is still needed for its removal. */
  memtrack_slots_free(&increment_slots);
  memtrack_slots_free(&dump_slots);
  increment_slots    = increments;
  dump_slots         = dumps;
  original_increment = (increment_function)increment_address;
  original_dump      = (dump_function)dump_address;
  level              = level_address;
  if (memtrack_slots_write(&increment_slots, (void *)hook_increment, reason)) {
    return -1;
  }
  if (memtrack_slots_write(&dump_slots, (void *)dump, reason)) {
    memtrack_slots_restore(&increment_slots, NULL);
    return -1;
  }
  return 0;
}

int
memtrack_iobuffer_remove(struct memtrack_reason *reason)
{
  int a = memtrack_slots_restore(&increment_slots, reason);
  int b = memtrack_slots_restore(&dump_slots, reason);
  return a || b ? -1 : 0;
}

int
memtrack_iobuffer_level(void)
{
  return memtrack_load(level);
}

void
memtrack_iobuffer_set_level(int value)
{
  memtrack_store(level, value);
}

void
memtrack_iobuffer_event(const char *location, int64_t size)
{
  if (memtrack_iobuffer_level() == 0) {
    return;
  }
  if (memtrack_load(&passing_on)) {
    hook_increment_and_pass_on(location, size);
  } else {
    hook_increment(location, size);
  }
}

int
memtrack_iobuffer_pass_on(bool on, struct memtrack_reason *reason)
{
  if (memtrack_slots_write(&increment_slots, (void *)(on ? hook_increment_and_pass_on : hook_increment), reason)) {
    return -1;
  }
  memtrack_store(&passing_on, on);
  return 0;
}

char *
memtrack_iobuffer_builtin(void)
{
  char *text  = NULL;
  size_t size = 0;
  FILE *file  = open_memstream(&text, &size);
  if (!file) {
    return NULL;
  }
  original_dump(file);
  fclose(file);
  if (size == 0) {
    free(text);
    text = NULL;
  }
  return text;
}

void
memtrack_iobuffer_lock(void)
{
  pthread_mutex_lock(&verify_mutex);
}

void
memtrack_iobuffer_unlock(void)
{
  pthread_mutex_unlock(&verify_mutex);
}
