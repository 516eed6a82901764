// SPDX-License-Identifier: Apache-2.0
//
// Cost of an allocation and its release in nanoseconds of wall-clock time, one line per set of functions.
//
//   pairs sets=LETTERS mode=MODE size=N ms=N
//
// Sets, measured in that order: b the bare allocator, o the OpenSSL hook, t the hooks of TSmalloc and TSfree, n the hooks of
// operator new and delete (t and n have no realloc). With b alone, memtrack is not in the process, so that the same loop can run
// under another profiler. Modes, each with LIVE blocks at a time:
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
#define RING  1024 // blocks in transit to the other thread
#define BATCH 64

struct set {
  char letter;
  void *(*allocate)(size_t size, const char *file, int line);
  void *(*reallocate)(void *block, size_t size, const char *file, int line);
  void (*release)(void *block, const char *file, int line);
};

static size_t size;

static void *(*hook_TSmalloc)(size_t, const char *);
static void *(*hook_TSrealloc)(void *, size_t, const char *);
static void (*hook_TSfree)(void *);
static void *(*hook_new)(size_t);
static void *(*hook_realloc)(void *, size_t);
static void (*hook_delete)(void *);

static void *
ts_allocate(size_t wanted, const char *file, int line)
{
  (void)line;
  return hook_TSmalloc(wanted, file);
}

static void *
ts_reallocate(void *block, size_t wanted, const char *file, int line)
{
  (void)line;
  return hook_TSrealloc(block, wanted, file);
}

static void
ts_release(void *block, const char *file, int line)
{
  (void)file;
  (void)line;
  hook_TSfree(block);
}

static void *
new_allocate(size_t wanted, const char *file, int line)
{
  (void)file;
  (void)line;
  return hook_new(wanted);
}

static void *
new_reallocate(void *block, size_t wanted, const char *file, int line)
{
  (void)file;
  (void)line;
  return hook_realloc(block, wanted);
}

static void
new_release(void *block, const char *file, int line)
{
  (void)file;
  (void)line;
  hook_delete(block);
}

static struct set sets[] = {
  {'b', bare_allocate, bare_reallocate, bare_release},
  {'o', NULL, NULL, NULL}, // as returned by CRYPTO_get_mem_functions() after the installation
  {'t', ts_allocate, ts_reallocate, ts_release},
  {'n', new_allocate, new_reallocate, new_release},
};

static struct set *
set_of(char letter)
{
  struct set *set = sets;
  while (set->letter != letter) {
    ++set;
  }
  return set;
}

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
      sched_yield(); // the allocating thread may need this core
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
  if (!run || strspn(letters, "botn") != strlen(letters)) {
    fail("mode: pair, realloc or cross; sets: letters of botn");
  }
  if (strcmp(letters, "b") != 0) {
    host_open(4096);
  }
  if (strchr(letters, 'o')) {
    struct set *set = set_of('o');
    host_install_openssl();
    CRYPTO_get_mem_functions(&set->allocate, &set->reallocate, &set->release);
  }
  if (strpbrk(letters, "tn")) {
    host_arm_plugins();
    hook_TSmalloc  = (void *(*)(size_t, const char *))(uintptr_t)host_plugin_hook("_TSmalloc");
    hook_TSrealloc = (void *(*)(void *, size_t, const char *))(uintptr_t)host_plugin_hook("_TSrealloc");
    hook_TSfree    = (void (*)(void *))(uintptr_t)host_plugin_hook("_TSfree");
    hook_new       = (void *(*)(size_t))(uintptr_t)host_plugin_hook("_Znwm");
    hook_realloc   = (void *(*)(void *, size_t))(uintptr_t)host_plugin_hook("realloc");
    hook_delete    = (void (*)(void *))(uintptr_t)host_plugin_hook("_ZdlPv");
  }
  for (const char *letter = letters; *letter; ++letter) {
    const struct set *set = set_of(*letter);
    double trial          = run(set, TRIAL);
    uint64_t count        = target * TRIAL / (trial + 1) + 1;
    printf("%c %.4f\n", *letter, run(set, count) / count);
  }
  return 0;
}
