/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures the process, its machine and the server for the analysis. Values that cannot be determined stay unknown.
 */
#ifndef MEMTRACK_ENVIRONMENT_H
#define MEMTRACK_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core_abi.h"
#include "server/record.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_measures {
  uint64_t transactions; /* since the server's start; 0 if unknown */
  bool known[MEMTRACK_MEASURE_COUNT];
  uint64_t value[MEMTRACK_MEASURE_COUNT];
};

/* Measures for each sample, and has the model read the server's freelists. Not hook-safe. */
void memtrack_measure_sample(struct memtrack_measures *measures, memtrack_record_reader read);

/* Same, with the measures that only a dump needs. Not hook-safe. */
void memtrack_measure_dump(struct memtrack_measures *measures, memtrack_record_reader read);

/* The limit of the process's control group, from the text of /proc/self/cgroup and the folder of the groups. 0: none. A separate
   function for tests. Not hook-safe. */
uint64_t memtrack_measure_cgroup(const char *membership_path, const char *groups_path);

#ifdef __cplusplus
}
#endif

#endif
