/* SPDX-License-Identifier: Apache-2.0
 * Loads and unloads a C++ library at each transaction. Its constructor, and the function that is called at once, release memory
 * with sized operators. Writes a line to standard error if jemalloc has then filed blocks under a size that is not theirs. The
 * argument is the library's path. */
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

#include "corpus.h"
#include "late_sized.h"

extern "C" __attribute__((weak)) int mallctl(const char *, void *, size_t *, void *, size_t);

static std::string library;
static std::mutex counting;

#define BINS_MAX 64
#define STRAYED  3000 /* more blocks of a class than a server of a few threads keeps; fewer than 1,000 transactions release */

struct Bins {
  unsigned count = 0;
  size_t size[BINS_MAX];
  int64_t alive[BINS_MAX], room[BINS_MAX];
};

template <class Value>
static Value
ask(const char *format, unsigned number = 0)
{
  char name[64];
  Value value = {};
  size_t size = sizeof(value);
  snprintf(name, sizeof(name), format, number);
  TSReleaseAssert(mallctl(name, &value, &size, nullptr, 0) == 0);
  return value;
}

/* jemalloc's own count of the blocks of each size class, and of the blocks that its slabs have room for. */
static void
count(Bins *bins)
{
  if (!mallctl) {
    return;
  }
  uint64_t epoch = 1;
  mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  mallctl("epoch", nullptr, nullptr, &epoch, sizeof(epoch));
  bins->count = ask<unsigned>("arenas.nbins");
  TSReleaseAssert(bins->count <= BINS_MAX);
  for (unsigned i = 0; i < bins->count; ++i) {
    bins->size[i]  = ask<size_t>("arenas.bin.%u.size", i);
    bins->alive[i] = ask<size_t>("stats.arenas.4096.bins.%u.curregs", i);
    bins->room[i]  = int64_t(ask<size_t>("stats.arenas.4096.bins.%u.curslabs", i)) * ask<uint32_t>("arenas.bin.%u.nregs", i);
  }
}

static void
compare(const Bins &before, const Bins &after)
{
  for (unsigned i = 0; i < after.count; ++i) {
    int64_t change = after.alive[i] - before.alive[i];
    if (after.alive[i] < 0 || after.alive[i] > after.room[i] || change > STRAYED || change < -STRAYED) {
      fprintf(stderr, "late_sized: class %zu: %+lld blocks, %lld alive, room for %lld\n", after.size[i], (long long)change,
              (long long)after.alive[i], (long long)after.room[i]);
    }
  }
}

CORPUS_NOINLINE static void
behave(TSHttpTxn)
{
  void *handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  TSReleaseAssert(handle);
  auto release = reinterpret_cast<void (*)(LateBlocks *)>(dlsym(handle, "late_release"));
  for (int i = 0; i < LATE_ROUNDS; ++i) {
    LateBlocks blocks = {CORPUS_LAUNDER(new LateObject),  CORPUS_LAUNDER(new LateElement[3]),
                         CORPUS_LAUNDER(new LateAligned), CORPUS_LAUNDER(new LateAlignedElement[2]),
                         CORPUS_LAUNDER(malloc(80)),      CORPUS_LAUNDER(malloc(80))};
    release(&blocks);
  }
  dlclose(handle);
  std::lock_guard<std::mutex> lock(counting);
  static Bins first, now;
  count(first.count ? &now : &first);
  compare(first, now);
}

CORPUS_HANDLER(behave)

extern "C" void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  TSReleaseAssert(argc == 2);
  library = argv[1];
  TSHttpHookAdd(TS_HTTP_READ_REQUEST_HDR_HOOK, TSContCreate(corpus_handler, nullptr));
}
