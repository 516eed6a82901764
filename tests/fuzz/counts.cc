// SPDX-License-Identifier: Apache-2.0
//
// Events in a shard, as the host passes them on, beside a model of plain maps: allocations and releases in any order, of more keys
// than the registry has room for. No call traps, and each site's counts are those of the model.
#include "fuzz.h"

#include <map>
#include <vector>

#include "core/instance.h"
#include "core/key.h"

namespace
{
constexpr uint32_t SITES = MEMTRACK_SITES_MIN;

struct counts {
  uint64_t allocs, alloc_bytes, frees, free_bytes;
};

struct block {
  uint32_t site;
  uint64_t size;
};

struct tables {
  memtrack_core registry, shard;
  bool frozen = false;
  std::map<uint32_t, counts> expected;
  std::vector<block> alive;

  tables()
  {
    CLAIM(memtrack_core_open(&registry, MEMTRACK_ROLE_REGISTRY, SITES) == 0);
    CLAIM(memtrack_core_open(&shard, MEMTRACK_ROLE_SHARD, SITES) == 0);
  }
  ~tables()
  {
    memtrack_core_close(&shard);
    memtrack_core_close(&registry);
  }

  void
  insert(uint32_t site)
  {
    uint64_t address = memtrack_call(&registry, addressOf, site), attributes = memtrack_call(&registry, attributesOf, site);
    memtrack_call(&shard, insertKey, site, address, attributes);
  }

  // As account.cc does it.
  void
  learn(uint64_t address, uint64_t attributes)
  {
    uint32_t length = memtrack_core_input(&registry, "foo.so+0x1a", 11);
    uint32_t site   = memtrack_call(&registry, register, address, attributes, length, memtrack_attributes_owner(attributes), 0);
    if (site >= MEMTRACK_SITE_FIRST && site < MEMTRACK_SITE_FIRST + SITES) {
      memtrack_call(&shard, insertKey, site, address, attributes);
    } else if (site >= MEMTRACK_SITE_FIRST && frozen) {
      insert(site);
    } else {
      uint32_t count = memtrack_call(&registry, siteCount);
      for (uint32_t known = MEMTRACK_SITE_FIRST; known < count; ++known) {
        insert(known);
      }
      memtrack_call(&shard, freeze, frozen ? MEMTRACK_FROZEN_ALL : MEMTRACK_FROZEN_SITES);
      frozen = true;
    }
  }

  template <typename Call>
  uint32_t
  record(uint64_t address, uint64_t attributes, Call event)
  {
    uint32_t site = event();
    for (int i = 0; i < 2 && site == MEMTRACK_SITE_UNKNOWN; ++i) {
      learn(address, attributes);
      site = event();
    }
    CLAIM(site < SITES + MEMTRACK_SITE_FIRST + MEMTRACK_OTHERS_MAX);
    return site;
  }

  void
  allocate(uint64_t address, uint32_t cls, uint32_t owner, uint64_t size)
  {
    uint64_t attributes = memtrack_attributes(cls, 0, owner);
    uint32_t site = record(address, attributes, [=] { return memtrack_call(&shard, recordAlloc, address, attributes, size); });
    ++expected[site].allocs;
    expected[site].alloc_bytes += size;
    alive.push_back({site, size});
  }

  void
  release(size_t which)
  {
    block freed = alive[which];
    alive.erase(alive.begin() + (ptrdiff_t)which);
    CLAIM(memtrack_call(&shard, recordFree, freed.site, freed.size) == freed.site);
    ++expected[freed.site].frees;
    expected[freed.site].free_bytes += freed.size;
  }

  void
  buffer(uint64_t address, int64_t size)
  {
    uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_IOBUFFER, 0, MEMTRACK_OWNER_CORE);
    uint32_t site       = record(address, attributes, [=] { return memtrack_call(&shard, recordBufferEvent, address, size); });
    counts *sums        = &expected[site];
    ++(size < 0 ? sums->frees : sums->allocs);
    (size < 0 ? sums->free_bytes : sums->alloc_bytes) += (uint64_t)(size < 0 ? -size : size);
  }

  void
  compare()
  {
    for (const auto &[site, sums] : expected) {
      uint64_t pairs[4];
      static_assert(MEMTRACK_RECORD_FREES == MEMTRACK_RECORD_ALLOCS + MEMTRACK_PAIR_SIZE);
      memcpy(pairs, memtrack_core_at(&shard, MEMTRACK_RECORDS_AT + site * MEMTRACK_RECORD_SIZE + MEMTRACK_RECORD_ALLOCS),
             sizeof(pairs));
      CLAIM(pairs[0] == sums.allocs && pairs[1] == sums.alloc_bytes);
      CLAIM(pairs[2] == sums.frees && pairs[3] == sums.free_bytes);
    }
  }
};
} // namespace

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct input input = {data, size};
  tables both;
  bool whole = memtrack_guarded([&] {
    while (input.size) {
      uint64_t what = take(&input, 1), address = 0x1000 + take(&input, 1) * 16;
      switch (what % 4) {
      case 0:
      case 1:
        both.allocate(address, 1 + what / 4 % (MEMTRACK_CLASS_COUNT - 1), what / 32, take(&input, 2));
        break;
      case 2:
        if (!both.alive.empty()) {
          both.release(address % both.alive.size());
        }
        break;
      default:
        both.buffer(address, (int16_t)take(&input, 2));
      }
    }
  });
  CLAIM(whole);
  both.compare();
  return 0;
}
