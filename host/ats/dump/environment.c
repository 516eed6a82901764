/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "dump/environment.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The C library counts its idle memory under its arenas' locks, which threads that allocate may wait for. Where that took longer
   than this once, it is not asked again. */
#define SLACK_MAX_US 1000

static uint64_t
now_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

static void
set(struct memtrack_measures *measures, uint32_t which, uint64_t value)
{
  measures->known[which] = true;
  measures->value[which] = value;
}

static void
set_record(struct memtrack_measures *measures, uint32_t which, memtrack_record_reader read, const char *name)
{
  int64_t value;
  if (read(name, &value) && value >= 0) {
    set(measures, which, value);
  }
}

/* VmRSS and RssFile, of /proc/self/status. */
static void
set_resident(struct memtrack_measures *measures)
{
  char line[256];
  uint64_t kib;
  FILE *file = fopen("/proc/self/status", "re");
  while (file && fgets(line, sizeof(line), file)) {
    if (sscanf(line, "VmRSS: %" SCNu64, &kib) == 1) {
      set(measures, MEMTRACK_MEASURE_RSS, kib * 1024);
    } else if (sscanf(line, "RssFile: %" SCNu64, &kib) == 1) {
      set(measures, MEMTRACK_MEASURE_RSS_FILES, kib * 1024);
    }
  }
  if (file) {
    fclose(file);
  }
}

/* A number in a file of its own; 0 where there is none ("max"). */
static uint64_t
read_number(const char *path)
{
  uint64_t value = 0;
  FILE *file     = fopen(path, "re");
  if (file) {
    if (fscanf(file, "%" SCNu64, &value) != 1) {
      value = 0;
    }
    fclose(file);
  }
  return value;
}

/* The smallest limit of a group and those above it. */
static uint64_t
group_limit(const char *root, const char *group, const char *name)
{
  char path[4096];
  char here[2048];
  uint64_t smallest = 0;
  snprintf(here, sizeof(here), "%s", group);
  for (;;) {
    snprintf(path, sizeof(path), "%s%s/%s", root, here, name);
    uint64_t limit = read_number(path);
    if (limit && (!smallest || limit < smallest)) {
      smallest = limit;
    }
    char *slash = strrchr(here, '/');
    if (!slash) {
      return smallest;
    }
    *slash = '\0';
  }
}

uint64_t
memtrack_measure_cgroup(const char *membership_path, const char *groups_path)
{
  char line[2048], root[2048];
  uint64_t smallest = 0;
  FILE *file        = fopen(membership_path, "re");
  while (file && fgets(line, sizeof(line), file)) {
    line[strcspn(line, "\n")] = '\0';
    uint64_t limit            = 0;
    char *group               = strchr(line, '/');
    if (!group) {
      continue;
    }
    if (strncmp(line, "0::", 3) == 0) {
      limit = group_limit(groups_path, group, "memory.max");
    } else if (strstr(line, ":memory:")) {
      snprintf(root, sizeof(root), "%.1000s/memory", groups_path);
      limit = group_limit(root, group, "memory.limit_in_bytes");
    }
    /* The first version has no word for "none" but a number beyond all memory. */
    if (limit && limit < UINT64_C(1) << 60 && (!smallest || limit < smallest)) {
      smallest = limit;
    }
  }
  if (file) {
    fclose(file);
  }
  return smallest;
}

void
memtrack_measure_sample(struct memtrack_measures *measures, memtrack_record_reader read)
{
  int64_t value;
  memset(measures, 0, sizeof(*measures));
  set(measures, MEMTRACK_MEASURE_NOW, now_us() / 1000000);
  measures->transactions = read("proxy.process.http.incoming_requests", &value) && value > 0 ? value : 0;
  set_record(measures, MEMTRACK_MEASURE_CONNECTIONS, read, "proxy.process.net.connections_currently_open");
  set_record(measures, MEMTRACK_MEASURE_RAM_CACHE, read, "proxy.process.cache.ram_cache.bytes_used");
  set_record(measures, MEMTRACK_MEASURE_MAX_USAGE, read, "proxy.config.memory.max_usage");
  set_resident(measures);
  set(measures, MEMTRACK_MEASURE_CGROUP, memtrack_measure_cgroup("/proc/self/cgroup", "/sys/fs/cgroup"));
  long pages = sysconf(_SC_PHYS_PAGES);
  if (pages > 0) {
    set(measures, MEMTRACK_MEASURE_RAM, (uint64_t)pages * sysconf(_SC_PAGESIZE));
  }
}

/* Of the server's own table, whose last line is "allocated | in use | | TOTAL". */
static void
set_freelists(struct memtrack_measures *measures, const char *name)
{
  void (*print)(FILE *);
  char *text       = NULL;
  size_t size      = 0;
  *(void **)&print = name ? dlsym(RTLD_DEFAULT, name) : NULL;
  FILE *file       = print ? open_memstream(&text, &size) : NULL;
  if (!file) {
    return;
  }
  print(file);
  fclose(file);
  for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    uint64_t allocated, used;
    int end = 0;
    if (sscanf(line, " %" SCNu64 " | %" SCNu64 " | | TOTAL%n", &allocated, &used, &end) == 2 && end && allocated >= used) {
      set(measures, MEMTRACK_MEASURE_FREELISTS, allocated - used);
    }
  }
  free(text);
}

/* Not where another allocator has taken malloc's place: the C library would speak of an empty heap. */
static void
set_slack(struct memtrack_measures *measures)
{
  static bool slow;
  Dl_info of_malloc, of_mallinfo;
  void *mallinfo_there = dlsym(RTLD_DEFAULT, "mallinfo2");
  if (slow || !mallinfo_there || !dladdr(dlsym(RTLD_DEFAULT, "malloc"), &of_malloc) || !dladdr(mallinfo_there, &of_mallinfo) ||
      of_malloc.dli_fbase != of_mallinfo.dli_fbase) {
    return;
  }
  uint64_t start          = now_us();
  struct mallinfo2 memory = mallinfo2();
  slow                    = now_us() - start > SLACK_MAX_US;
  set(measures, MEMTRACK_MEASURE_SLACK, memory.fordblks);
}

void
memtrack_measure_dump(struct memtrack_measures *measures, memtrack_record_reader read, const char *freelists)
{
  memtrack_measure_sample(measures, read);
  set_freelists(measures, freelists);
  set_slack(measures);
}
