/* SPDX-License-Identifier: Apache-2.0
 * Two threads load and unload libraries without a pause; argv[1] is the libraries' folder. Where a library was loaded, there is
 * another or none an instant later. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include "corpus.h"

enum { LIBRARIES = 20, LOADED_AT_ONCE = 3 };

static char folder[512];

static void *
churn(void *start)
{
  for (size_t round = (size_t)start;; ++round) {
    void *handles[LIBRARIES] = {0};
    for (size_t i = 0; i < LIBRARIES + LOADED_AT_ONCE; ++i) {
      if (i < LIBRARIES) {
        char path[600];
        snprintf(path, sizeof(path), "%s/churn_library_%zu.so", folder, 1 + (i * 7 + round) % LIBRARIES);
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
  TSReleaseAssert(argc == 2);
  snprintf(folder, sizeof(folder), "%s", argv[1]);
  for (size_t i = 0; i < 2; ++i) {
    pthread_t thread;
    TSReleaseAssert(pthread_create(&thread, NULL, churn, (void *)(1 + 7 * i)) == 0);
  }
}
