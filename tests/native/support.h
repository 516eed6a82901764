// SPDX-License-Identifier: Apache-2.0
//
// Shared by the native tests: cmocka, the receiver of log lines, reference sums, /proc/self/maps.
#ifndef SUPPORT_H
#define SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../harness/random.h"
#include "core_abi.h"
#include "server/server.h"

// The thread sanitizer looks through all mappings at each load, and cannot live without new ones.
#define THREAD_SANITIZER 0
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef THREAD_SANITIZER
#define THREAD_SANITIZER 1
#endif
#endif

// target.so and victim.so, described like in server.c's table.
extern const struct memtrack_server stand_in;

void victim_increment(const char *where, int64_t size);
void victim_dump(FILE *file);
extern int target_level;

// Lines logged since the last call of log_clear(), concatenated.
const char *log_text(void);
void log_clear(void);

// Opens registry, shards and model for `sites`, once per program.
void open_accounting(uint32_t sites);

// A reader of records for a server that has none (server/record.h).
bool no_record(const char *name, int64_t *value);

struct sums {
  uint64_t allocs, alloc_bytes, frees, free_bytes;
};

// Sums of a site over all shards (MEMTRACK_SITE_UNKNOWN: of all registered sites and rows (other)).
struct sums sum_site(uint32_t site);

// Loads a module that lies beside the program; the test fails if that is not possible.
void *open_beside(const char *name, int flags);

// The text of a dump, malloc'ed.
char *dump_text(int level, bool verify);

// /proc/self/maps, malloc'ed; only the lines of files, which tests themselves do not change.
char *maps_text(void);

// Whether the process has the thread of the search for references.
bool has_search_thread(void);

#endif
