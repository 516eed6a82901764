/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads memtrack's records from the server. The core knows the records and the meaning of their values
 * (assembly/control/records.ts): an invalid value produces a line with the value, the range and the value used; so does a change.
 * Serialized by the caller; not hook-safe.
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
  char check[32];  /* range in traffic_ctl's notation */
  int64_t normal;  /* the default */
  bool is_text;    /* then normal is 0, and check is empty */
  uint32_t effect; /* MEMTRACK_SETTING_OF_SERVER, ..._LIVE, ..._AT_START */
};

/* A record by its number, MEMTRACK_SETTING_LEVEL and so on. Without a name if the core does not answer. Not hook-safe. */
const struct memtrack_setting *memtrack_setting_get(uint32_t which);

/* The value to use for the record's present value. Not hook-safe. */
int64_t memtrack_setting_read(uint32_t which, memtrack_record_reader read);

/* Sets the level by a message, until its record changes from the value read just before; logs it. Not hook-safe. */
void memtrack_setting_set_level(int level);

/* Checks a records.config: logs each value that is not a number, with the value that the server silently uses instead, read with
   `read`. Returns their number. init-only. */
int memtrack_records_check_file(const char *path, memtrack_record_reader read);

/* Checks a records.yaml, of which it reads the first MEMTRACK_QUESTION_MAX bytes: logs each field of memtrack's that the server
   ignores, reads otherwise than written, or does not know. Returns their number. init-only. */
int memtrack_records_check_yaml(const char *path);

#ifdef __cplusplus
}
#endif

#endif
