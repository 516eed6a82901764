/* SPDX-License-Identifier: Apache-2.0
 *
 * Replays a recorded log of events (tests/fixtures/README.md) through the C host and writes the dump to stdout;
 * tests/node/replay.test.ts compares it byte for byte with the Node host's dump of the same log.
 *
 *   replay LOG SITES MARK SAMPLE [BUILTIN]
 *
 * All code is the plugin's own (account.cc, registry.cc, shard.c, dump.cc) except for the server's part: the built-in tracker's
 * table is the text of the file BUILTIN, which also switches verify mode on, and the clock stands still. A single thread plays
 * all threads of the log in turn, each with its own shard. After MARK events (if not 0) a dump is written and both classes are
 * armed again. After each SAMPLE events (if not 0) 20 s pass, and a sample is taken. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "core/account.h"
#include "core/epoch.h"
#include "core/instance.h"
#include "core/model.h"
#include "core/registry.h"
#include "core/shard.h"
#include "dump/dump.h"
#include "hook/iobuffer.h"

#define PLACES_MAX  4096
#define BLOCKS_MAX  65536
#define THREADS_MAX 64
#define TIME        1795361003 /* 2026-11-22T15:23:23Z */

void
memtrack_iobuffer_lock(void)
{
}

void
memtrack_iobuffer_unlock(void)
{
}
time_t __wrap_time(time_t *to);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

static const char *builtin;
static const char *places[PLACES_MAX];
static struct {
  uint32_t birth;
  uint64_t size;
} blocks[BLOCKS_MAX];
static struct memtrack_thread threads[THREADS_MAX];
static uint64_t seconds = 1000; // the monotonic clock

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(1);
}

/* A whole file, with a NUL at its end. */
static char *
read_file(const char *path)
{
  FILE *file  = fopen(path, "r");
  char *text  = NULL;
  size_t size = 0;
  if (!file || getdelim(&text, &size, 0, file) < 0) {
    fail("replay: cannot read %s", path);
  }
  fclose(file);
  return text;
}

// A log has no plugins whose buffers would be counted again.
void
memtrack_iobuffer_event(const char *location, int64_t size)
{
  (void)location;
  (void)size;
}

char *
memtrack_iobuffer_builtin(void)
{
  return builtin ? read_file(builtin) : NULL;
}

void
memtrack_log(enum memtrack_severity severity, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fprintf(stderr, "replay: %d: ", severity);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
}

time_t
__wrap_time(time_t *to)
{
  return to ? *to = TIME : TIME;
}

int
__wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
  (void)clock;
  *now = (struct timespec){.tv_sec = seconds};
  return 0;
}

static unsigned
below(unsigned value, unsigned limit, const char *line)
{
  if (value >= limit) {
    fail("replay: out of range: %s", line);
  }
  return value;
}

/* Returns whether the line is an event. */
static bool
replay_line(char *line)
{
  unsigned thread, place, block, source_line;
  uint64_t size;
  int64_t change;
  int text = 0;
  if (sscanf(line, "P %u %*x %n", &place, &text) == 1 && text) {
    places[below(place, PLACES_MAX, line)] = line + text;
    return false;
  }
  if (sscanf(line, "%*c %u", &thread) != 1) {
    fail("replay: not understood: %s", line);
  }
  memtrack_thread = threads[below(thread, THREADS_MAX, line)];
  if (sscanf(line, "I %*u %u %" SCNd64, &place, &change) == 2) {
    memtrack_account_iobuffer(places[below(place, PLACES_MAX, line)], change);
  } else if (sscanf(line, "A %*u %u %u %" SCNu64 " %u", &place, &source_line, &size, &block) == 4) {
    blocks[below(block, BLOCKS_MAX, line)].size = size;
    const char *file                            = places[below(place, PLACES_MAX, line)];
    uint64_t attributes                         = memtrack_attributes(MEMTRACK_CLASS_OPENSSL, source_line, MEMTRACK_OWNER_CORE);
    blocks[block].birth                         = memtrack_account_alloc((uintptr_t)file, attributes, file, size);
  } else if (sscanf(line, "F %*u %u", &block) == 1) {
    memtrack_account_free(blocks[below(block, BLOCKS_MAX, line)].birth, blocks[block].size);
  } else if (sscanf(line, "U %*u %" SCNu64, &size) == 1) {
    memtrack_account_free(memtrack_birth_untagged(MEMTRACK_CLASS_OPENSSL), size);
  } else {
    fail("replay: not understood: %s", line);
  }
  threads[thread] = memtrack_thread;
  return true;
}

static void
dump(bool verify)
{
  const struct memtrack_state state = {
    .level    = 2,
    .iobuffer = MEMTRACK_HOOK_INSTALLED,
    .openssl  = MEMTRACK_HOOK_INSTALLED,
    .verify   = verify,
  };
  if (memtrack_dump_write(1, MEMTRACK_DUMP_REASON_SIGNAL, &state)) {
    fail("replay: the dump could not be written");
  }
}

static void
turn(struct memtrack_core *model, void *argument)
{
  (void)argument;
  memtrack_call(model, clearMeasures);
  memtrack_call(model, setMeasure, MEMTRACK_MEASURE_NOW, seconds);
  memtrack_call(model, setMeasure, MEMTRACK_MEASURE_INTERVAL, 20);
  memtrack_epoch_advance(model, seconds);
}

static void
take(struct memtrack_core *model, void *argument)
{
  (void)argument;
  memtrack_call(model, sample, seconds, 0);
}

static void
sample(void)
{
  seconds += 20;
  if (!memtrack_model_visit(false, turn, NULL) || !memtrack_model_visit(true, take, NULL)) {
    fail("replay: no sample could be taken");
  }
}

int
main(int argc, char **argv)
{
  if (argc < 5) {
    fail("usage: replay LOG SITES MARK SAMPLE [BUILTIN]");
  }
  uint32_t sites = strtoul(argv[2], NULL, 10);
  uint64_t mark  = strtoull(argv[3], NULL, 10);
  uint64_t each  = strtoull(argv[4], NULL, 10);
  builtin        = argv[5];
  if (memtrack_registry_open(sites) || memtrack_shards_open(sites) || memtrack_model_open(sites)) {
    fail("replay: no core with %u sites", sites);
  }
  uint64_t events = 0;
  for (char *line = read_file(argv[1]); line && *line;) {
    char *end = strchr(line, '\n');
    if (end) {
      *end++ = 0;
    }
    bool event = replay_line(line);
    events += event;
    if (event && each && events % each == 0) {
      sample();
    }
    if (event && events == mark) {
      dump(false);
      memtrack_model_arm(MEMTRACK_CLASS_IOBUFFER);
      memtrack_model_arm(MEMTRACK_CLASS_OPENSSL);
    }
    line = end;
  }
  dump(builtin != NULL);
  return 0;
}
