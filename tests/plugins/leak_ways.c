/* SPDX-License-Identifier: Apache-2.0
 * Allocates and releases in the ways that other tools for memory had bugs with. Built in several ways as well (WAYS in the
 * Makefile). */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include "corpus.h"

typedef void *(*malloc_like)(size_t);
typedef void (*free_like)(void *);
typedef size_t (*size_like)(void *);

static void *(*volatile allocate)(size_t) = malloc;
static void (*volatile release)(void *)   = free;
static __thread char large[1 << 16];

CORPUS_EXPORT void *__libc_malloc(size_t);
CORPUS_EXPORT void *__libc_memalign(size_t, size_t);

CORPUS_NOINLINE static void
change_allocators(void)
{
  free_like found     = (free_like)dlsym(RTLD_DEFAULT, "free");
  free_like versioned = (free_like)dlvsym(RTLD_DEFAULT, "free", "GLIBC_2.2.5");
  release(CORPUS_LAUNDER(malloc(10)));
  free(CORPUS_LAUNDER(allocate(20)));
  found(CORPUS_LAUNDER(malloc(30)));
  versioned(CORPUS_LAUNDER(__libc_malloc(40)));
  release(CORPUS_LAUNDER(pvalloc(10)));
  found(CORPUS_LAUNDER(__libc_memalign(64, 10)));
}

CORPUS_NOINLINE static void
use_odd_sizes(void)
{
  for (int i = 0; i < 20; ++i) {
    free(CORPUS_LAUNDER(malloc(0)));
  }
  void *block = CORPUS_LAUNDER(malloc(50));
  block       = realloc(block, 0);
  CORPUS_KEEP(block);
  block = realloc(NULL, 60);
  block = realloc(block, 600);
  free(block);
}

/* A program may use all that the allocator reports. */
CORPUS_NOINLINE static void
fill_blocks(void)
{
  size_like found = (size_like)dlsym(RTLD_DEFAULT, "malloc_usable_size");
  void *block     = malloc(10);
  memset(block, 0, malloc_usable_size(block));
  free(block);
  block = aligned_alloc(256, 512);
  memset(block, 0, found(block));
  release(block);
}

CORPUS_NOINLINE static void *
run(void *nothing)
{
  pthread_attr_t attributes;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_destroy(&attributes);
  large[5] = 1;
  free(CORPUS_LAUNDER(malloc(77)));
  return nothing;
}

/* The child allocates, has a child of its own, and loads a library. */
CORPUS_NOINLINE static void
have_child(void)
{
  for (int generation = 0; generation < 2; ++generation) {
    pid_t child = fork();
    if (child == 0) {
      free(CORPUS_LAUNDER(malloc(5)));
      if (generation) {
        CORPUS_KEEP(dlopen("libz.so.1", RTLD_NOW));
        _exit(0);
      }
      continue;
    }
    int status = 0;
    TSReleaseAssert(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (generation) {
      _exit(0);
    }
    return;
  }
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  for (int i = 0; i < 50; ++i) {
    change_allocators();
    use_odd_sizes();
    fill_blocks();
  }
  pthread_t thread;
  large[7] = 1;
  TSReleaseAssert(pthread_create(&thread, NULL, run, NULL) == 0);
  pthread_join(thread, NULL);
  have_child();
  CORPUS_KEEP(allocate(100)); // SITE behave: heap +1 -0 =100
  CORPUS_KEEP(malloc(0));     // SITE behave: heap +1 -0 =0
  malloc_like next = (malloc_like)dlsym(RTLD_NEXT, "malloc");
  CORPUS_KEEP(next(50)); // SITE behave: heap +1 -0 =50
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
