/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "dump.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "account.h"
#include "core_digest.h"
#include "hook_iobuffer.h"
#include "log.h"
#include "naming.h"
#include "objects.h"
#include "plugins.h"
#include "registry.h"
#include "shard.h"

/* A row of the built-in tracker's table. */
struct builtin_row {
  int64_t allocs, frees, in_use;
  uint32_t site;
};

static struct memtrack_core model;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* the model's, and the order of dumps */
static uint64_t dump_number;
static bool broken; /* the model trapped: no more dumps */

int
memtrack_dump_open(uint32_t sites)
{
  return memtrack_core_open(&model, MEMTRACK_ROLE_MODEL, sites);
}

/* Sums all shards in the model: all releases first, then all allocations, then what is of older epochs (assembly/model/model.ts).
 * Guarded. */
static void
collect(void)
{
  static const uint32_t pairs[] = {MEMTRACK_RECORD_FREES, MEMTRACK_RECORD_ALLOCS};
  Z_coreZ_start(&model.wasm);
  for (int pass = 0; pass < 2; ++pass) {
    uint32_t count  = memtrack_registry_count();
    uint32_t shards = memtrack_shard_count();
    for (uint32_t i = 0; i < shards; ++i) {
      memtrack_shard_read(memtrack_shard_get(i), pairs[pass], count, memtrack_core_at(&model, model.staging));
      if (pass == 0) {
        Z_coreZ_mergeFrees(&model.wasm, count);
      } else {
        Z_coreZ_mergeAllocs(&model.wasm, count);
      }
    }
  }
  uint32_t count  = memtrack_registry_count();
  uint32_t shards = memtrack_shard_count();
  for (uint32_t i = 0; i < shards; ++i) {
    for (uint32_t first = 0, some; first < count; first += some) {
      some = count - first < MEMTRACK_STAGED_MAX ? count - first : MEMTRACK_STAGED_MAX;
      memtrack_shard_read_sites(memtrack_shard_get(i), first, some, memtrack_core_at(&model, model.staging));
      Z_coreZ_mergeBuckets(&model.wasm, first, some);
    }
  }
  if (!memtrack_registry_copy(&model)) {
    wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE); /* to the guard: the model is not to be used any more */
  }
  Z_coreZ_sumRows(&model.wasm);
}

/* Reads the built-in's rows and gives each its site. Returns how many; *rows is malloc'ed. */
static size_t
read_builtin(struct builtin_row **rows)
{
  char *text   = memtrack_iobuffer_builtin();
  size_t count = 0, room = 0;
  *rows = NULL;
  for (char *line = text, *next; line && *line; line = next) {
    struct builtin_row row;
    int name = 0;
    next     = strchr(line, '\n');
    next     = next ? next + 1 : line + strlen(line);
    if (sscanf(line, "%" SCNd64 " | %" SCNd64 " | %" SCNd64 " | %*d | %n", &row.allocs, &row.frees, &row.in_use, &name) != 3 ||
        !name) {
      continue;
    }
    size_t length = strcspn(line + name, "\n");
    while (length && line[name + length - 1] == ' ') {
      --length; /* the column is padded */
    }
    if (count == room) {
      struct builtin_row *more = realloc(*rows, (room = room * 2 + 64) * sizeof(row));
      if (!more) {
        break;
      }
      *rows = more;
    }
    row.site         = memtrack_registry_name(line + name, length);
    (*rows)[count++] = row;
  }
  free(text);
  return count;
}

void
memtrack_dump_carry_over(void)
{
  struct builtin_row *rows;
  size_t count = read_builtin(&rows);
  for (size_t i = 0; i < count; ++i) {
    memtrack_account_carry(rows[i].site, rows[i].allocs, rows[i].frees, rows[i].in_use);
  }
  free(rows);
}

/* Guarded. */
static void
tell_builtin(const struct builtin_row *rows, size_t count)
{
  Z_coreZ_verifyStart(&model.wasm);
  for (size_t i = 0; i < count; ++i) {
    Z_coreZ_verifyRow(&model.wasm, rows[i].site, rows[i].allocs, rows[i].frees, rows[i].in_use);
  }
}

static void
trapped(void)
{
  broken = true;
  memtrack_log(MEMTRACK_ERROR,
               "the core trapped while making a dump (%s): no more dumps until the next start; the server is not affected",
               memtrack_trap_reason());
}

/* Runs a body that calls into the model, under the model's mutex. */
static void
with_model(void (*body)(void *), void *argument)
{
  pthread_mutex_lock(&mutex);
  if (!broken && !memtrack_guard(body, argument)) {
    trapped();
  }
  pthread_mutex_unlock(&mutex);
}

/* Guarded. */
static void
observe(void *argument)
{
  (void)argument;
  collect();
  Z_coreZ_applyBaseline(&model.wasm);
}

void
memtrack_dump_observe(void)
{
  with_model(observe, NULL);
}

struct visit {
  bool collect;
  void (*body)(struct memtrack_core *, void *);
  void *argument;
  bool done;
};

/* Guarded. */
static void
visit(void *argument)
{
  struct visit *it = argument;
  if (it->collect) {
    collect();
    Z_coreZ_applyBaseline(&model.wasm);
  }
  it->body(&model, it->argument);
  it->done = true;
}

bool
memtrack_dump_visit(bool collect_first, void (*body)(struct memtrack_core *, void *), void *argument)
{
  struct visit it = {.collect = collect_first, .body = body, .argument = argument};
  with_model(visit, &it);
  return it.done;
}

/* Guarded. */
static void
reclaim(void *argument)
{
  (void)argument;
  memtrack_registry_copy(&model); /* who is retired before the first counter is read */
  collect();
  for (uint32_t site = Z_coreZ_reclaim(&model.wasm, 0); site; site = Z_coreZ_reclaim(&model.wasm, site)) {
    memtrack_registry_free(site);
  }
}

void
memtrack_dump_reclaim(void)
{
  with_model(reclaim, NULL);
}

/* Guarded. */
static void
arm(void *cls)
{
  collect();
  Z_coreZ_arm(&model.wasm, *(uint32_t *)cls);
}

void
memtrack_dump_arm(uint32_t cls)
{
  with_model(arm, &cls);
}

/* Guarded. */
static void
disarm(void *cls)
{
  Z_coreZ_disarm(&model.wasm, *(uint32_t *)cls);
}

void
memtrack_dump_disarm(uint32_t cls)
{
  with_model(disarm, &cls);
}

struct builtin {
  struct builtin_row *rows;
  size_t count;
};

/* Guarded. */
static void
compare_from_now(void *argument)
{
  struct builtin *builtin = argument;
  collect();
  tell_builtin(builtin->rows, builtin->count);
  Z_coreZ_verifyMark(&model.wasm);
}

/* Runs a body with what both accountants say at one moment, between two events. Under the model's mutex. */
static bool
with_builtin(void (*body)(void *), void *argument, struct builtin *builtin)
{
  pthread_mutex_lock(&memtrack_iobuffer_verify_mutex);
  builtin->count = read_builtin(&builtin->rows);
  bool good      = memtrack_guard(body, argument);
  pthread_mutex_unlock(&memtrack_iobuffer_verify_mutex);
  free(builtin->rows);
  return good;
}

void
memtrack_dump_mark_verify(void)
{
  struct builtin builtin;
  pthread_mutex_lock(&mutex);
  if (!broken && !with_builtin(compare_from_now, &builtin, &builtin)) {
    trapped();
  }
  pthread_mutex_unlock(&mutex);
}

static uint64_t
own_memory(void)
{
  uint64_t sum    = (uint64_t)model.size + memtrack_registry_core()->size + memtrack_objects_memory() + memtrack_naming_memory();
  uint32_t shards = memtrack_shard_count();
  for (uint32_t i = 0; i < shards; ++i) {
    sum += memtrack_shard_get(i)->core.size;
  }
  return sum;
}

static void
say(uint32_t which, const char *text)
{
  Z_coreZ_setHeaderText(&model.wasm, which, memtrack_core_input(&model, text ? text : "", text ? strlen(text) : 0));
}

/* Guarded. */
static void
tell_facts(uint32_t reason, const struct memtrack_state *state)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  /* Plugins' releases are looked at, and the allocator leaves nothing by which a second one could be told. */
  bool unmarked                             = state->plugins == MEMTRACK_HOOK_INSTALLED && !memtrack_plugins.freed_mark;
  const uint64_t facts[MEMTRACK_FACT_COUNT] = {
    [MEMTRACK_FACT_DUMP]          = dump_number,
    [MEMTRACK_FACT_TIME]          = time(NULL),
    [MEMTRACK_FACT_REASON]        = reason,
    [MEMTRACK_FACT_LEVEL]         = state->level,
    [MEMTRACK_FACT_ARMED]         = state->armed_since ? now.tv_sec - state->armed_since : 0,
    [MEMTRACK_FACT_SHARDS]        = memtrack_shard_count(),
    [MEMTRACK_FACT_SITES]         = memtrack_registry_in_use(),
    [MEMTRACK_FACT_REFUSED_SITES] = memtrack_registry_refusals(),
    [MEMTRACK_FACT_LOST]          = memtrack_account_lost(),
    [MEMTRACK_FACT_TRAPS]         = memtrack_shard_traps(),
    [MEMTRACK_FACT_MEMORY]        = own_memory(),
    [MEMTRACK_FACT_IOBUFFER]      = state->iobuffer,
    [MEMTRACK_FACT_OPENSSL]       = state->openssl,
    [MEMTRACK_FACT_VERIFY]        = state->verify,
    [MEMTRACK_FACT_PLUGINS]       = state->plugins,
    [MEMTRACK_FACT_BUFFERS]       = state->buffers,
    [MEMTRACK_FACT_HEAP]          = state->heap,
    [MEMTRACK_FACT_DAMAGED]       = atomic_load(&memtrack_plugins.damaged),
    [MEMTRACK_FACT_TWICE]         = unmarked ? UINT64_MAX : atomic_load(&memtrack_plugins.twice),
    [MEMTRACK_FACT_UNTRACKED]     = memtrack_objects_untracked(),
  };
  for (uint32_t i = 0; i < MEMTRACK_FACT_COUNT; ++i) {
    Z_coreZ_setHeaderNumber(&model.wasm, i, facts[i]);
  }
  say(MEMTRACK_TEXT_DIGEST, MEMTRACK_CORE_DIGEST);
  say(MEMTRACK_TEXT_IOBUFFER, state->iobuffer_reason);
  say(MEMTRACK_TEXT_OPENSSL, state->openssl_reason);
  say(MEMTRACK_TEXT_PLUGINS, state->plugins_reason);
  say(MEMTRACK_TEXT_BUFFERS, state->buffers_reason);
}

/* One write(2) for the whole text: traffic.out is opened for appending, so lines of others come before or after it. */
static int
write_all(int fd, const uint8_t *text, size_t size)
{
  static bool torn; /* the last dump ended within a line; under the mutex */
  if (torn && write(fd, "\n", 1) == 1) {
    torn = false;
  }
  while (size) {
    ssize_t written = write(fd, text, size);
    if (written < 0 && errno != EINTR) {
      return errno;
    }
    if (written > 0) {
      text += written;
      size -= written;
      torn = text[-1] != '\n';
    }
  }
  return 0;
}

struct dump {
  uint32_t reason;
  const struct memtrack_state *state;
  struct builtin builtin;
  uint32_t size; /* of the text */
};

/* The sums of one moment; in verify mode both accountants'. Guarded. */
static void
take(void *argument)
{
  struct dump *dump = argument;
  collect();
  if (dump->state->verify) {
    tell_builtin(dump->builtin.rows, dump->builtin.count);
    Z_coreZ_verifyCompare(&model.wasm);
  }
}

/* Guarded. */
static void
render(void *argument)
{
  struct dump *dump = argument;
  Z_coreZ_applyBaseline(&model.wasm);
  tell_facts(dump->reason, dump->state);
  dump->size = Z_coreZ_render(&model.wasm);
}

/* Under the model's mutex. Returns 0 or an errno. */
static int
make_dump(struct dump *dump)
{
  ++dump_number;
  bool good = dump->state->verify ? with_builtin(take, dump, &dump->builtin) : memtrack_guard(take, dump);
  if (!good || !memtrack_guard(render, dump)) {
    trapped();
    return EIO;
  }
  return dump->size ? 0 : EMSGSIZE;
}

int
memtrack_dump_write(int fd, uint32_t reason, const struct memtrack_state *state)
{
  static int last_error; /* said once, until it is another; under the mutex */
  struct dump dump = {.reason = reason, .state = state};
  int error        = EIO;
  memtrack_naming_resolve(); /* what was seen since the last second has no better name yet */
  pthread_mutex_lock(&mutex);
  if (!broken) {
    error = make_dump(&dump);
    if (!error) {
      error = write_all(fd, memtrack_core_at(&model, model.output), dump.size);
    }
    if (error && error != last_error && !broken) {
      memtrack_log(MEMTRACK_ERROR,
                   "dump %" PRIu64 " could not be written to traffic.out: %s; nothing counted is lost, the next dump has it",
                   dump_number, strerror(error));
    }
    last_error = error;
  }
  pthread_mutex_unlock(&mutex);
  return error;
}
