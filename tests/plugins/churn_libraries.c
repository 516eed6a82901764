/* SPDX-License-Identifier: Apache-2.0
 * Threads load and unload libraries without a pause; argv[1] is the libraries' folder, argv[2] and argv[3] the numbers of libraries
 * and threads, if not 20 and 2. Where a library was loaded, there is another or none an instant later. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "corpus.h"

enum { LIBRARIES_MAX = 40, LOADED_AT_ONCE = 3 };

static char folder[512];
static size_t libraries;

static void *
churn(void *start)
{
  for (size_t round = (size_t)start;; ++round) {
    void *handles[LIBRARIES_MAX] = {0};
    for (size_t i = 0; i < libraries + LOADED_AT_ONCE; ++i) {
      if (i < libraries) {
        char path[600];
        snprintf(path, sizeof(path), "%s/churn_library_%zu.so", folder, 1 + (i * 7 + round) % libraries);
        handles[i] = dlopen(path, (round & 1 ? RTLD_LAZY : RTLD_NOW) | RTLD_LOCAL);
        TSReleaseAssert(handles[i]);
      }
      if (i >= LOADED_AT_ONCE) {
        dlclose(handles[i - LOADED_AT_ONCE]);
      }
    }
  }
  return NULL;
}

void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  TSReleaseAssert(argc >= 2);
  snprintf(folder, sizeof(folder), "%s", argv[1]);
  libraries      = argc > 2 ? strtoul(argv[2], NULL, 10) : 20;
  size_t threads = argc > 3 ? strtoul(argv[3], NULL, 10) : 2;
  TSReleaseAssert(libraries <= LIBRARIES_MAX);
  for (size_t i = 0; i < threads; ++i) {
    pthread_t thread;
    TSReleaseAssert(pthread_create(&thread, NULL, churn, (void *)(1 + 7 * i)) == 0);
  }
}
