/* SPDX-License-Identifier: Apache-2.0
 *
 * Each kind of event has its own fast path: this thread's shard, a key at the beginning of its probe, a block of the present epoch.
 * A fast path is two stores around a few inlined lines of the core, without calls or loops. Keys further on in their probe and
 * older blocks take a second such path; all other events take a common slow path.
 *
 * This file includes the core's generated C, so that the compiler can inline those lines; other files call the core's functions as
 * externals. Each part of a fast path is MT_ALWAYS_INLINE: the core is large, and the compiler's own choice of what to inline
 * depends on its size.
 */
#include "core/account.h"

#include <cerrno>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/epoch.h"
#include "core/registry.h"
#include "core/sampling.h"
#include "core/shard.h"

extern "C" {
/* The core's hot functions, by export name. Declared first so that their definitions below are inlined. */
MT_INLINE u32 w2c_recordBufferEventFast(Z_core_instance_t *, u64, u64);
MT_INLINE u32 w2c_recordAllocFast(Z_core_instance_t *, u64, u64, u64);
MT_INLINE u32 w2c_recordFree(Z_core_instance_t *, u32, u64);
MT_INLINE u32 w2c_recordFreeOld(Z_core_instance_t *, u32, u32, u64);

#include "core.c" // NOLINT(bugprone-suspicious-include): so that its functions are inlined
}

namespace
{
constexpr uint32_t UNKNOWN = MEMTRACK_SITE_UNKNOWN;
constexpr uint32_t TRAPPED = UNKNOWN - 1; /* not a site number either */

/* Key of a site, and the text from which it is named at first use. */
struct site_key {
  uint64_t address;
  uint64_t attributes;
  const char *text;
};

uint64_t lost;

/* Used until a namer is set. */
uint32_t
name_by_text(uint64_t address, uint64_t attributes, const char *text)
{
  return memtrack_registry_site(address, attributes, text, memtrack_attributes_owner(attributes), 0);
}

memtrack_namer namer = name_by_text;

/* Used until a function is set. */
const char *
same_location(const char *location, int64_t)
{
  return location;
}

memtrack_relocator relocate = same_location;

/* Calls the core within a change of the shard. Returns the site; UNKNOWN if nothing was counted and the slow path may succeed;
   TRAPPED if the event is lost and counted as lost. `disable` tells what a trap does to the shard. */
template <typename Call, typename Disable>
inline MT_ALWAYS_INLINE uint32_t
change(memtrack_shard *shard, Call call, Disable disable)
{
  uint64_t seq;
  uint32_t site;
  if (MT_UNLIKELY(shard == nullptr) || MT_UNLIKELY(!memtrack_shard_enter(shard, &seq))) {
    return UNKNOWN;
  }
  try {
    site = call(&shard->core);
  } catch (const memtrack_trap &) {
    disable();
    memtrack_add(&lost, 1);
    return TRAPPED;
  }
  memtrack_shard_leave(shard, seq);
  return site;
}

/* Same, for this thread's own shard; also UNKNOWN if it has none. On a trap the shard is looked up anew, so that no saved
   register has to hold it. */
template <typename Call>
inline MT_ALWAYS_INLINE uint32_t
change_own(Call call)
{
  return change(memtrack_thread.shard, call, memtrack_shard_disable_own);
}

/* Calls a hot function on a local instance with the values that it reads. The compiler can keep these in registers across stores
   into linear memory. From the memory's size and the largest index it proves all bounds, which removes every check. The hot
   functions change only linear memory, and read no other global (tests/node/core). */
template <typename Call>
inline MT_ALWAYS_INLINE uint32_t
hot(const memtrack_hot &own, Call call)
{
  Z_core_instance_t copy;
  copy.w2c_memory.data = own.memory;
  copy.w2c_memory.size = MEMTRACK_SHARD_MEMORY; /* memtrack_core_open() has checked this and the next value */
  copy.w2c_indexShift  = own.index_shift;
  copy.w2c_slots       = own.slots;
  copy.w2c_epochs      = own.epochs;
  if (copy.w2c_indexShift < 64 - MEMTRACK_INDEX_BITS || copy.w2c_indexShift > 63) {
    __builtin_unreachable();
  }
  return call(&copy);
}

/* Calls a hot function within a change of this thread's shard. */
template <typename Call>
inline MT_ALWAYS_INLINE uint32_t
change_hot(memtrack_shard *shard, Call call)
{
  return change(
    shard, [=](memtrack_core *core) MT_ALWAYS_INLINE { return hot(core->hot, call); }, memtrack_shard_disable_own);
}

/* Epoch of a shard's new allocations: the lowest lane of its word (assembly/shard/epoch.ts). */
inline uint32_t
present_epoch(const memtrack_core *core)
{
  return (uint8_t)core->hot.epochs;
}

inline uint32_t
birth_of(uint32_t site, const memtrack_core *core)
{
  return site << MEMTRACK_EPOCH_BITS | present_epoch(core);
}

/* Same, with MEMTRACK_BIRTH_SAMPLED if the site is sampled: the fast path does not find such a site. */
inline uint32_t
marked_birth_of(uint32_t site, const memtrack_core *core)
{
  return birth_of(site, core) | (memtrack_sampling_rate(site) ? MEMTRACK_BIRTH_SAMPLED : 0);
}

template <typename Call>
uint32_t
change_one(memtrack_shard *shard, Call call)
{
  return memtrack_load(&shard->dead) ? UNKNOWN : change(shard, call, [=] { memtrack_shard_disable(shard); });
}

/* Tells a shard that a site is sampled. */
MT_NOINLINE void
sample_site(memtrack_shard *shard, uint32_t site)
{
  change_one(shard, [=](memtrack_core *core) {
    Z_coreZ_sampleSite(&core->wasm, site);
    return 0u;
  });
}

/* Inserts the key of a site into a shard, if the site has a key. */
void
insert_key(memtrack_shard *shard, uint32_t site)
{
  uint64_t address;
  uint64_t attributes;
  if (memtrack_registry_key(site, &address, &attributes)) {
    change_one(shard, [=](memtrack_core *core) { return Z_coreZ_insertKey(&core->wasm, site, address, attributes); });
    if (MT_UNLIKELY(memtrack_sampling_rate(site))) {
      sample_site(shard, site);
    }
  }
}

/* The registry is full: copies all of its keys to this shard. The shard must find every registered site under its own number
   before it charges unknown keys to (other); otherwise releases would be charged to a different site than their allocations. */
void
freeze(memtrack_shard *shard, uint32_t knows)
{
  uint32_t count = memtrack_registry_count();
  for (uint32_t site = MEMTRACK_SITE_FIRST; site < count; ++site) {
    insert_key(shard, site);
  }
  change_one(shard, [=](memtrack_core *core) {
    Z_coreZ_freeze(&core->wasm, knows);
    return 0u;
  });
  shard->frozen = true;
}

/* Tells a shard which sites are sampled. Within a change. */
MT_NOINLINE void
learn_sampled(memtrack_core *core)
{
  memtrack_fence_acquire(); /* the list is at least as new as the published word */
  uint32_t count = memtrack_registry_count();
  Z_coreZ_sampleNone(&core->wasm, count);
  for (uint32_t site = MEMTRACK_SITE_FIRST; site < count; ++site) {
    if (memtrack_sampling_rate(site)) {
      Z_coreZ_sampleSite(&core->wasm, site);
    }
  }
}

/* Advances a core to a published word: about 12 ns per site, all between two events of a thread. Within a change. */
inline MT_ALWAYS_INLINE void
advance_core(memtrack_core *core, uint64_t published)
{
  w2c_advanceEpochs(&core->wasm, published & MEMTRACK_EPOCHS_MASK, memtrack_registry_count());
  if ((core->hot.epochs ^ published) & ~MEMTRACK_EPOCHS_MASK) {
    learn_sampled(core);
  }
  core->hot.epochs = published;
}

MT_NOINLINE void
advance(memtrack_shard *shard)
{
  uint64_t published = memtrack_epochs();
  change_one(shard, [=](memtrack_core *core) MT_ALWAYS_INLINE {
    advance_core(core, published);
    return 0u;
  });
}

/* The same for this thread's own shard. Keeps no value across the call, because a saved register is stack: a hook has little of it
   (stack_test.c). */
inline MT_ALWAYS_INLINE void
advance_own()
{
  uint64_t seq;
  if (!memtrack_shard_enter(memtrack_thread.shard, &seq)) {
    return;
  }
  try {
    advance_core(&memtrack_thread.shard->core, memtrack_epochs());
  } catch (const memtrack_trap &) {
    memtrack_shard_disable_own();
    memtrack_add(&lost, 1);
    return;
  }
  memtrack_shard *shard = memtrack_thread.shard;
  memtrack_shard_leave(shard, memtrack_load(&shard->seq) - 1);
}

/* Stores the registry's answer for an unknown key in a shard: the number of the key's site, or of a row (other). */
void
learn_key(memtrack_shard *shard, const site_key *key)
{
  uint32_t site = namer(key->address, key->attributes, key->text);
  if (memtrack_registry_is_own(site)) {
    change_one(shard, [=](memtrack_core *core) { return Z_coreZ_insertKey(&core->wasm, site, key->address, key->attributes); });
    if (MT_UNLIKELY(memtrack_sampling_rate(site))) {
      sample_site(shard, site);
    }
    return;
  }
  if (site >= MEMTRACK_SITE_FIRST && shard->frozen) {
    insert_key(shard, site);
  } else {
    /* The shard was already frozen and the answer is the row of the class: no further rows (other) exist. */
    freeze(shard, shard->frozen ? MEMTRACK_FROZEN_ALL : MEMTRACK_FROZEN_SITES);
  }
}

/* Calls the core in the published epochs. For an unknown key, inserts the key's number and calls again: at most twice, the
   second time for the row (other) that a newly frozen shard still has to ask for. */
template <typename Call>
uint32_t
record(memtrack_shard *shard, Call call, const site_key *key)
{
  if (memtrack_epochs() != shard->core.hot.epochs) {
    advance(shard);
  }
  uint32_t site = change_one(shard, call);
  for (int i = 0; i < 2 && site == UNKNOWN && key; ++i) {
    learn_key(shard, key);
    site = change_one(shard, call);
  }
  return site;
}

/* The slow path: a thread's first event, a key unknown to this shard, a thread that shares a shard, an event that interrupted
   another. */
template <typename Call>
MT_NOINLINE uint32_t
account_slow(Call call, const site_key *key)
{
  uint32_t site = UNKNOWN;
  int before    = errno; /* preserved, as free() does: allocating a shard's memory may fail */
  if (!memtrack_thread.busy) {
    memtrack_thread.busy = true;
    bool parked          = memtrack_thread.parked;
    if (MT_UNLIKELY(parked)) {
      memtrack_shard_unpark();
    }
    if (memtrack_thread.state == MEMTRACK_THREAD_NEW) {
      memtrack_shard_attach();
    }
    if (memtrack_thread.shard) {
      site = record(memtrack_thread.shard, call, key);
    } else if (memtrack_thread.state == MEMTRACK_THREAD_SHARING) {
      site = record(memtrack_shard_share(), call, key);
      memtrack_shard_unshare();
    }
    if (MT_UNLIKELY(parked)) {
      memtrack_shard_park();
    }
    memtrack_thread.busy = false;
  }
  if (site == UNKNOWN) {
    memtrack_add(&lost, 1);
  }
  errno = before;
  return site;
}

MT_NOINLINE void
iobuffer_slow(const char *location, int64_t size)
{
  if (MT_LIKELY(change_own([=](memtrack_core *core) { return w2c_recordBufferEvent(&core->wasm, (uintptr_t)location, size); }) !=
                UNKNOWN)) {
    return;
  }
  location = memtrack_account_location(location, size);
  site_key key{(uintptr_t)location, memtrack_attributes(MEMTRACK_CLASS_IOBUFFER, 0, MEMTRACK_OWNER_CORE), location};
  account_slow([=](memtrack_core *core) { return Z_coreZ_recordBufferEvent(&core->wasm, key.address, size); }, &key);
}

MT_NOINLINE uint32_t
alloc_slow(uint64_t address, uint64_t attributes, const char *text, uint64_t size)
{
  memtrack_shard *shard = memtrack_thread.shard;
  if (shard) {
    uint32_t site = change_own([=](memtrack_core *core) { return w2c_recordAlloc(&core->wasm, address, attributes, size); });
    if (MT_LIKELY(site != UNKNOWN)) {
      return site == TRAPPED ? UNKNOWN : marked_birth_of(site, &shard->core);
    }
  }
  site_key key{address, attributes, text};
  uint32_t birth = account_slow(
    [=](memtrack_core *core) {
      uint32_t site = Z_coreZ_recordAlloc(&core->wasm, key.address, key.attributes, size);
      return site == UNKNOWN ? site : marked_birth_of(site, core);
    },
    &key);
  return birth == TRAPPED ? UNKNOWN : birth;
}

/* A thread's first allocation in an epoch. Advancing takes stack, so the slow path comes after it, not around it. */
MT_NOINLINE uint32_t
alloc_late(uint64_t address, uint64_t attributes, const char *text, uint64_t size)
{
  advance_own();
  return alloc_slow(address, attributes, text, size);
}

/* Blocks older than the shard's epoch, and blocks of a later epoch, for which the shard must first advance. */
MT_NOINLINE void
free_slow(uint32_t birth, uint64_t size)
{
  uint32_t site = birth >> MEMTRACK_EPOCH_BITS, epoch = birth & MEMTRACK_EPOCH_MASK;
  memtrack_shard *shard = memtrack_thread.shard;
  if (shard && MT_UNLIKELY(epoch > present_epoch(&shard->core))) {
    advance(shard);
  }
  if (MT_LIKELY(shard && epoch <= present_epoch(&shard->core))) {
    if (MT_LIKELY(change_hot(shard, [=](Z_core_instance_t *core)
                                      MT_ALWAYS_INLINE { return w2c_recordFreeOld(core, site, epoch, size); }) != UNKNOWN)) {
      return;
    }
  }
  account_slow([=](memtrack_core *core) { return Z_coreZ_recordFreeOld(&core->wasm, site, epoch, size); }, nullptr);
}
} // namespace

MT_HOT void
memtrack_account_iobuffer(const char *location, int64_t size)
{
  uint32_t site = change_hot(memtrack_thread.shard, [=](Z_core_instance_t *core) MT_ALWAYS_INLINE {
    return w2c_recordBufferEventFast(core, (uintptr_t)location, size);
  });
  if (MT_UNLIKELY(site == UNKNOWN)) {
    iobuffer_slow(location, size);
  }
}

MT_HOT uint32_t
memtrack_account_block(uint64_t address, uint64_t attributes, const char *text, uint64_t size)
{
  memtrack_shard *shard = memtrack_thread.shard;
  if (MT_UNLIKELY(shard == nullptr)) {
    return alloc_slow(address, attributes, text, size);
  }
  if (MT_UNLIKELY(shard->core.hot.epochs != memtrack_epochs())) {
    return alloc_late(address, attributes, text, size);
  }
  uint32_t site = change_hot(shard, [=](Z_core_instance_t *core)
                                      MT_ALWAYS_INLINE { return w2c_recordAllocFast(core, address, attributes, size); });
  return MT_LIKELY(site < TRAPPED) ? birth_of(site, &shard->core)
         : site == TRAPPED         ? UNKNOWN
                                   : alloc_slow(address, attributes, text, size);
}

MT_HOT void
memtrack_account_free(uint32_t birth, uint64_t size)
{
  memtrack_shard *shard = memtrack_thread.shard;
  if (MT_UNLIKELY(shard == nullptr) || ((birth ^ (uint32_t)shard->core.hot.epochs) & MEMTRACK_EPOCH_MASK) ||
      MT_UNLIKELY(change_hot(shard, [=](Z_core_instance_t *core) MT_ALWAYS_INLINE {
                    return w2c_recordFree(core, birth >> MEMTRACK_EPOCH_BITS, size);
                  }) == UNKNOWN)) {
    free_slow(birth, size);
  }
}

/* Once all sites are taken, a number can be that of a row (other), from which nothing may be taken. Without a number the event is
   counted as lost already. */
void
memtrack_account_free_untracked(uint64_t attributes, uint64_t size)
{
  uint32_t birth = memtrack_birth_untagged(memtrack_attributes_class(attributes));
  if (MT_LIKELY(memtrack_registry_refusals() == 0)) {
    uint32_t known = memtrack_account_alloc(MEMTRACK_UNTRACKED_ADDRESS, attributes, nullptr, 0);
    if (known == UNKNOWN) {
      return;
    }
    if (memtrack_registry_is_own(known >> MEMTRACK_EPOCH_BITS)) {
      birth = known;
    } else { /* this was the first refusal */
      memtrack_account_free(known, 0);
    }
  }
  memtrack_account_free(birth, size);
}

void
memtrack_account_carry(uint32_t site, int64_t allocs, int64_t frees, int64_t in_use)
{
  /* The other accountant reports memory in use, but not total releases: count the difference as allocated and kept. */
  uint64_t allocated = in_use > 0 ? in_use : 0, freed = in_use < 0 ? -in_use : 0;
  account_slow([=](memtrack_core *core) { return Z_coreZ_carry(&core->wasm, site, allocs, allocated, frees, freed); }, nullptr);
}

void
memtrack_account_resize(uint32_t birth, int64_t change)
{
  uint32_t site = birth >> MEMTRACK_EPOCH_BITS, epoch = birth & MEMTRACK_EPOCH_MASK;
  account_slow([=](memtrack_core *core) { return Z_coreZ_recordResize(&core->wasm, site, epoch, change); }, nullptr);
}

void
memtrack_account_set_namer(memtrack_namer chosen)
{
  namer = chosen;
}

void
memtrack_account_set_relocator(memtrack_relocator chosen)
{
  relocate = chosen;
}

const char *
memtrack_account_location(const char *location, int64_t size)
{
  return MT_UNLIKELY(memtrack_thread.parked) ? relocate(location, size) : location;
}

uint64_t
memtrack_account_lost(void)
{
  return memtrack_load(&lost);
}

void
memtrack_account_lose(void)
{
  memtrack_add(&lost, 1);
}
