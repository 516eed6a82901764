/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/lifetime.h"

#include <stddef.h>

#include "base/compiler.h"
#include "core/account.h"
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

MT_HOT void
memtrack_lifetime_begin(const void *object, uint32_t kind, uint32_t weight, uintptr_t address)
{
  if (object == NULL || MT_UNLIKELY(!memtrack_hooks_get(armed))) {
    return;
  }
  uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_OBJECT, kind, memtrack_context.owner);
  uint32_t birth      = memtrack_account_alloc(address, attributes, NULL, memtrack_weights[weight]);
  if (birth != MEMTRACK_SITE_UNKNOWN) {
    enter(memtrack_object_new(object, birth, weight));
  }
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
