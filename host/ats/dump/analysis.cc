/* SPDX-License-Identifier: Apache-2.0 */
#include "dump/analysis.h"

#include <cstring>

#include "base/clock.h"
#include "base/log.h"
#include "core/epoch.h"
#include "core/model.h"
#include "dump/environment.h"
#include "dump/notices.h"
#include "dump/stacks.h"
#include "hook/install.h"
#include "hook/residence.h"
#include "hook/unseen.h"
#include "hook/weight.h"

#define LINE_MAX_ 900 /* longest line of the core that is logged */

static memtrack_record_reader read_record;
static memtrack_measures measures;
static memtrack_totals totals;
static bool warm;               /* the warm-up ended at the last sample */
static int64_t sample_interval; /* seconds; 0 while no samples are taken */

void
memtrack_analysis_open(memtrack_record_reader read)
{
  read_record = read;
}

/* Logs the core's output. Within memtrack_model_with(), like the functions below. */
static void
log_output(memtrack_core *model, enum memtrack_severity severity, uint32_t length)
{
  int shown = length < LINE_MAX_ ? (int)length : LINE_MAX_;
  memtrack_log(severity, "%.*s", shown, (const char *)memtrack_core_at(model, model->output));
}

/* Within memtrack_model_with(). */
static void
put_measures(memtrack_core *model)
{
  measures.value[MEMTRACK_MEASURE_INTERVAL] = sample_interval;
  measures.known[MEMTRACK_MEASURE_INTERVAL] = sample_interval > 0;
  measures.value[MEMTRACK_MEASURE_EARLIER]  = memtrack_plugins_earlier();
  measures.known[MEMTRACK_MEASURE_EARLIER]  = true;
  memtrack_call(model, clearMeasures);
  for (uint32_t i = 0; i < MEMTRACK_MEASURE_COUNT; ++i) {
    if (measures.known[i]) {
      memtrack_call(model, setMeasure, i, measures.value[i]);
    }
  }
}

/* On settled sums. */
static void
mark(memtrack_core *model, const char *name, uint32_t by)
{
  uint32_t length = memtrack_core_input(model, name, strlen(name));
  log_output(model, MEMTRACK_NOTE,
             memtrack_call(model, markBaseline, length, measures.value[MEMTRACK_MEASURE_NOW], measures.transactions, by));
}

/* Within memtrack_model_with(). */
static void
mark_blind(memtrack_core *model)
{
  for (uint32_t site; (site = memtrack_unseen_next()) != MEMTRACK_SITE_UNKNOWN;) {
    memtrack_call(model, markBlind, site);
  }
}

/* On settled sums. */
static void
sample(memtrack_core *model)
{
  mark_blind(model);
  memtrack_call(model, sample, measures.value[MEMTRACK_MEASURE_NOW], measures.transactions);
  warm = memtrack_call(model, warmUpEnded);
  while (uint32_t length = memtrack_call(model, nextWarning)) {
    log_output(model, (enum memtrack_severity)memtrack_call(model, answerSeverity), length);
  }
  totals.suspects = memtrack_call(model, rankSuspects);
  memtrack_stacks_publish(model);
  for (uint32_t cls = 0; cls < MEMTRACK_CLASS_COUNT; ++cls) {
    totals.bytes[cls] = (int64_t)memtrack_call(model, trackedBytes, cls);
  }
  totals.unaccounted         = (int64_t)memtrack_call(model, remainderBytes);
  totals.unaccounted_suspect = memtrack_call(model, isRemainderSuspect);
}

/* Between two samples, some seconds after a reload. */
static void
observe_reload()
{
  uint64_t now = memtrack_clock_seconds();
  bool due     = false;
  memtrack_model_with([&](memtrack_core *model) { due = memtrack_call(model, observationDue, now) != 0; });
  if (due) {
    memtrack_model_with_sums([=](memtrack_core *model) { memtrack_call(model, observeReload, now); });
  }
}

void
memtrack_analysis_poll(int64_t interval)
{
  sample_interval = interval;
  if (!memtrack_due_sample(memtrack_clock_seconds(), interval)) {
    observe_reload();
    return;
  }
  memtrack_measure_sample(&measures, read_record);
  memtrack_model_with([](memtrack_core *model) {
    put_measures(model);
    /* Before the counters are read, so that they refer to the published epochs. */
    memtrack_epoch_advance(model, measures.value[MEMTRACK_MEASURE_NOW]);
  });
  memtrack_weigh(MEMTRACK_WEIGHED_AT_SAMPLE);
  memtrack_residence_measure(MEMTRACK_RESIDENCE_AT_SAMPLE);
  memtrack_model_with_sums(sample);
  if (warm) {
    warm = false;
    memtrack_analysis_mark("warm-up", MEMTRACK_BASELINE_BY_WARM_UP);
  }
}

void
memtrack_analysis_before_dump()
{
  memtrack_measure_dump(&measures, read_record);
  memtrack_weigh(MEMTRACK_WEIGHED_AT_DUMP);
  memtrack_residence_measure(MEMTRACK_RESIDENCE_AT_DUMP);
  memtrack_model_with(put_measures);
}

void
memtrack_analysis_server_heap(bool tracked)
{
  if (!tracked) {
    memtrack_model_with([](memtrack_core *model) { memtrack_call(model, trackServerHeap, 0); });
    return;
  }
  memtrack_analysis_before_dump();
  memtrack_model_with_sums([](memtrack_core *model) { memtrack_call(model, trackServerHeap, 1); });
}

void
memtrack_analysis_mark(const char *name, uint32_t by)
{
  memtrack_analysis_before_dump(); /* so that a dump can show the change of each part of resident memory */
  memtrack_model_with_sums([=](memtrack_core *model) { mark(model, name, by); });
}

void
memtrack_analysis_reloaded()
{
  memtrack_analysis_mark("reload", MEMTRACK_BASELINE_BY_RELOAD);
  memtrack_model_with([](memtrack_core *model) { memtrack_call(model, reloaded, memtrack_clock_seconds()); });
}

void
memtrack_analysis_show(const char *text)
{
  memtrack_model_with(
    [=](memtrack_core *model) { memtrack_call(model, selectRows, memtrack_core_input(model, text, strlen(text))); });
}

bool
memtrack_analysis_select(const char *name)
{
  bool found = false;
  if (!*name) {
    return true;
  }
  memtrack_model_with([&](memtrack_core *model) {
    uint32_t length = memtrack_core_input(model, name, strlen(name));
    int32_t slot    = memtrack_call(model, baselineNamed, length);
    found           = slot >= 0;
    if (found) {
      memtrack_call(model, selectBaseline, slot);
    } else {
      log_output(model, MEMTRACK_WARNING, memtrack_call(model, denyBaseline, length));
    }
  });
  return found;
}

void
memtrack_analysis_reset()
{
  memtrack_model_with([](memtrack_core *model) { memtrack_call(model, forgetAll); });
  memtrack_analysis_idle();
  memtrack_due_anew();
}

void
memtrack_analysis_status(int level, int64_t interval)
{
  memtrack_model_with([=](memtrack_core *model) {
    log_output(model, MEMTRACK_NOTE, memtrack_call(model, writeStatus, level, interval, totals.suspects));
  });
}

void
memtrack_analysis_idle()
{
  memtrack_stacks_stop();
  totals          = memtrack_totals{};
  sample_interval = 0;
}

const struct memtrack_totals *
memtrack_analysis_totals()
{
  return &totals;
}
