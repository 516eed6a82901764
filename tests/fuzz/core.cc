// SPDX-License-Identifier: Apache-2.0
//
// The core's exports: calls of any of them, on an instance of each role, with arguments that the host passes and others. A call may
// trap; then the instance is gone, as in the host. It ends in time (libFuzzer's -timeout), and does nothing that C leaves undefined
// (the sanitizer reads the core as compiled C). Between the calls, memory that the host fills gets any bytes.
#include "fuzz.h"

#include <tuple>

#include "core/instance.h"

namespace
{
input rest;

// Numbers near those that mean something: sites, records, lengths; and any.
uint64_t
argument()
{
  uint64_t kind = take(&rest, 1);
  switch (kind % 8) {
  case 0:
  case 1:
  case 2:
    return kind / 8;
  case 3:
    return MEMTRACK_SITE_FIRST + kind / 8;
  case 4:
    return take(&rest, 2);
  case 5:
    return take(&rest, 4);
  case 6:
    return UINT64_MAX - kind / 8;
  default:
    return take(&rest, 8);
  }
}

template <typename... Arguments, typename Result>
void
call(memtrack_core *core, Result (*function)(Z_core_instance_t *, Arguments...))
{
  // Braces: evaluated from left to right, so that an input means the same with every compiler.
  struct {
    std::tuple<Arguments...> values;
  } arguments{std::tuple<Arguments...>{(Arguments)argument()...}};
  std::apply([=](Arguments... values) { function(&core->wasm, values...); }, arguments.values);
}

struct function {
  const char *name;
  void (*call)(memtrack_core *);
};

#define EXPORT(name) {#name, [](memtrack_core *core) { call(core, Z_coreZ_##name); }},
const function exports[] = {
#include "exports.h"
};
constexpr size_t COUNT = sizeof(exports) / sizeof(*exports);

// A shard has no texts any more (instance.cc), so only its own functions have a meaning there.
bool
is_for(uint32_t role, const char *name)
{
  static const char *const shard[] = {"insertKey",     "carry",  "recordAlloc",     "recordBufferEvent",     "recordFree",
                                      "recordFreeOld", "freeze", "recordAllocFast", "recordBufferEventFast", "advanceEpochs"};
  for (const char *own : shard) {
    if (strcmp(own, name) == 0) {
      return true;
    }
  }
  return role != MEMTRACK_ROLE_SHARD;
}

void
fill(memtrack_core *core)
{
  const uint32_t regions[] = {core->input, core->names, core->staging, MEMTRACK_RECORDS_AT, MEMTRACK_BUCKETS_AT};
  uint32_t at              = regions[take(&rest, 1) % 5] + (uint32_t)take(&rest, 2);
  size_t length            = take(&rest, 1);
  length                   = length < rest.size ? length : rest.size;
  if (at < core->wasm.w2c_memory.size && length <= core->wasm.w2c_memory.size - at) {
    memcpy(memtrack_core_at(core, at), rest.at, length);
  }
  take(&rest, 0);
  rest.at += length;
  rest.size -= length;
}
} // namespace

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  rest          = {data, size};
  uint32_t role = take(&rest, 1) % 4;
  memtrack_core core;
  CLAIM(memtrack_core_open(&core, role, MEMTRACK_SITES_MIN) == 0);
  uint64_t extent = core.wasm.w2c_memory.size;
  bool alive      = true;
  for (int calls = 0; alive && rest.size && calls < 200; ++calls) {
    uint64_t which = take(&rest, 1);
    if (which >= COUNT) {
      fill(&core);
    } else if (is_for(role, exports[which].name)) {
      alive = memtrack_guarded([&] { exports[which].call(&core); });
    }
    CLAIM(core.wasm.w2c_memory.size == extent); // only init() takes memory
  }
  memtrack_core_close(&core);
  return 0;
}
