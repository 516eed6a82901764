/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "dump.h"
#include "embed.h"
#include "epoch.h"
#include "log.h"

#define LINE_MAX_ 900 /* of a line that the core wrote and the log takes */

static memtrack_record_reader read_record;
static const char *freelists;
static struct memtrack_measures measures;
static struct memtrack_totals totals;
static uint64_t last_sample; /* seconds; 0 for none */
static uint64_t samples;

void
memtrack_analysis_open(memtrack_record_reader read, const char *freelists_symbol)
{
  read_record = read;
  freelists   = freelists_symbol;
}

/* The core's text, as a string. Guarded. */
static void
say(struct memtrack_core *model, enum memtrack_severity severity, uint32_t length)
{
  int shown = length < LINE_MAX_ ? (int)length : LINE_MAX_;
  memtrack_log(severity, "%.*s", shown, (const char *)memtrack_core_at(model, model->output));
}

/* Guarded. */
static void
tell_measures(struct memtrack_core *model, void *argument)
{
  (void)argument;
  Z_coreZ_clearMeasures(&model->wasm);
  for (uint32_t i = 0; i < MEMTRACK_MEASURE_COUNT; ++i) {
    if (measures.known[i]) {
      Z_coreZ_setMeasure(&model->wasm, i, measures.value[i]);
    }
  }
}

/* Before the counters are read, so that they are those of the epochs that are told of. Guarded. */
static void
turn(struct memtrack_core *model, void *argument)
{
  tell_measures(model, argument);
  memtrack_epoch_turn(model, measures.value[MEMTRACK_MEASURE_NOW]);
}

struct marking {
  const char *name;
  bool by_user;
};

/* Guarded; on settled sums. */
static void
mark(struct memtrack_core *model, void *argument)
{
  struct marking *marking = argument;
  uint32_t length         = memtrack_core_input(model, marking->name, strlen(marking->name));
  say(model, MEMTRACK_NOTE,
      Z_coreZ_markBaseline(&model->wasm, length, measures.value[MEMTRACK_MEASURE_NOW], measures.transactions, marking->by_user));
}

/* Guarded; on settled sums. */
static void
sample(struct memtrack_core *model, void *argument)
{
  (void)argument;
  Z_coreZ_sample(&model->wasm, measures.value[MEMTRACK_MEASURE_NOW], measures.transactions);
  if (Z_coreZ_warmUpEnded(&model->wasm)) {
    mark(model, &(struct marking){.name = "warm-up"});
  }
  for (uint32_t length; (length = Z_coreZ_nextWarning(&model->wasm)) != 0;) {
    say(model, MEMTRACK_WARNING, length);
  }
  totals.suspects = Z_coreZ_rankSuspects(&model->wasm);
  for (uint32_t cls = 0; cls < MEMTRACK_CLASS_COUNT; ++cls) {
    totals.bytes[cls] = (int64_t)Z_coreZ_trackedBytes(&model->wasm, cls);
  }
}

void
memtrack_analysis_poll(int64_t interval)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  /* The poll comes each second, and a little late: what is due within it is due now. */
  if (last_sample && (uint64_t)now.tv_sec < last_sample + interval) {
    return;
  }
  last_sample = now.tv_sec;
  ++samples;
  memtrack_measure_sample(&measures, read_record);
  measures.value[MEMTRACK_MEASURE_INTERVAL] = interval;
  measures.known[MEMTRACK_MEASURE_INTERVAL] = true;
  memtrack_dump_visit(false, turn, NULL);
  memtrack_dump_visit(true, sample, NULL);
}

void
memtrack_analysis_before_dump(void)
{
  memtrack_measure_dump(&measures, read_record, freelists);
  memtrack_dump_visit(false, tell_measures, NULL);
}

void
memtrack_analysis_mark(const char *name, bool by_user)
{
  memtrack_measure_sample(&measures, read_record);
  memtrack_dump_visit(true, mark, &(struct marking){.name = name, .by_user = by_user});
}

struct selection {
  const char *name;
  bool found;
};

/* Guarded. */
static void
choose(struct memtrack_core *model, void *argument)
{
  struct selection *selection = argument;
  int32_t slot = Z_coreZ_baselineNamed(&model->wasm, memtrack_core_input(model, selection->name, strlen(selection->name)));
  if (slot >= 0) {
    Z_coreZ_selectBaseline(&model->wasm, slot);
    selection->found = true;
    return;
  }
  uint32_t length = Z_coreZ_listBaselines(&model->wasm);
  memtrack_log(MEMTRACK_WARNING, "there is no baseline \"%.64s\"; there are: %.*s", selection->name, (int)length,
               (const char *)memtrack_core_at(model, model->output));
}

bool
memtrack_analysis_select(const char *name)
{
  struct selection selection = {.name = name};
  return !*name || (memtrack_dump_visit(false, choose, &selection) && selection.found);
}

/* Guarded. */
static void
reset(struct memtrack_core *model, void *argument)
{
  (void)argument;
  Z_coreZ_forgetAll(&model->wasm);
  memset(&totals, 0, sizeof(totals));
  last_sample = samples = 0;
}

void
memtrack_analysis_reset(void)
{
  memtrack_dump_visit(false, reset, NULL);
}

struct standing {
  int level;
  int64_t interval;
};

/* Guarded. */
static void
tell_status(struct memtrack_core *model, void *argument)
{
  const struct standing *standing = argument;
  uint32_t length                 = Z_coreZ_listBaselines(&model->wasm);
  memtrack_log(MEMTRACK_NOTE,
               "level %d, a sample each %" PRId64 " s, %" PRIu64 " samples so far, %" PRIu64 " suspects; baselines: %.*s",
               standing->level, standing->interval, samples, totals.suspects, (int)length,
               (const char *)memtrack_core_at(model, model->output));
}

void
memtrack_analysis_status(int level, int64_t interval)
{
  memtrack_dump_visit(false, tell_status, &(struct standing){.level = level, .interval = interval});
}

void
memtrack_analysis_idle(void)
{
  totals = (struct memtrack_totals){0};
}

const struct memtrack_totals *
memtrack_analysis_totals(void)
{
  return &totals;
}
