// SPDX-License-Identifier: Apache-2.0
//
// The longest calls of an allocation, in nanoseconds of wall-clock time, while something happens that an allocation might wait for.
//
//   pauses what=WORD sites=N threads=N
//
// What happens:  nothing    the threads allocate at one site each, known from the first call on
//                sites      each thread's calls are at `sites` new sites, all threads at once
//                copies     same, while another thread copies all names, again and again
//                full       same, and the table of sites is full after half of them
//
// A line for the bare allocator and one for the OpenSSL hook: the median, and the longest that one call in a thousand exceeds, and
// the longest of all.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "host.h"
#include "support.h"

#define THREADS_MAX 64

typedef void *(*allocate_function)(size_t size, const char *file, int line);

static struct {
  allocate_function allocate;
  uint64_t sites, threads;
  bool known;
  uint32_t *times; // of all threads, one after the other
} run;

static pthread_barrier_t start;
static atomic_bool over;

static void *
allocate_many(void *number)
{
  uintptr_t thread = (uintptr_t)number;
  uint32_t *times  = run.times + thread * run.sites;
  char *file       = malloc(16); // a text of its own: other sites than another thread's
  snprintf(file, 16, "file%zu.c", (size_t)thread);
  pthread_barrier_wait(&start);
  for (uint64_t i = 0; i < run.sites; ++i) {
    uint64_t before = now();
    void *block     = run.allocate(40, file, run.known ? 1 : (int)i + 1);
    uint64_t took   = now() - before;
    times[i]        = took < UINT32_MAX ? took : UINT32_MAX;
    bare_release(block, file, 1);
  }
  return NULL;
}

static void *
copy_names(void *file)
{
  while (!over) {
    rewind(file);
    host_dump(fileno(file));
  }
  return NULL;
}

static int
compare(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void
measure(const char *name, allocate_function allocate)
{
  pthread_t threads[THREADS_MAX];
  uint64_t count = run.threads * run.sites;
  run.allocate   = allocate;
  memset(run.times, 0, count * sizeof(*run.times));
  pthread_barrier_init(&start, NULL, run.threads);
  for (uintptr_t i = 0; i < run.threads; ++i) {
    if (pthread_create(&threads[i], NULL, allocate_many, (void *)i)) {
      fail("pthread_create");
    }
  }
  for (uint64_t i = 0; i < run.threads; ++i) {
    pthread_join(threads[i], NULL);
  }
  qsort(run.times, count, sizeof(*run.times), compare);
  printf("%s %u %u %u\n", name, run.times[count / 2], run.times[count - 1 - count / 1000], run.times[count - 1]);
}

static void *
hook(size_t size, const char *file, int line)
{
  return CRYPTO_malloc(size, file, line);
}

int
main(int argc, char **argv)
{
  pthread_t copier;
  arguments(argc, argv);
  const char *what = argument_word("what");
  run.sites        = argument_number("sites");
  run.threads      = argument_number("threads");
  arguments_done();
  if (run.threads == 0 || run.threads > THREADS_MAX || run.sites == 0) {
    fail("threads=1 to 64, sites=1 or more");
  }
  run.times   = calloc(run.threads * run.sites, sizeof(*run.times));
  run.known   = strcmp(what, "nothing") == 0;
  bool copies = strcmp(what, "copies") == 0;
  FILE *file  = tmpfile();
  measure("bare", bare_allocate);
  uint64_t all = run.threads * run.sites + 64; // libcrypto has some of its own
  host_open(strcmp(what, "full") == 0 ? all / 2 : all);
  host_install_openssl();
  if (copies && (!file || pthread_create(&copier, NULL, copy_names, file))) {
    fail("the copying thread");
  }
  measure("ours", hook);
  over = true;
  if (copies) {
    pthread_join(copier, NULL);
  }
  return 0;
}
