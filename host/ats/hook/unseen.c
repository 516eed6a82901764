/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/unseen.h"

#include "base/atomic.h"
#include "core/account.h"
#include "hook/state.h"

enum { SITES = MEMTRACK_SITE_FIRST + MEMTRACK_SITES_MAX };

static uint64_t count;
static bool noted[SITES];
static bool any; /* of them is set */

static bool
has_tag(const void *block, uint64_t usable, uint64_t key, uint32_t *birth, uint64_t *size)
{
  return memtrack_tag_read(block, usable, key, birth, size) || memtrack_tag_read_guarded(block, usable, key, birth, size);
}

/* A guard is not examined: whoever used the block since may have written there. */
MT_NOINLINE void
memtrack_unseen_examine(void *block, uint64_t usable)
{
  uint32_t birth;
  uint64_t size;
  bool met = (memtrack_hooks_get(armed) && has_tag(block, usable, memtrack_hooks_get(key), &birth, &size)) ||
             (memtrack_hooks_get(openssl_armed) && has_tag(block, usable, memtrack_hooks_get(openssl_key), &birth, &size));
  if (!met) {
    return;
  }
  uint32_t site = birth >> MEMTRACK_EPOCH_BITS;
  memtrack_tag_clear(block, usable);
  memtrack_account_free(birth, size);
  memtrack_add(&count, 1);
  memtrack_store(&noted[site], true);
  memtrack_store_release(&any, true);
}

uint64_t
memtrack_unseen_count(void)
{
  return memtrack_load(&count);
}

uint32_t
memtrack_unseen_next(void)
{
  static uint32_t at = SITES; /* the next to look at */
  if (at == SITES) {
    if (!memtrack_exchange_acquire(&any, false)) {
      return MEMTRACK_SITE_UNKNOWN;
    }
    at = 0;
  }
  while (at < SITES) {
    uint32_t site = at++;
    if (memtrack_load(&noted[site])) {
      memtrack_store(&noted[site], false);
      return site;
    }
  }
  return MEMTRACK_SITE_UNKNOWN;
}
