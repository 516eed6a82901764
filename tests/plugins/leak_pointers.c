/* SPDX-License-Identifier: Apache-2.0
 * Forgets what it allocates through pointers to the functions: from data, from dlsym(), in the C library on its behalf. */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <malloc.h>
#include "corpus.h"

static const struct {
  void *(*allocate)(size_t);
  void *(*clear)(size_t, size_t);
  void *(*resize)(void *, size_t);
  char *(*copy)(const char *);
} ops = {malloc, calloc, realloc, strdup};

CORPUS_EXPORT void *__libc_malloc(size_t);

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  CORPUS_KEEP(ops.allocate(100));     // SITE behave: heap +1 -0 =100
  CORPUS_KEEP(ops.clear(4, 50));      // SITE behave: heap +1 -0 =200
  CORPUS_KEEP(ops.resize(NULL, 300)); // SITE behave: heap +1 -0 =300
  CORPUS_KEEP(ops.copy("leaked"));    // SITE behave: heap +1 -0 =7

  void *(*found)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "malloc");
  CORPUS_KEEP(found(400)); // SITE behave: heap +1 -0 =400
  void *next = found(500); // SITE behave: heap +1 -1 =0
  free(next);
  CORPUS_KEEP(__libc_malloc(600)); // SITE behave: heap +1 -0 =600
  CORPUS_KEEP(pvalloc(700));       // SITE behave: heap +1 -0 =700
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
