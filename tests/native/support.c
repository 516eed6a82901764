// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "support.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "core/model.h"
#include "core/registry.h"
#include "core/shard.h"
#include "dump/dump.h"

const struct memtrack_server stand_in = {.versions  = {"9.2."},
                                         .increment = "target_increment",
                                         .dump      = "target_dump",
                                         .level     = "target_level",
                                         .signal    = "",
                                         .timer     = ""};

// The sanitizers' allocators must answer an impossible size like the C library's.
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *
__asan_default_options(void)
{
  return "allocator_may_return_null=1";
}

const char *
__tsan_default_options(void)
{
  return "allocator_may_return_null=1:halt_on_error=1";
}

static char logged[65536];
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;

void
memtrack_log(enum memtrack_severity severity, const char *format, ...)
{
  va_list list;
  (void)severity;
  pthread_mutex_lock(&log_mutex);
  size_t used = strlen(logged);
  va_start(list, format);
  vsnprintf(logged + used, sizeof(logged) - used - 1, format, list);
  va_end(list);
  strcat(logged, "\n");
  pthread_mutex_unlock(&log_mutex);
}

const char *
log_text(void)
{
  static char copy[sizeof(logged)];
  pthread_mutex_lock(&log_mutex);
  strcpy(copy, logged);
  pthread_mutex_unlock(&log_mutex);
  return copy;
}

void
log_clear(void)
{
  pthread_mutex_lock(&log_mutex);
  logged[0] = '\0';
  pthread_mutex_unlock(&log_mutex);
}

void
open_accounting(uint32_t sites)
{
  assert_int_equal(memtrack_registry_open(sites), 0);
  assert_int_equal(memtrack_shards_open(sites), 0);
  assert_int_equal(memtrack_model_open(sites), 0);
}

struct sums
sum_site(uint32_t wanted)
{
  struct sums sums    = {0};
  uint32_t count      = memtrack_registry_count();
  uint64_t(*pairs)[2] = calloc(count, sizeof(*pairs));
  for (uint32_t i = 0; i < memtrack_shard_count(); ++i) {
    for (int frees = 0; frees < 2; ++frees) {
      memtrack_shard_read(memtrack_shard_get(i), frees ? MEMTRACK_RECORD_FREES : MEMTRACK_RECORD_ALLOCS, count, (uint8_t *)pairs);
      for (uint32_t site = 0; site < count; ++site) {
        bool prior = site >= MEMTRACK_SITE_PRE_ARMING && site < MEMTRACK_SITE_FIRST;
        if (wanted == MEMTRACK_SITE_UNKNOWN ? !prior : site == wanted) {
          *(frees ? &sums.frees : &sums.allocs) += pairs[site][0];
          *(frees ? &sums.free_bytes : &sums.alloc_bytes) += pairs[site][1];
        }
      }
    }
  }
  free(pairs);
  return sums;
}

bool
no_record(const char *name, int64_t *value)
{
  (void)name;
  (void)value;
  return false;
}

char *
dump_text(int level, bool verify)
{
  struct memtrack_state state = {.level = level, .verify = verify, .iobuffer = MEMTRACK_HOOK_INSTALLED};
  int fd                      = memfd_create("dump", 0);
  assert_true(fd >= 0);
  assert_int_equal(memtrack_dump_write(fd, MEMTRACK_DUMP_REASON_OTHER, &state), 0);
  off_t size = lseek(fd, 0, SEEK_END);
  char *text = calloc(1, size + 1);
  assert_int_equal(pread(fd, text, size, 0), size);
  close(fd);
  return text;
}

char *
maps_text(void)
{
  char *text  = NULL;
  size_t size = 0;
  char line[1024];
  FILE *out  = open_memstream(&text, &size);
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof(line), maps)) {
    if (strchr(line, '/')) {
      fputs(line, out);
    }
  }
  fclose(maps);
  fclose(out);
  return text;
}

void *
open_beside(const char *name, int flags)
{
  char path[PATH_MAX + 64];
  ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
  assert_true(length > 0);
  path[length] = '\0';
  strcpy(strrchr(path, '/') + 1, name);
  void *handle = dlopen(path, flags);
  if (!handle) {
    fail_msg("%s", dlerror());
    abort();
  }
  return handle;
}

bool
has_search_thread(void)
{
  bool found = false;
  DIR *tasks = opendir("/proc/self/task");
  for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
    char path[300], name[32] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
    FILE *file = fopen(path, "re");
    found      = found || (file && fgets(name, sizeof(name), file) && strcmp(name, "memtrack-search\n") == 0);
    if (file) {
      fclose(file);
    }
  }
  if (tasks) {
    closedir(tasks);
  }
  return found;
}
