/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/iobuffer.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/printed.h"
#include "core/account.h"
#include "module/entry.h"
#include "module/quiet.h"
#include "module/slots.h"

typedef void (*increment_function)(const char *location, int64_t size);
typedef void (*dump_function)(FILE *file);

static pthread_mutex_t verify_mutex = PTHREAD_MUTEX_INITIALIZER; /* held during an event of both accountants */

/* A function of the server whose calls come to memtrack: through the slots of its callers; or by a jump at its entry, if it is in
   the program itself. */
struct call {
  void *function;
  struct memtrack_slots slots;
  struct memtrack_entry entry;
  bool is_lazy; /* some slots are not bound yet */
};

static struct call increment_call;
static struct call dump_call;
static char *builtin_text; /* printed by the built-in tracker before its dump was overwritten */
static int *level;
static bool passing_on;

/* The normal hook is the accounting function: an event thread allocates or releases a block. */
static const increment_function hook_increment = memtrack_account_iobuffer;

/* The hook in verify mode. Both accountants receive each event together, so that a dump can compare them between two events. The
   built-in tracker has its own global mutex; compared to that this mutex adds no noticeable cost. */
static void
hook_increment_and_pass_on(const char *location, int64_t size)
{
  location = memtrack_account_location(location, size);
  pthread_mutex_lock(&verify_mutex);
  memtrack_account_iobuffer(location, size);
  ((increment_function)increment_call.function)(location, size);
  pthread_mutex_unlock(&verify_mutex);
}

/* Refuses a slot that something else has redirected. */
static int
check_slots(struct call *call, const char *symbol, struct memtrack_reason *reason)
{
  for (size_t i = 0; i < call->slots.count; ++i) {
    const struct memtrack_patch *slot = &call->slots.list[i];
    Dl_info info;
    if (slot->before == call->function) {
      continue;
    }
    if (!memtrack_slots_is_unbound(slot)) {
      return memtrack_reason_set(reason, "%s is already redirected, to %s", symbol,
                                 dladdr(slot->before, &info) && info.dli_fname ? info.dli_fname : "an unknown module");
    }
    call->is_lazy = true;
  }
  return 0;
}

static int
find(const char *symbol, struct call *call, struct memtrack_reason *reason)
{
  *call = (struct call){.function = dlsym(RTLD_DEFAULT, symbol)};
  if (!call->function) {
    return memtrack_reason_set(reason, "symbol %s not found: traffic_server or libtscore is not of the version that it says",
                               symbol);
  }
  if (memtrack_entry_in_program(call->function)) {
    return memtrack_entry_find(&call->entry, symbol, call->function, reason);
  }
  if (memtrack_slots_find(&call->slots, symbol, NULL, (void *)hook_increment, reason)) {
    return -1;
  }
  if (check_slots(call, symbol, reason)) {
    memtrack_slots_free(&call->slots);
    return -1;
  }
  return 0;
}

/* The loader stores a function in a slot at the end of the first call through it: if that call began before the slot was
   redirected, the slot is redirected again. */
static int
redirect_slots(struct call *call, void *to, struct memtrack_reason *reason)
{
  int result = memtrack_slots_write(&call->slots, to, reason);
  if (result == 0 && call->is_lazy) {
    memtrack_quiet_wait(NULL);
    result        = memtrack_slots_write(&call->slots, to, reason);
    call->is_lazy = result != 0;
  }
  for (size_t i = 0; i < call->slots.count; ++i) {
    call->slots.list[i].before = call->function; /* also where a slot was not bound */
  }
  return result;
}

static int
redirect(struct call *call, void *to, struct memtrack_reason *reason)
{
  return call->entry.at ? memtrack_entry_write(&call->entry, to, reason) : redirect_slots(call, to, reason);
}

static int
restore(struct call *call, struct memtrack_reason *reason)
{
  return call->entry.at ? memtrack_entry_restore(&call->entry, reason) : memtrack_slots_restore(&call->slots, reason);
}

static char *
print_builtin(void)
{
  char *text = memtrack_printed((dump_function)dump_call.function);
  if (text && !text[0]) {
    free(text);
    text = NULL;
  }
  return text;
}

int
memtrack_iobuffer_install(const struct memtrack_server *server, void (*dump)(FILE *), struct memtrack_reason *reason)
{
  struct call increments, dumps;
  void *level_address = dlsym(RTLD_DEFAULT, server->level);
  if (!level_address) {
    return memtrack_reason_set(reason, "variable %s not found", server->level);
  }
  if (find(server->increment, &increments, reason)) {
    return -1;
  }
  if (find(server->dump, &dumps, reason)) {
    memtrack_slots_free(&increments.slots);
    return -1;
  }
  /* Last: after a refusal, the data of an earlier installation is still needed for its removal. */
  memtrack_slots_free(&increment_call.slots);
  memtrack_slots_free(&dump_call.slots);
  increment_call = increments;
  dump_call      = dumps;
  level          = level_address;
  if (redirect(&increment_call, (void *)hook_increment, reason)) {
    return -1;
  }
  if (dump_call.entry.at) {
    free(builtin_text);
    builtin_text = print_builtin();
  }
  if (redirect(&dump_call, (void *)dump, reason)) {
    restore(&increment_call, NULL);
    return -1;
  }
  return 0;
}

int
memtrack_iobuffer_remove(struct memtrack_reason *reason)
{
  int a = restore(&increment_call, reason);
  int b = restore(&dump_call, reason);
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
  if (increment_call.entry.at) {
    return memtrack_reason_set(reason, "the built-in tracker is part of this traffic_server, and memtrack has taken its place; "
                                       "verify on a 10.x built with shared libraries, or on 9.2");
  }
  if (redirect_slots(&increment_call, (void *)(on ? hook_increment_and_pass_on : hook_increment), reason)) {
    return -1;
  }
  memtrack_store(&passing_on, on);
  return 0;
}

char *
memtrack_iobuffer_builtin(void)
{
  if (!dump_call.entry.at) {
    return print_builtin();
  }
  char *text   = builtin_text;
  builtin_text = NULL;
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
