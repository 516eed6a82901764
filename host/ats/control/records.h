/* SPDX-License-Identifier: Apache-2.0
 *
 * The records that govern memtrack, as the server has them. Which they are, and what their values mean, is the core's to say
 * (assembly/control/records.ts): a bad value gets one line with the value, the range and what is used instead; so does each change.
 * Serialised by the caller; not hook-safe.
 */
#ifndef MEMTRACK_RECORDS_H
#define MEMTRACK_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core_abi.h"
#include "server/record.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_setting {
  char name[64];
  char check[32];  /* range as traffic_ctl knows it */
  int64_t normal;  /* the default */
  bool is_text;    /* then normal is 0, and check is empty */
  uint32_t effect; /* MEMTRACK_SETTING_OF_SERVER, ..._LIVE, ..._AT_START */
};

/* A record by its number, MEMTRACK_SETTING_LEVEL and so on. Without a name where the core says nothing. Not hook-safe. */
const struct memtrack_setting *memtrack_setting_get(uint32_t which);

/* The value to use for what the record holds now. Not hook-safe. */
int64_t memtrack_setting_read(uint32_t which, memtrack_record_reader read);

/* A message sets the level, until its record is changed from what was read right before; logs it. Not hook-safe. */
void memtrack_setting_set_level(int level);

/* Reads a records.config and says which of the values there is no number, and what the server makes of it without a word, which
   `read` tells. Returns how many. init-only. */
int memtrack_records_check_file(const char *path, memtrack_record_reader read);

#ifdef __cplusplus
}
#endif

#endif
