/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's own symbols, by version; see api.h for the plugin API. Versions that are not in the table are left alone. Facts
 * common to all versions are in the files that use them: names of the server's libraries (module/module.c), of statistics
 * (dump/environment.cc), the beginning of its locations (hook/buffer.c), the layout of the built-in tracker's rows
 * (assembly/registry/builtin_row.ts), the heads of its table of freelists (assembly/model/freelists.ts).
 */
#ifndef MEMTRACK_SERVER_H
#define MEMTRACK_SERVER_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_SERVER_NAMES 12 /* names in a list */

struct memtrack_server {
  const char *versions[4]; /* beginnings of its version strings, and NULL */
  const char *increment;   /* void (const char *location, int64_t size): each IOBuffer event */
  const char *dump;        /* void (FILE *): called on SIGUSR1 and by the timer */
  const char *level;       /* int: increment is called only while it is nonzero */
  const char *signal;      /* the function that calls dump on SIGUSR1 */
  const char *freelists;   /* void (FILE *): prints the bytes held by the freelists */
  const char *log_folder;  /* std::string (): the folder of the server's logs */
  const char *timer;       /* the function that calls it every dump_mem_info_frequency seconds */
  /* For the server's own heap; each list ends with NULL. */
  const char *allocators[MEMTRACK_SERVER_NAMES];      /* functions that allocate for their callers */
  const char *freelist_tables[MEMTRACK_SERVER_NAMES]; /* const void *(): the three functions of freelists, of which the first
                                                             takes an object; of those in use and of those that are switched off */
  const char *header_heaps[MEMTRACK_SERVER_NAMES];    /* functions that take memory for the headers of a message */
  bool has_yaml;                                      /* its records are in records.yaml, otherwise in records.config */
};

/* The entry for a version string such as "9.2.9", or NULL. Any thread. */
const struct memtrack_server *memtrack_server_find(const char *version);

/* The supported versions, as text. Any thread. */
const char *memtrack_server_versions(void);

#ifdef __cplusplus
}
#endif

#endif
