/* SPDX-License-Identifier: Apache-2.0
 * Loads libraries in each other's place, each for an instant, and forgets what they allocate; argv[1] is their folder. At the first
 * transaction it also uses libraries with an allocator of their own, bound at once and at their first calls; with argv[2],
 * "namespace", one in another namespace, which has a C library of its own. */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include "corpus.h"

typedef void *(*make_like)(void);
typedef void (*drop_like)(void *);

static char folder[512];
static int with_namespace;

CORPUS_NOINLINE static void *
load(const char *name, int mode, int apart)
{
  char path[600];
  snprintf(path, sizeof(path), "%s/%s.so", folder, name);
  void *library = apart ? dlmopen(LM_ID_NEWLM, path, mode) : dlopen(path, mode);
  TSReleaseAssert(library);
  return library;
}

CORPUS_NOINLINE static void
use_once(const char *name)
{
  static void *before;
  void *library  = load(name, RTLD_NOW | RTLD_LOCAL, 0);
  make_like make = (make_like)dlsym(library, "late_same_make");
  drop_like drop = (drop_like)dlsym(library, "late_same_drop");
  if (before == (void *)make) {
    fprintf(stderr, "late_reloads: again at one address\n");
  }
  before = (void *)make;
  for (int i = 0; i < 10; ++i) {
    drop(CORPUS_LAUNDER(make())); // SITE use_once: heap +30 -30 =0
    CORPUS_KEEP(make());          // SITE use_once: heap +30 -0 =4000
  }
  dlclose(library);
}

CORPUS_NOINLINE static void
use_own(const char *name, int mode)
{
  void *library = load(name, mode | RTLD_LOCAL | RTLD_DEEPBIND, 0);
  ((void (*)(size_t))dlsym(library, "late_own_pairs"))(500000);
  make_like make = (make_like)dlsym(library, "late_own_make");
  drop_like drop = (drop_like)dlsym(library, "late_own_drop");
  for (int i = 0; i < 1000; ++i) {
    char *block = (char *)make();
    memset(block, i, 100);
    drop(block);
  }
}

CORPUS_NOINLINE static void
use_apart(void)
{
  void *library  = load("late_same_1", RTLD_NOW | RTLD_LOCAL, 1);
  make_like make = (make_like)dlsym(library, "late_same_make");
  drop_like drop = (drop_like)dlsym(library, "late_same_drop");
  for (int i = 0; i < 1000; ++i) {
    drop(CORPUS_LAUNDER(make()));
  }
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static int used;
  (void)txn;
  pthread_mutex_lock(&mutex);
  if (!used++) {
    use_own("late_own_now", RTLD_NOW);
    use_own("late_own_lazy", RTLD_LAZY);
    if (with_namespace) {
      use_apart();
    }
  }
  use_once("late_same_1");
  use_once("late_same_1");
  use_once("late_same_2");
  pthread_mutex_unlock(&mutex);
}

CORPUS_HANDLER(behave)

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  TSReleaseAssert(argc >= 2);
  snprintf(folder, sizeof(folder), "%s", argv[1]);
  with_namespace = argc > 2;
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(corpus_handler, NULL)); // SITE TSPluginInit: TSCont +1 -0 once
}
