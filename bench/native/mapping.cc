/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin that the search for references disturbs as much as it can: it keeps MB of blocks of 1,000 bytes, which have to be read,
 * and a thread of it maps, writes and unmaps 64 KiB all the time, which waits for the kernel's lock of the address space. The
 * message "times" appends a line to a file, and starts over: the number of times, then p50, p99, p99.9 and the longest, in
 * nanoseconds.
 *
 *   mapping.so MB FILE
 */
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <ts/ts.h>

namespace
{
constexpr size_t BLOCK = 1000, MAPPED = 65536, PAGE = 4096;
constexpr unsigned PAUSE_US = 200;

std::vector<void *> kept;
std::mutex mutex;
std::vector<uint32_t> times;
std::string file;

uint64_t
now()
{
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * UINT64_C(1000000000) + time.tv_nsec;
}

void
map_once()
{
  char *memory = static_cast<char *>(mmap(nullptr, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (memory == MAP_FAILED) {
    return;
  }
  for (size_t at = 0; at < MAPPED; at += PAGE) {
    *static_cast<volatile char *>(memory + at) = 1;
  }
  munmap(memory, MAPPED);
}

void
map_all_the_time()
{
  for (;;) {
    uint64_t from = now();
    map_once();
    uint64_t took = std::min<uint64_t>(now() - from, UINT32_MAX);
    {
      std::lock_guard<std::mutex> lock(mutex);
      times.push_back(static_cast<uint32_t>(took));
    }
    usleep(PAUSE_US);
  }
}

void
write_times()
{
  std::vector<uint32_t> taken;
  {
    std::lock_guard<std::mutex> lock(mutex);
    taken.swap(times);
  }
  if (taken.empty()) {
    return;
  }
  std::sort(taken.begin(), taken.end());
  auto quantile = [&](size_t thousandths) { return taken[(taken.size() - 1) * thousandths / 1000]; };
  if (FILE *to = fopen(file.c_str(), "a")) {
    fprintf(to, "%zu %u %u %u %u\n", taken.size(), quantile(500), quantile(990), quantile(999), taken.back());
    fclose(to);
  }
}

int
handle(TSCont, TSEvent, void *data)
{
  auto *message = static_cast<TSPluginMsg *>(data);
  if (strcmp(message->tag, "mapping") == 0) {
    write_times();
  }
  return 0;
}

__attribute__((noinline)) void
keep(size_t mb)
{
  for (size_t bytes = 0; bytes < mb << 20; bytes += BLOCK) {
    kept.push_back(memset(malloc(BLOCK), 1, BLOCK));
  }
}
} // namespace

extern "C" __attribute__((visibility("default"))) void
TSPluginInit(int argc, const char *argv[])
{
  TSPluginRegistrationInfo info = {"mapping", "memtrack", "none"};
  TSPluginRegister(&info);
  if (argc != 3) {
    TSError("mapping: wants MB FILE");
    return;
  }
  file = argv[2];
  keep(strtoul(argv[1], nullptr, 10));
  TSLifecycleHookAdd(TS_LIFECYCLE_MSG_HOOK, TSContCreate(handle, nullptr));
  std::thread(map_all_the_time).detach();
}
