/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server.h"

#include <stddef.h>
#include <string.h>

/* Symbols are C++ names as the linker sees them. 9.2 imports the first two from libtscore through slots, and has the level in
   its own variable (a copy relocation of libtscore's). */
static const struct memtrack_server servers[] = {
  {
    .version    = "9.2.",
    .increment  = "_ZN15ResourceTracker9incrementEPKcl",
    .dump       = "_ZN15ResourceTracker4dumpEP8_IO_FILE",
    .level      = "res_track_memory",
    .freelists  = "ink_freelists_dump",
    .log_folder = "_Z19RecConfigReadLogDirB5cxx11v",
    .signal     = "_ZN18SignalContinuation8periodicEiP5Event",
    .timer      = "_ZN19TrackerContinuation8periodicEiP5Event",
  },
};

const struct memtrack_server *
memtrack_server_find(const char *version)
{
  for (size_t i = 0; version && i < sizeof(servers) / sizeof(servers[0]); ++i) {
    if (strncmp(version, servers[i].version, strlen(servers[i].version)) == 0) {
      return &servers[i];
    }
  }
  return NULL;
}

const char *
memtrack_server_versions(void)
{
  return "9.2.x";
}
