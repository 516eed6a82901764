/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "control/records.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_abi.h"
#include "base/log.h"

static const struct memtrack_setting_rule rules[MEMTRACK_SETTING_COUNT] = {
  [MEMTRACK_SETTING_LEVEL] =
    {
      .name  = "proxy.config.res_track_memory",
      .max   = 2,
      .above = 2, /* the server too takes anything above for 2 */
    },
  [MEMTRACK_SETTING_FREQUENCY] =
    {
      .name = "proxy.config.dump_mem_info_frequency",
      .max  = INT32_MAX,
    },
  [MEMTRACK_SETTING_SITES] =
    {
      .name   = "proxy.config.plugin.memtrack.sites",
      .min    = MEMTRACK_SITES_MIN,
      .max    = MEMTRACK_SITES_MAX,
      .below  = MEMTRACK_SITES_DEFAULT,
      .above  = MEMTRACK_SITES_DEFAULT,
      .normal = MEMTRACK_SITES_DEFAULT,
      .ours   = true,
      .check  = "[64-65520]",
    },
  [MEMTRACK_SETTING_VERIFY] =
    {
      .name  = "proxy.config.plugin.memtrack.verify",
      .max   = 1,
      .ours  = true,
      .check = "[0-1]",
    },
  [MEMTRACK_SETTING_HEAP] =
    {
      .name  = "proxy.config.plugin.memtrack.heap",
      .max   = 1,
      .ours  = true,
      .check = "[0-1]",
    },
  [MEMTRACK_SETTING_INTERVAL] =
    {
      .name   = "proxy.config.plugin.memtrack.sample_interval",
      .max    = 3600, /* with one a day, a leak would be found in a quarter of a year */
      .below  = 10,
      .above  = 3600,
      .normal = 10,
      .ours   = true,
      .check  = "[0-3600]",
    },
};

const struct memtrack_setting_rule *
memtrack_setting_rule(enum memtrack_setting record)
{
  return &rules[record];
}

int64_t
memtrack_setting_use(enum memtrack_setting record, int64_t value)
{
  static int64_t last[MEMTRACK_SETTING_COUNT];
  static bool seen[MEMTRACK_SETTING_COUNT];
  const struct memtrack_setting_rule *rule = &rules[record];
  int64_t used                             = value < rule->min ? rule->below : value > rule->max ? rule->above : value;
  /* The dumps' timer is the server's, which takes 32 bits of it. */
  if (record == MEMTRACK_SETTING_FREQUENCY && value > rule->max) {
    used = (int32_t)value > 0 ? (int32_t)value : 0;
  }
  if (!seen[record] || last[record] != value) {
    if (used != value) {
      memtrack_log(MEMTRACK_WARNING, "%s is %" PRId64 ", allowed are %" PRId64 " to %" PRId64 ": %" PRId64 " is used", rule->name,
                   value, rule->min, rule->max, used);
    } else if (seen[record]) {
      memtrack_log(MEMTRACK_NOTE, "%s is now %" PRId64 "%s", rule->name, value,
                   record == MEMTRACK_SETTING_SITES                    ? ": it takes effect when traffic_server is started again"
                   : record == MEMTRACK_SETTING_INTERVAL && value == 0 ? ": no more samples, so what grows is not told"
                                                                       : "");
    }
  }
  seen[record] = true;
  last[record] = value;
  return used;
}

/* Whether the server reads all of the text as a number: a minus, digits, and the multipliers it knows. */
static bool
is_number(const char *text)
{
  char *end;
  if (*text == '+') {
    return false;
  }
  if (strncmp(text, "0x", 2) == 0) {
    strtoull(text, &end, 16);
    return end != text + 2 && *end == '\0';
  }
  strtoll(text, &end, 10);
  return end != text && (*end == '\0' || (strchr("KMGT", *end) && end[1] == '\0'));
}

/* What the server makes of a value depends on where it stops to be a number: it is asked. */
static void
write_taken(const char *name, memtrack_record_reader read, char text[64])
{
  int64_t taken;
  if (read(name, &taken)) {
    snprintf(text, 64, "the server takes it for %" PRId64, taken);
  } else {
    strcpy(text, "what the server takes it for is not known");
  }
}

int
memtrack_records_check_file(const char *path, memtrack_record_reader read)
{
  int bad         = 0;
  char *line      = NULL;
  size_t room     = 0;
  unsigned number = 0;
  FILE *file      = fopen(path, "re");
  while (file && getline(&line, &room, file) >= 0) {
    char *state = NULL;
    char *scope = strtok_r(line, " \t\r\n", &state);
    char *name  = strtok_r(NULL, " \t\r\n", &state);
    char *type  = strtok_r(NULL, " \t\r\n", &state);
    char *value = strtok_r(NULL, "\r\n", &state);
    ++number;
    if (!scope || *scope == '#' || !name || !type || !value) {
      continue;
    }
    value += strspn(value, " \t");
    for (char *end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');) {
      *--end = '\0';
    }
    for (int i = 0; i < MEMTRACK_SETTING_COUNT; ++i) {
      if (strcmp(name, rules[i].name) != 0) {
        continue;
      }
      const char *wrong = strcmp(type, "INT") != 0 ? "not of type INT" : !is_number(value) ? "not a number" : NULL;
      if (wrong) {
        char taken[64];
        write_taken(name, read, taken);
        memtrack_log(MEMTRACK_WARNING, "%s:%u: %s is \"%.100s\" (%.20s), %s; allowed are %" PRId64 " to %" PRId64 ": %s", path,
                     number, name, value, type, wrong, rules[i].min, rules[i].max, taken);
        ++bad;
      }
    }
  }
  free(line);
  if (file) {
    fclose(file);
  }
  return bad;
}
