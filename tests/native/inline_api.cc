// SPDX-License-Identifier: Apache-2.0
//
// A plugin for fault_server.c, compiled with and without optimization, that allocates through the API's inline functions. Each
// block is kept by another function.
#include "inline_api.h"

extern "C" {
void TSPluginInit(int argc, const char *argv[]);
int TSRemapInit(void *cont, int event, void *data);
void say_truth(const char *name);
}

namespace
{
void *kept[64];
int count;
long allocs, frees, bytes;
bool counting = true;

// The barrier prevents a tail call, which would leave no return address in the caller.
void
keep(void *block, long size)
{
  __asm__ volatile("" : : "r"(block) : "memory");
  kept[count++] = block;
  if (counting) {
    ++allocs;
    bytes += size;
  }
}
} // namespace

#define SITE __attribute__((noinline)) void

SITE
keep_malloc()
{
  keep(TSmalloc(1000), 1000); // site: keep_malloc
}

SITE
keep_realloc()
{
  keep(TSrealloc(nullptr, 2000), 2000); // site: keep_realloc
}

SITE
keep_resized()
{
  void *block = TSmalloc(10);
  if (counting) {
    ++allocs;
    ++frees;
  }
  keep(TSrealloc(block, 3000), 3000); // site: keep_resized
}

SITE
keep_strdup()
{
  keep(TSstrdup("text"), 5); // site: keep_strdup
}

SITE
keep_strndup()
{
  keep(TSstrndup("another text", 7), 8); // site: keep_strndup
}

SITE
keep_ralloc()
{
  keep(TSRalloc<long>(500), 4000); // site: keep_ralloc
}

static int
handle(void *cont, int event, void *data)
{
  (void)cont, (void)data;
  switch (event) {
  case FAULT_WORK:
    if (count == 0) {
      keep_malloc();
      keep_realloc();
      keep_resized();
      keep_strdup();
      keep_strndup();
      keep_ralloc();
    }
    break;
  case FAULT_LEVEL_OFF:
    while (count) {
      _TSfree(kept[--count]);
    }
    counting = false;
    break;
  case FAULT_LEVEL_ON: // what is counted next begins at zero
    while (count) {
      _TSfree(kept[--count]);
    }
    counting = true;
    allocs = frees = bytes = 0;
    break;
  }
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc, (void)argv;
  TSContCreate(handle, nullptr);
}

int
TSRemapInit(void *cont, int event, void *data)
{
  return handle(cont, event, data);
}

void
say_truth(const char *name)
{
  fault_truth(name, "tsapi", allocs, frees, bytes);
}
