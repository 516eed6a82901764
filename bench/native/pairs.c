// SPDX-License-Identifier: Apache-2.0
//
// What an allocation and its release cost, nanoseconds of wall clock, one line per set of functions.
//
//   pairs sets=LETTERS mode=MODE size=N ms=N
//
// Sets, measured in that order: b the bare allocator, o our OpenSSL hook. With b alone nothing of ours is in the process: so the
// same loop runs under another profiler. Modes, each with LIVE blocks at a time:
//
//   pair      a new block, and the oldest one is released
//   realloc   a block grows or shrinks by a quarter (that is a release and an allocation)
//   cross     a new block, which another thread releases
#define _GNU_SOURCE
#include <openssl/crypto.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "support.h"

#define LIVE  64
#define TRIAL 20000
#define RING  1024 // blocks on their way to the other thread
#define BATCH 64

struct set {
  char letter;
  void *(*allocate)(size_t size, const char *file, int line);
  void *(*reallocate)(void *block, size_t size, const char *file, int line);
  void (*release)(void *block, const char *file, int line);
};

static size_t size;

// As libcrypto calls its allocator: through a pointer, with a file and a line.
static void *
bare_allocate(size_t wanted, const char *file, int line)
{
  (void)file;
  (void)line;
  return malloc(wanted);
}

static void *
bare_reallocate(void *block, size_t wanted, const char *file, int line)
{
  (void)file;
  (void)line;
  return realloc(block, wanted);
}

static void
bare_release(void *block, const char *file, int line)
{
  (void)file;
  (void)line;
  free(block);
}

static struct set sets[] = {
  {'b', bare_allocate, bare_reallocate, bare_release},
  {'o', NULL, NULL, NULL}, // what CRYPTO_get_mem_functions() tells after the installation
};

// 64 sites: 8 files, 8 lines each.
static const char *const files[8] = {"crypto/evp/digest.c",  "crypto/asn1/tasn_new.c",  "ssl/ssl_sess.c",
                                     "crypto/stack/stack.c", "crypto/bn/bn_lib.c",      "ssl/statem/statem.c",
                                     "crypto/mem_sec.c",     "ssl/record/ssl3_buffer.c"};

static inline const char *
file_of(uint64_t i)
{
  return files[i >> 3 & 7];
}

static inline int
line_of(uint64_t i)
{
  return 100 + (i & 7) * 10;
}

static double
run_pairs(const struct set *set, uint64_t count)
{
  void *live[LIVE] = {NULL};
  uint64_t from    = now();
  for (uint64_t i = 0; i < count; ++i) {
    void **block = &live[i % LIVE];
    set->release(*block, file_of(i), line_of(i));
    *block                   = set->allocate(size, file_of(i), line_of(i));
    *(volatile char *)*block = 1;
  }
  uint64_t to = now();
  for (unsigned i = 0; i < LIVE; ++i) {
    set->release(live[i], files[0], 1);
  }
  return to - from;
}

static double
run_reallocs(const struct set *set, uint64_t count)
{
  void *live[LIVE];
  for (unsigned i = 0; i < LIVE; ++i) {
    live[i] = set->allocate(size, file_of(i), line_of(i));
  }
  uint64_t from = now();
  for (uint64_t i = 0; i < count; ++i) {
    void **block = &live[i % LIVE];
    *block       = set->reallocate(*block, i & LIVE ? size : size + size / 4, file_of(i), line_of(i));
  }
  uint64_t to = now();
  for (unsigned i = 0; i < LIVE; ++i) {
    set->release(live[i], files[0], 1);
  }
  return to - from;
}

static struct {
  _Alignas(128) _Atomic uint64_t sent;
  _Alignas(128) _Atomic uint64_t released;
  void *blocks[RING];
  const struct set *set;
  uint64_t count;
} ring;

static void *
releaser(void *unused)
{
  (void)unused;
  for (uint64_t done = 0; done < ring.count;) {
    uint64_t sent = atomic_load_explicit(&ring.sent, memory_order_acquire);
    if (done == sent) {
      sched_yield(); // the allocating thread may want this core
    }
    for (; done < sent; ++done) {
      ring.set->release(ring.blocks[done % RING], file_of(done), line_of(done));
    }
    atomic_store_explicit(&ring.released, done, memory_order_release);
  }
  return NULL;
}

static double
run_cross(const struct set *set, uint64_t count)
{
  pthread_t other;
  ring.set   = set;
  ring.count = count = (count + BATCH - 1) / BATCH * BATCH;
  atomic_store(&ring.sent, 0);
  atomic_store(&ring.released, 0);
  uint64_t from = now();
  if (pthread_create(&other, NULL, releaser, NULL)) {
    fail("cannot create a thread");
  }
  for (uint64_t i = 0; i < count; i += BATCH) {
    while (i + BATCH - atomic_load_explicit(&ring.released, memory_order_acquire) > RING) {
      sched_yield();
    }
    for (uint64_t k = i; k < i + BATCH; ++k) {
      ring.blocks[k % RING] = set->allocate(size, file_of(k), line_of(k));
    }
    atomic_store_explicit(&ring.sent, i + BATCH, memory_order_release);
  }
  pthread_join(other, NULL);
  return now() - from;
}

int
main(int argc, char **argv)
{
  arguments(argc, argv);
  const char *letters = argument_word("sets");
  const char *mode    = argument_word("mode");
  size                = argument_number("size");
  double target       = argument_number("ms") * 1e6;
  arguments_done();
  double (*run)(const struct set *, uint64_t) = strcmp(mode, "pair") == 0      ? run_pairs
                                                : strcmp(mode, "realloc") == 0 ? run_reallocs
                                                : strcmp(mode, "cross") == 0   ? run_cross
                                                                               : NULL;
  if (!run || strspn(letters, "bo") != strlen(letters)) {
    fail("mode: pair, realloc or cross; sets: letters of bo");
  }
  if (strchr(letters, 'o')) {
    host_open(4096);
    host_install_openssl();
    CRYPTO_get_mem_functions(&sets[1].allocate, &sets[1].reallocate, &sets[1].release);
  }
  for (const char *letter = letters; *letter; ++letter) {
    const struct set *set = &sets[*letter == 'o'];
    double trial          = run(set, TRIAL);
    uint64_t count        = target * TRIAL / (trial + 1) + 1;
    printf("%c %.4f\n", *letter, run(set, count) / count);
  }
  return 0;
}
