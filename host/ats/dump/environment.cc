/* SPDX-License-Identifier: Apache-2.0 */
#include "dump/environment.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/ask.h"
#include "dump/freelists.h"
#include "owner/context.h"

/* To count its idle memory, the C library locks its arenas, and allocating threads may wait. If that has taken longer than this
   once, it is not done again. */
#define SLACK_MAX_US 1000

static void
set(memtrack_measures *measures, uint32_t which, uint64_t value)
{
  measures->known[which] = true;
  measures->value[which] = value;
}

static void
set_record(memtrack_measures *measures, uint32_t which, memtrack_record_reader read, const char *name)
{
  int64_t value;
  if (read(name, &value) && value >= 0) {
    set(measures, which, value);
  }
}

/* Sets a measure from a text, if the text contains it. */
static void
set_read(memtrack_measures *measures, uint32_t which, const char *text, size_t length)
{
  memtrack_answer answer;
  bool told = false;
  memtrack_ask(&answer, text, length, [&](memtrack_core *core) {
    told = memtrack_call(core, readMeasure, which, length) != 0;
    return 0u;
  });
  if (told) {
    set(measures, which, answer.number);
  }
}

/* Reads the beginning of a file. Returns the length; 0 if it cannot be read. */
static size_t
read_file(const char *path, char *text, size_t size)
{
  FILE *file    = fopen(path, "re");
  size_t length = file ? fread(text, 1, size, file) : 0;
  if (file) {
    fclose(file);
  }
  return length;
}

static void
set_resident(memtrack_measures *measures)
{
  static char text[MEMTRACK_QUESTION_MAX];
  size_t length = read_file("/proc/self/status", text, sizeof(text));
  set_read(measures, MEMTRACK_MEASURE_RSS, text, length);
  set_read(measures, MEMTRACK_MEASURE_RSS_FILES, text, length);
  set_read(measures, MEMTRACK_MEASURE_THREADS, text, length);
  set_read(measures, MEMTRACK_MEASURE_SWAP, text, length);
}

/* The smallest limit of a group and its ancestors, from a line of /proc/self/cgroup; `smallest` if none is below that. */
static uint64_t
smaller_limit(const char *line, const char *groups_path, uint64_t smallest)
{
  memtrack_answer answer;
  size_t length = strlen(line);
  for (uint32_t up = 0;; ++up) {
    memtrack_ask(&answer, line, length, [=](memtrack_core *core) { return memtrack_call(core, limitPath, length, up); });
    if (answer.length == 0) {
      return smallest;
    }
    char path[2 * MEMTRACK_ANSWER_MAX], text[64];
    snprintf(path, sizeof(path), "%.4000s%s", groups_path, answer.text);
    size_t size = read_file(path, text, sizeof(text));
    memtrack_ask(&answer, text, size, [=](memtrack_core *core) { return memtrack_call(core, smallerLimit, size, smallest); });
    smallest = answer.number;
  }
}

uint64_t
memtrack_measure_cgroup(const char *membership_path, const char *groups_path)
{
  char line[2048];
  uint64_t smallest = 0;
  FILE *file        = fopen(membership_path, "re");
  while (file && fgets(line, sizeof(line), file)) {
    smallest = smaller_limit(line, groups_path, smallest);
  }
  if (file) {
    fclose(file);
  }
  return smallest;
}

/* Whether no other allocator replaces malloc, to which memtrack.so itself is bound: dlsym() answers a hook. Looked up once. */
static bool
is_malloc_the_c_librarys(void)
{
  static bool known, own;
  if (!known) {
    Dl_info of_malloc, of_mallinfo;
    void *mallinfo_there = dlsym(RTLD_DEFAULT, "mallinfo2");
    own                  = mallinfo_there && dladdr((void *)malloc, &of_malloc) && dladdr(mallinfo_there, &of_mallinfo) &&
          of_malloc.dli_fbase == of_mallinfo.dli_fbase;
    known = true;
  }
  return own;
}

void
memtrack_measure_sample(memtrack_measures *measures, memtrack_record_reader read)
{
  MEMTRACK_GUARD_REENTRY; /* memtrack's own memory is not the server's */
  int64_t value;
  memset(measures, 0, sizeof(*measures));
  set(measures, MEMTRACK_MEASURE_NOW, memtrack_clock_seconds());
  measures->transactions = read("proxy.process.http.incoming_requests", &value) && value > 0 ? value : 0;
  set_record(measures, MEMTRACK_MEASURE_CONNECTIONS, read, "proxy.process.net.connections_currently_open");
  set_record(measures, MEMTRACK_MEASURE_RAM_CACHE, read, "proxy.process.cache.ram_cache.bytes_used");
  set_record(measures, MEMTRACK_MEASURE_MAX_USAGE, read, "proxy.config.memory.max_usage");
  set_resident(measures);
  set(measures, MEMTRACK_MEASURE_CGROUP, memtrack_measure_cgroup("/proc/self/cgroup", "/sys/fs/cgroup"));
  if (is_malloc_the_c_librarys()) {
    set(measures, MEMTRACK_MEASURE_BLOCK_HEADER, sizeof(size_t));
  }
  long pages = sysconf(_SC_PHYS_PAGES);
  if (pages > 0) {
    set(measures, MEMTRACK_MEASURE_RAM, (uint64_t)pages * sysconf(_SC_PAGESIZE));
  }
  uint64_t idle;
  if (memtrack_freelists_read(&idle)) {
    set(measures, MEMTRACK_MEASURE_FREELISTS, idle);
  }
}

/* What is idle in the allocator, and what is in use. Not if another allocator replaces malloc: the C library would report an empty
   heap. */
static void
set_heap(memtrack_measures *measures)
{
  static bool slow;
  if (slow || !is_malloc_the_c_librarys()) {
    return;
  }
  uint64_t start          = memtrack_clock_ns();
  struct mallinfo2 memory = mallinfo2();
  slow                    = memtrack_clock_ns() - start > SLACK_MAX_US * 1000ull;
  set(measures, MEMTRACK_MEASURE_SLACK, memory.fordblks);
  set(measures, MEMTRACK_MEASURE_ALLOCATED, memory.uordblks + memory.hblkhd);
}

void
memtrack_measure_dump(memtrack_measures *measures, memtrack_record_reader read)
{
  memtrack_measure_sample(measures, read);
  set_heap(measures);
}
