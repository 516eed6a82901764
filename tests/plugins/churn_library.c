/* SPDX-License-Identifier: Apache-2.0
 * Not a plugin: a library that churn_libraries.so loads and unloads, built once for each NUMBER. Libraries with even and odd
 * numbers have different slots at the same place. Constructor and destructor allocate, look up names and wait for a thread, so
 * the loader's lock is held for a long time. */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void *kept;

static void *
run(void *nothing)
{
  free(strdup("a thread of a library"));
  free(malloc(300 + NUMBER));
  return nothing;
}

static void
work(void)
{
  pthread_t thread;
  void (*release)(void *) = (void (*)(void *))(size_t)dlsym(RTLD_DEFAULT, "free");
  release(malloc(77));
  dlsym(RTLD_NEXT, "realloc");
  if (pthread_create(&thread, NULL, run, NULL) == 0) {
    pthread_join(thread, NULL);
  }
}

__attribute__((constructor)) static void
on_load(void)
{
  kept = malloc(1000 + NUMBER);
  work();
}

__attribute__((destructor)) static void
on_unload(void)
{
  work();
  free(kept);
}

#if NUMBER & 1
void *
churn_library_more(void *block, size_t size)
{
  return reallocarray(block, size, 2);
}
#endif
