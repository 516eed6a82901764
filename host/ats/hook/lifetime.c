/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/lifetime.h"

#include <stddef.h>

#include "base/compiler.h"
#include "core/account.h"
#include "hook/ranges.h"
#include "hook/state.h"
#include "hook/weight.h"
#include "owner/context.h"

/* Bytes that were counted for an object. */
static inline uint64_t
bytes_of(const struct memtrack_object *object)
{
  return memtrack_weights[object->weight] + (object->weight == MEMTRACK_WEIGHT_MBUFFER ? object->refs : 0);
}

MT_HOT void
memtrack_lifetime_count_end(const struct memtrack_object *known)
{
  memtrack_account_free(known->birth, bytes_of(known));
}

/* Enters an object that was counted. */
MT_HOT static inline void
enter(struct memtrack_object object)
{
  struct memtrack_object ended = memtrack_objects_put(object);
  if (ended.address) {
    memtrack_lifetime_count_end(&ended);
  }
}

/* The same of a sampled site, or of an event that was lost. */
MT_NOINLINE static void
enter_sampled(const void *object, uint32_t birth, uint32_t weight, uintptr_t address)
{
  if (birth != MEMTRACK_SITE_UNKNOWN) {
    birth &= ~MEMTRACK_BIRTH_SAMPLED;
    enter(memtrack_object_new(object, birth, weight));
    memtrack_sampling_tell(address, birth, memtrack_weights[weight], object, false);
  }
}

MT_HOT void
memtrack_lifetime_begin(const void *object, uint32_t kind, uint32_t weight, uintptr_t address)
{
  if (object == NULL || MT_UNLIKELY(!memtrack_hooks_get(armed))) {
    return;
  }
  uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_OBJECT, kind, memtrack_context.owner);
  uint32_t birth      = memtrack_account_block(address, attributes, NULL, memtrack_weights[weight]);
  if (MT_UNLIKELY(!memtrack_birth_is_plain(birth))) {
    enter_sampled(object, birth, weight, address);
    return;
  }
  enter(memtrack_object_new(object, birth, weight));
}

bool
memtrack_lifetime_lasts(uint64_t address, uint32_t birth)
{
  return memtrack_objects_is((const void *)(uintptr_t)address, birth) || memtrack_ranges_is(address, birth);
}

MT_HOT bool
memtrack_lifetime_take(const void *object, struct memtrack_object *known)
{
  return object && MT_LIKELY(memtrack_hooks_get(armed)) && memtrack_objects_remove(object, known);
}

MT_HOT void
memtrack_lifetime_end(const void *object)
{
  struct memtrack_object known;
  if (memtrack_lifetime_take(object, &known)) {
    memtrack_lifetime_count_end(&known);
  }
}

void
memtrack_lifetime_give_back(const struct memtrack_object *known)
{
  enter(*known);
}
