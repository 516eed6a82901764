/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's own symbols, by version; the plugin API's are in api.h. A version that is not in the table is left alone. What all
 * versions have in common stands where it is used: names of its libraries (module/module.c), of statistics (dump/environment.cc),
 * the beginning of its locations (hook/buffer.c), the layout of its built-in tracker's rows (assembly/registry/builtin_row.ts).
 */
#ifndef MEMTRACK_SERVER_H
#define MEMTRACK_SERVER_H

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_server {
  const char *version;   /* what its version string begins with */
  const char *increment; /* void (const char *location, int64_t size): each IOBuffer event */
  const char *dump;      /* void (FILE *): SIGUSR1 and the timer call it */
  const char *level;     /* int: increment is called only while it is not 0 */
  const char *signal;    /* the function that calls dump on SIGUSR1 */
  const char *freelists; /* void (FILE *): prints what the freelists hold, in bytes */
  const char *timer;     /* and the one that calls it every dump_mem_info_frequency seconds */
};

/* The entry for a version string such as "9.2.9", or NULL. Any thread. */
const struct memtrack_server *memtrack_server_find(const char *version);

/* The versions that are known, in words. Any thread. */
const char *memtrack_server_versions(void);

#ifdef __cplusplus
}
#endif

#endif
