/* SPDX-License-Identifier: Apache-2.0
 *
 * Each kind of event has a fast path of its own (this thread's shard knows the site: two stores around one call) and they share
 * one slow path.
 */
#include "account.h"

#include "registry.h"
#include "shard.h"

enum kind { EVENT, CHARGE, RELEASE, CARRY };

struct event {
  enum kind kind;
  uint64_t place;
  uint32_t detail;
  const char *text;
  int64_t size;
  uint32_t site;
  int64_t allocs, frees;
};

static _Atomic uint64_t lost;

static uint32_t
tell_core(struct memtrack_core *core, const struct event *event)
{
  Z_core_instance_t *wasm = &core->wasm;
  switch (event->kind) {
  case EVENT:
    return Z_coreZ_event(wasm, event->place, event->size);
  case CHARGE:
    return Z_coreZ_charge(wasm, event->place, event->detail, event->size);
  case RELEASE:
    return Z_coreZ_release(wasm, event->site, event->size);
  default: /* another accountant tells what is in use, not what was ever released: that much was allocated and kept */
    return Z_coreZ_carry(wasm, event->site, event->allocs, event->size > 0 ? event->size : 0, event->frees,
                         event->size < 0 ? -event->size : 0);
  }
}

/* Tells the core within a change of the shard. Sets *site; false where nothing was counted and nothing ever will be. */
static bool
tell_shard(struct memtrack_shard *shard, const struct event *event, volatile uint32_t *site)
{
  if (atomic_load_explicit(&shard->dead, memory_order_relaxed) || !memtrack_shard_enter(shard)) {
    return false;
  }
  if (MEMTRACK_TRY) {
    *site = tell_core(&shard->core, event);
  } else {
    memtrack_shard_disable(shard);
    return false;
  }
  memtrack_shard_leave(shard);
  return true;
}

static bool
bind_site(struct memtrack_shard *shard, uint32_t site, uint64_t place, uint32_t detail)
{
  if (!memtrack_shard_enter(shard)) {
    return false;
  }
  if (MEMTRACK_TRY) {
    Z_coreZ_bind(&shard->core.wasm, site, place, detail);
  } else {
    memtrack_shard_disable(shard);
    return false;
  }
  memtrack_shard_leave(shard);
  return true;
}

/* The registry is full: this shard learns all there is, and asks no more. A site that it had not met yet must be found under its
   own number before unknown ones become (other), or its releases would be charged elsewhere than its allocations. */
static bool
seal(struct memtrack_shard *shard)
{
  uint32_t count = memtrack_registry_count();
  for (uint32_t site = MEMTRACK_SITE_FIRST; site < count; ++site) {
    uint64_t place;
    uint32_t detail;
    if (memtrack_registry_key(site, &place, &detail) && !bind_site(shard, site, place, detail)) {
      return false;
    }
  }
  if (!memtrack_shard_enter(shard)) {
    return false;
  }
  if (MEMTRACK_TRY) {
    Z_coreZ_seal(&shard->core.wasm);
  } else {
    memtrack_shard_disable(shard);
    return false;
  }
  memtrack_shard_leave(shard);
  return true;
}

static uint32_t
tell_and_learn(struct memtrack_shard *shard, const struct event *event)
{
  volatile uint32_t site = MEMTRACK_SITE_UNKNOWN;
  if (!tell_shard(shard, event, &site)) {
    return MEMTRACK_SITE_UNKNOWN;
  }
  if (site != MEMTRACK_SITE_UNKNOWN || event->kind == RELEASE || event->kind == CARRY) {
    return site;
  }
  uint32_t number = memtrack_registry_site(event->place, event->detail, event->text);
  bool learnt     = number >= MEMTRACK_SITE_FIRST ? bind_site(shard, number, event->place, event->detail) : seal(shard);
  return learnt && tell_shard(shard, event, &site) ? site : MEMTRACK_SITE_UNKNOWN;
}

/* Everything that is not the usual: a thread's first event, a site's first in this shard, a thread that shares, an event that
   interrupts another. */
static __attribute__((noinline, cold)) uint32_t
tell_slowly(const struct event *event)
{
  uint32_t site = MEMTRACK_SITE_UNKNOWN;
  if (!memtrack_thread.busy) {
    memtrack_thread.busy = true;
    if (memtrack_thread.state == MEMTRACK_THREAD_NEW) {
      memtrack_shard_attach();
    }
    if (memtrack_thread.state == MEMTRACK_THREAD_ATTACHED) {
      site = tell_and_learn(memtrack_thread.shard, event);
    } else if (memtrack_thread.state == MEMTRACK_THREAD_SHARING) {
      site = tell_and_learn(memtrack_shard_share(), event);
      memtrack_shard_unshare();
    }
    memtrack_thread.busy = false;
  }
  if (site == MEMTRACK_SITE_UNKNOWN) {
    atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
  }
  return site;
}

void
memtrack_account_iobuffer(const char *location, int64_t size)
{
  struct memtrack_shard *shard = memtrack_thread.shard;
  if (LIKELY_(shard != NULL) && LIKELY_(memtrack_shard_enter(shard))) {
    volatile uint32_t site = MEMTRACK_SITE_UNKNOWN;
    if (MEMTRACK_TRY) {
      site = Z_coreZ_event(&shard->core.wasm, (uintptr_t)location, size);
      memtrack_shard_leave(shard);
    } else {
      memtrack_shard_disable(memtrack_thread.shard);
    }
    if (LIKELY_(site != MEMTRACK_SITE_UNKNOWN)) {
      return;
    }
  }
  tell_slowly(&(struct event){.kind = EVENT, .place = (uintptr_t)location, .text = location, .size = size});
}

uint32_t
memtrack_account_alloc(uint32_t cls, const char *file, uint32_t line, uint64_t size)
{
  uint32_t detail              = cls << MEMTRACK_DETAIL_CLASS_SHIFT | (line & MEMTRACK_DETAIL_LINE_MASK);
  struct memtrack_shard *shard = memtrack_thread.shard;
  if (LIKELY_(shard != NULL) && LIKELY_(memtrack_shard_enter(shard))) {
    volatile uint32_t site = MEMTRACK_SITE_UNKNOWN;
    if (MEMTRACK_TRY) {
      site = Z_coreZ_charge(&shard->core.wasm, (uintptr_t)file, detail, size);
      memtrack_shard_leave(shard);
    } else {
      memtrack_shard_disable(memtrack_thread.shard);
    }
    if (LIKELY_(site != MEMTRACK_SITE_UNKNOWN)) {
      return site;
    }
  }
  return tell_slowly(&(struct event){.kind = CHARGE, .place = (uintptr_t)file, .detail = detail, .text = file, .size = size});
}

void
memtrack_account_free(uint32_t site, uint64_t size)
{
  struct memtrack_shard *shard = memtrack_thread.shard;
  if (LIKELY_(shard != NULL) && LIKELY_(memtrack_shard_enter(shard))) {
    volatile uint32_t charged = MEMTRACK_SITE_UNKNOWN;
    if (MEMTRACK_TRY) {
      charged = Z_coreZ_release(&shard->core.wasm, site, size);
      memtrack_shard_leave(shard);
    } else {
      memtrack_shard_disable(memtrack_thread.shard);
    }
    if (LIKELY_(charged != MEMTRACK_SITE_UNKNOWN)) {
      return;
    }
  }
  tell_slowly(&(struct event){.kind = RELEASE, .site = site, .size = size});
}

void
memtrack_account_free_untagged(uint32_t cls, uint64_t size)
{
  memtrack_account_free(MEMTRACK_SITE_PRIOR + cls, size);
}

void
memtrack_account_carry(uint32_t site, int64_t allocs, int64_t frees, int64_t in_use)
{
  tell_slowly(&(struct event){.kind = CARRY, .site = site, .allocs = allocs, .frees = frees, .size = in_use});
}

uint64_t
memtrack_account_lost(void)
{
  return atomic_load_explicit(&lost, memory_order_relaxed);
}
