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

/* Not inlined: the two entries are not on the stack while the object is counted, which takes most of it at a site's first event. */
MT_HOT static MT_NOINLINE void
record(const void *object, uint32_t weight, uint32_t birth, uint64_t bytes)
{
  struct memtrack_object old, created = {.address = (uintptr_t)object, .birth = birth, .weight = weight};
  if (!memtrack_objects_put(&created, &old)) {
    memtrack_account_free(birth, bytes); /* not recorded, so its end could not be seen */
  } else if (old.address) {
    memtrack_lifetime_count_end(&old);
  }
}

MT_HOT void
memtrack_lifetime_begin(const void *object, uint32_t kind, uint32_t weight, uintptr_t address)
{
  if (object == NULL || MT_UNLIKELY(!memtrack_hooks_get(armed))) {
    return;
  }
  uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_OBJECT, kind, memtrack_context.owner);
  uint64_t bytes      = memtrack_weights[weight];
  uint32_t birth      = memtrack_account_alloc(address, attributes, NULL, bytes);
  if (birth != MEMTRACK_SITE_UNKNOWN) {
    record(object, weight, birth, bytes);
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
  struct memtrack_object old;
  if (!memtrack_objects_put(known, &old)) {
    memtrack_lifetime_count_end(known);
  } else if (old.address) {
    memtrack_lifetime_count_end(&old);
  }
}
