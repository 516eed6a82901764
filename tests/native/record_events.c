/* SPDX-License-Identifier: Apache-2.0
 *
 * Records the events of an unmodified traffic_server, for tests/fixtures (its README.md documents the lines). Loaded with
 * LD_PRELOAD. It intercepts IOBuffer events by defining ResourceTracker::increment, which it then calls; and OpenSSL events with
 * CRYPTO_set_mem_functions before the first allocation. Lines go to the file named by MEMTRACK_EVENTS, in the order of the
 * events, under one mutex, which only a recorder can afford. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*increment_function)(const char *, int64_t);
typedef void *(*malloc_function)(size_t, const char *, int);
typedef void *(*realloc_function)(void *, size_t, const char *, int);
typedef void (*free_function)(void *, const char *, int);
typedef int (*set_function)(malloc_function, realloc_function, free_function);
int CRYPTO_set_mem_functions(malloc_function, realloc_function, free_function);
void record_increment(const char *, int64_t) __asm__("_ZN15ResourceTracker9incrementEPKcl");

#define PLACES_MAX 4096

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int out               = -1;
static const char *places[PLACES_MAX];
static unsigned place_count;
static unsigned thread_count;
static __thread unsigned thread __attribute__((tls_model("initial-exec"))); /* from 1 */

static __attribute__((format(printf, 1, 2))) void
line(const char *format, ...)
{
  char text[1024];
  va_list args;
  va_start(args, format);
  int size = vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  if (size < 0 || (size_t)size >= sizeof(text) || write(out, text, size) != size) {
    abort(); /* a partial record is useless */
  }
}

/* Number of a thread, from 0. Under the mutex. */
static unsigned
thread_number(void)
{
  if (thread == 0) {
    thread = ++thread_count;
  }
  return thread - 1;
}

/* Number of a place; its first use writes the line that declares it. Under the mutex. */
static unsigned
place_number(const char *text)
{
  for (unsigned i = 0; i < place_count; ++i) {
    if (places[i] == text) {
      return i;
    }
  }
  if (place_count == PLACES_MAX) {
    abort();
  }
  places[place_count] = text;
  line("P %u %" PRIxPTR " %s\n", place_count, (uintptr_t)text, text);
  return place_count++;
}

void
record_increment(const char *location, int64_t size)
{
  static increment_function next;
  pthread_mutex_lock(&mutex);
  if (!next) {
    next = (increment_function)dlsym(RTLD_NEXT, "_ZN15ResourceTracker9incrementEPKcl");
  }
  if (out >= 0) {
    unsigned place = place_number(location);
    line("I %u %u %" PRId64 "\n", thread_number(), place, size);
  }
  pthread_mutex_unlock(&mutex);
  next(location, size);
}

static void
record_alloc(void *block, size_t size, const char *file, int source_line)
{
  pthread_mutex_lock(&mutex);
  unsigned place = place_number(file);
  line("A %u %u %d %zu %" PRIxPTR "\n", thread_number(), place, source_line, size, (uintptr_t)block);
  pthread_mutex_unlock(&mutex);
}

static void
record_free(void *block)
{
  pthread_mutex_lock(&mutex);
  line("F %u %" PRIxPTR "\n", thread_number(), (uintptr_t)block);
  pthread_mutex_unlock(&mutex);
}

static void *
record_malloc(size_t size, const char *file, int source_line)
{
  void *block = size ? malloc(size) : NULL;
  if (block) {
    record_alloc(block, size, file, source_line);
  }
  return block;
}

static void
record_release(void *block, const char *file, int source_line)
{
  (void)file;
  (void)source_line;
  if (block) {
    record_free(block);
  }
  free(block);
}

static void *
record_realloc(void *block, size_t size, const char *file, int source_line)
{
  if (!block) {
    return record_malloc(size, file, source_line);
  }
  if (!size) {
    record_release(block, file, source_line);
    return NULL;
  }
  /* Not realloc(): after it has moved the block, another thread could get the old address before the release is recorded. */
  void *moved = malloc(size);
  if (moved) {
    size_t old = malloc_usable_size(block);
    memcpy(moved, block, old < size ? old : size);
    record_free(block);
    free(block);
    record_alloc(moved, size, file, source_line);
  }
  return moved;
}

/* The server sets functions too, and with the recorder's functions OpenSSL would accept them: it does not notice that allocations
 * have been made.
 */
int
CRYPTO_set_mem_functions(malloc_function m, realloc_function r, free_function f)
{
  (void)m;
  (void)r;
  (void)f;
  return 0;
}

static __attribute__((constructor)) void
begin(void)
{
  const char *path = getenv("MEMTRACK_EVENTS");
  /* Programs that start the server (such as setpriv) are not recorded. */
  if (!path || strcmp(program_invocation_short_name, "traffic_server")) {
    return;
  }
  set_function set = (set_function)dlsym(RTLD_NEXT, "CRYPTO_set_mem_functions");
  out              = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (out < 0 || !set || !set(record_malloc, record_realloc, record_release)) {
    fprintf(stderr, "record_events: cannot record to %s\n", path);
    abort();
  }
}
