// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ARENA_AT   ((void *)0x200000000000)
#define ARENA_SIZE (1u << 20)

static int given;
static char **words;
static uint64_t used;
static char *arena;
static uint32_t *texts;

void
fail(const char *what)
{
  fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
  exit(1);
}

void
arguments(int argc, char **argv)
{
  given = argc - 1;
  words = argv + 1;
}

const char *
argument_word(const char *name)
{
  size_t length = strlen(name);
  for (int i = 0; i < given; ++i) {
    if (strncmp(words[i], name, length) == 0 && words[i][length] == '=') {
      used |= 1u << i;
      return words[i] + length + 1;
    }
  }
  fprintf(stderr, "%s: %s=... is missing\n", program_invocation_short_name, name);
  exit(2);
}

uint64_t
argument_number(const char *name)
{
  char *end;
  const char *word = argument_word(name);
  uint64_t value   = strtoull(word, &end, 10);
  if (end == word || *end) {
    fprintf(stderr, "%s: %s=%s is not a number\n", program_invocation_short_name, name, word);
    exit(2);
  }
  return value;
}

void
arguments_done(void)
{
  for (int i = 0; i < given; ++i) {
    if (!(used >> i & 1)) {
      fprintf(stderr, "%s: unknown argument %s\n", program_invocation_short_name, words[i]);
      exit(2);
    }
  }
}

uint64_t
now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + time.tv_nsec;
}

void
pin(unsigned core)
{
  unsigned cores = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core < cores ? core : cores - 1, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

uint64_t
resident(void)
{
  unsigned long all, in_memory = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%lu %lu", &all, &in_memory) != 2) {
    fail("cannot read /proc/self/statm");
  }
  fclose(file);
  return (uint64_t)in_memory * sysconf(_SC_PAGESIZE);
}

void *
bare_allocate(size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return malloc(size);
}

void *
bare_reallocate(void *block, size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return realloc(block, size);
}

void
bare_release(void *block, const char *file, int line)
{
  (void)file;
  (void)line;
  free(block);
}

// ResourceTracker::increment(char const *, long), as imported by the server.
extern void builtin_increment(const char *location, int64_t size) __asm__("_ZN15ResourceTracker9incrementEPKcl");

extern void builtin_dump(FILE *file) __asm__("_ZN15ResourceTracker4dumpEP8_IO_FILE");

void
dump_builtin(FILE *file)
{
  builtin_dump(file);
}

__attribute__((noinline)) event_function
increment_now(void)
{
  // The compiler treats a function's address as a constant; here it must be the present value of the slot.
  __asm__ volatile("" ::: "memory");
  return builtin_increment;
}

const char *
place_of(uint32_t site)
{
  return arena + texts[site];
}

void
make_sequence(struct sequence *sequence, uint32_t sites)
{
  static const char *const files[] = {"HttpSM", "HttpTunnel", "Http2ConnectionState", "SSLNetVConnection", "Cache", "InkIOCoreAPI"};
  uint64_t seed                    = 1;
  uint32_t transactions            = 128;
  while (transactions * TRANSACTION < sites) {
    transactions *= 2;
  }
  arena = mmap(ARENA_AT, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  texts = malloc(sites * sizeof(*texts));

  uint32_t *order  = malloc(sites * sizeof(*order));
  sequence->mask   = transactions - 1;
  sequence->places = malloc(transactions * TRANSACTION * sizeof(*sequence->places));
  uint32_t at      = 0;
  for (uint32_t site = 0; site < sites; ++site) {
    texts[site] = at;
    at += 1 + snprintf(arena + at, ARENA_SIZE - at, "memory/IOBuffer/%s.cc:%u", files[random_next(&seed) % 6], 100 + site);
    if (at >= ARENA_SIZE) {
      fail("too many sites");
    }
    uint32_t other = random_next(&seed) % (site + 1); // Fisher-Yates, inside-out variant
    order[site]    = order[other];
    order[other]   = site;
  }
  for (uint32_t i = 0; i < transactions * TRANSACTION; ++i) {
    sequence->places[i] = texts[order[i % sites]];
  }
  free(order);
}

__attribute__((noinline)) void
run_events(event_function event, const struct sequence *sequence, uint64_t from, uint64_t transactions)
{
  // Kept in registers across the calls, and unrolled, to minimize the driver's cost.
  const uint32_t *places = sequence->places;
  const char *base       = arena;
  uint32_t mask          = sequence->mask;
  for (uint32_t at = from, end = from + transactions; at != end; ++at) {
    const uint32_t *taken = &places[(at & mask) * TRANSACTION];
    event(base + taken[0], EVENT_SIZE);
    event(base + taken[1], EVENT_SIZE);
    event(base + taken[2], EVENT_SIZE);
    event(base + taken[3], EVENT_SIZE);
    event(base + taken[0], -EVENT_SIZE);
    event(base + taken[1], -EVENT_SIZE);
    event(base + taken[2], -EVENT_SIZE);
    event(base + taken[3], -EVENT_SIZE);
  }
}
