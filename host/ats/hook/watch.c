/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/watch.h"

#include <malloc.h>

#include "base/atomic.h"
#include "core/epoch.h"
#include "core/key.h"
#include "core/registry.h"
#include "core/tag.h"
#include "hook/state.h"
#include "hook/warning.h"

enum { WATCHES_MAX = 16, WATCHED_SECONDS = 600 };
enum { FREE, TAKEN }; /* instead of a site's number, which is not fixed unless it is that of a plugin's class */
_Static_assert(MEMTRACK_SITE_OTHER + MEMTRACK_CLASS_TSAPI > TAKEN, "a watched site's number");

static struct watch {
  uint32_t site;
  uint32_t quiet;   /* seconds since the last damage */
  uint64_t address; /* of its call, or 0: any */
  bool walked;      /* its call may be found by a walk of the stack */
} watches[WATCHES_MAX];

static struct watch *
find(uint32_t site)
{
  for (int i = 0; i < WATCHES_MAX; ++i) {
    if (memtrack_load_acquire(&watches[i].site) == site) {
      return &watches[i];
    }
  }
  return NULL;
}

/* If all are taken, nothing happens: a damaged site meets a free one some time. Two threads may watch a site twice, which is
   harmless. */
static void
begin(uint32_t site, uint64_t address, bool walked)
{
  struct watch *known = find(site);
  if (known) {
    memtrack_store(&known->quiet, 0);
    return;
  }
  for (int i = 0; i < WATCHES_MAX; ++i) {
    uint32_t free = FREE;
    if (memtrack_replace_ordered(&watches[i].site, &free, TAKEN)) {
      memtrack_store(&watches[i].quiet, 0);
      memtrack_store(&watches[i].address, address);
      memtrack_store(&watches[i].walked, walked);
      memtrack_store_ordered(&watches[i].site, site);
      memtrack_store_ordered(&memtrack_hooks.quick_size, 0);
      return;
    }
  }
}

bool
memtrack_watch_suspect(uint32_t birth)
{
  uint32_t site = birth >> MEMTRACK_EPOCH_BITS, cls = site - MEMTRACK_SITE_OTHER;
  uint64_t address = 0, attributes;
  if ((birth & MEMTRACK_EPOCH_MASK) > (uint8_t)memtrack_epochs()) {
    return false;
  }
  if (site >= MEMTRACK_SITE_FIRST) {
    if (!memtrack_registry_key(site, &address, &attributes)) {
      return false;
    }
    cls     = memtrack_attributes_class(attributes);
    address = address == MEMTRACK_OTHER_ADDRESS ? 0 : address;
  }
  if (cls != MEMTRACK_CLASS_TSAPI && cls != MEMTRACK_CLASS_HEAP) {
    return false;
  }
  begin(site, address, cls == MEMTRACK_CLASS_HEAP);
  return true;
}

size_t
memtrack_watch_margin(uint64_t size, uintptr_t address)
{
  if (size >= MEMTRACK_QUICK_SIZE) {
    return 0;
  }
  for (int i = 0; i < WATCHES_MAX; ++i) {
    if (memtrack_load_acquire(&watches[i].site) > TAKEN) {
      uint64_t watched = memtrack_load(&watches[i].address);
      if (watched == 0 || watched == address || (address == 0 && memtrack_load(&watches[i].walked))) {
        return MEMTRACK_TAG_GUARDED;
      }
    }
  }
  return MEMTRACK_TAG_SIZE;
}

void
memtrack_watch_guard(void *block, uint64_t size, uint32_t birth, uint64_t key)
{
  uint64_t usable = malloc_usable_size(block);
  if (birth != MEMTRACK_SITE_UNKNOWN && usable - size >= MEMTRACK_TAG_GUARDED && find(birth >> MEMTRACK_EPOCH_BITS)) {
    memtrack_tag_guard(block, usable, size, key);
  }
}

struct memtrack_guarded
memtrack_watch_untag(void *block, uint64_t usable, uint64_t key)
{
  struct memtrack_guarded guarded;
  if (!memtrack_tag_read_guarded(block, usable, key, &guarded.birth, &guarded.size)) {
    return (struct memtrack_guarded){.size = usable, .birth = MEMTRACK_SITE_UNKNOWN};
  }
  if (memtrack_tag_overrun(block, usable, guarded.size, key)) {
    struct watch *watch = find(guarded.birth >> MEMTRACK_EPOCH_BITS);
    if (watch) {
      memtrack_store(&watch->quiet, 0);
    }
    memtrack_add(&memtrack_hooks.damaged, 1);
    memtrack_warning_put(MEMTRACK_WARNING_OVERRUN, guarded.birth, guarded.size);
  }
  memtrack_tag_clear(block, usable);
  return guarded;
}

/* Ends the watches without damage. Returns whether any site is watched. */
static bool
end_quiet(uint32_t passed)
{
  bool any = false;
  for (int i = 0; i < WATCHES_MAX; ++i) {
    if (memtrack_load_ordered(&watches[i].site) <= TAKEN) {
      continue;
    }
    if (memtrack_add(&watches[i].quiet, passed) >= WATCHED_SECONDS) {
      memtrack_store_ordered(&watches[i].site, FREE);
    } else {
      any = true;
    }
  }
  return any;
}

void
memtrack_watch_poll(void)
{
  if (memtrack_load(&memtrack_hooks.quick_size) == 0 && !end_quiet(1)) {
    memtrack_store_ordered(&memtrack_hooks.quick_size, MEMTRACK_QUICK_SIZE);
    if (end_quiet(0)) { /* a watch has begun meanwhile */
      memtrack_store_ordered(&memtrack_hooks.quick_size, 0);
    }
  }
}
