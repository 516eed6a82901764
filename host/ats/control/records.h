/* SPDX-License-Identifier: Apache-2.0
 *
 * The records that govern memtrack: names, ranges, what is used where a value is out of range. A bad value gets one line with the
 * value, the range and what is used instead; so does each change.
 */
#ifndef MEMTRACK_RECORDS_H
#define MEMTRACK_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

/* The present value of a record or a statistic of the server's, or false where it has none of that name. */
typedef bool (*memtrack_record_reader)(const char *name, int64_t *value);

enum memtrack_setting {
  MEMTRACK_SETTING_LEVEL,     /* proxy.config.res_track_memory */
  MEMTRACK_SETTING_FREQUENCY, /* proxy.config.dump_mem_info_frequency; the server itself acts on it */
  MEMTRACK_SETTING_SITES,     /* proxy.config.plugin.memtrack.sites; at start only */
  MEMTRACK_SETTING_VERIFY,    /* proxy.config.plugin.memtrack.verify */
  MEMTRACK_SETTING_HEAP,      /* proxy.config.plugin.memtrack.heap */
  MEMTRACK_SETTING_INTERVAL,  /* proxy.config.plugin.memtrack.sample_interval */
  MEMTRACK_SETTING_COUNT,
};

struct memtrack_setting_rule {
  const char *name;
  int64_t min, max;
  int64_t below, above; /* what is used for a value below min, above max */
  int64_t normal;       /* the default */
  bool ours;            /* we create the record; the server has the others */
  const char *check;    /* range as traffic_ctl knows it */
};

const struct memtrack_setting_rule *memtrack_setting_rule(enum memtrack_setting record);

/* The value to use for what a record holds; says in diags.log what is out of range, and that a value changed. Each once per
   value. Serialised by the caller. Not hook-safe. */
int64_t memtrack_setting_use(enum memtrack_setting record, int64_t value);

/* Reads a records.config and says which of the values there is no number, and what the server makes of it without a word, which
   `read` tells. Returns how many. init-only. */
int memtrack_records_check_file(const char *path, memtrack_record_reader read);

#endif
