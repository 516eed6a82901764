/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model.h"

#include <pthread.h>

#include <algorithm>

#include "base/log.h"
#include "core/registry.h"
#include "core/shard.h"

static memtrack_core core;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool broken; /* has trapped. Under the mutex. */

int
memtrack_model_open(uint32_t sites)
{
  return memtrack_core_open(&core, MEMTRACK_ROLE_MODEL, sites);
}

memtrack_core *
memtrack_model_begin()
{
  pthread_mutex_lock(&mutex);
  if (broken) {
    pthread_mutex_unlock(&mutex);
    return nullptr;
  }
  return &core;
}

void
memtrack_model_end(bool good)
{
  broken = !good;
  pthread_mutex_unlock(&mutex);
  if (!good) {
    memtrack_log(
      MEMTRACK_ERROR,
      "the core trapped while making a dump (%s): no dumps until traffic_server is restarted; the server is not affected",
      memtrack_trap_reason());
  }
}

/* All frees first, then all allocations (assembly/model/model.ts). */
static void
merge_pairs(memtrack_core *model, uint32_t pair)
{
  uint32_t count  = memtrack_registry_count();
  uint32_t shards = memtrack_shard_count();
  for (uint32_t i = 0; i < shards; ++i) {
    memtrack_shard_read(memtrack_shard_get(i), pair, count, memtrack_core_at(model, model->staging));
    if (pair == MEMTRACK_RECORD_FREES) {
      memtrack_call(model, mergeFrees, count);
    } else {
      memtrack_call(model, mergeAllocs, count);
    }
  }
}

/* Memory of older epochs. */
static void
merge_buckets(memtrack_core *model)
{
  uint32_t count  = memtrack_registry_count();
  uint32_t shards = memtrack_shard_count();
  for (uint32_t i = 0; i < shards; ++i) {
    for (uint32_t first = 0; first < count; first += MEMTRACK_STAGED_MAX) {
      uint32_t some = std::min<uint32_t>(count - first, MEMTRACK_STAGED_MAX);
      memtrack_shard_read_sites(memtrack_shard_get(i), first, some, memtrack_core_at(model, model->staging));
      memtrack_call(model, mergeBuckets, first, some);
    }
  }
}

void
memtrack_model_collect(memtrack_core *model)
{
  memtrack_call(model, start);
  merge_pairs(model, MEMTRACK_RECORD_FREES);
  merge_pairs(model, MEMTRACK_RECORD_ALLOCS);
  merge_buckets(model);
  if (!memtrack_registry_copy(model)) {
    memtrack_trap_now(); /* the model must not be used any more */
  }
  memtrack_call(model, sumRows);
}

bool
memtrack_model_visit(bool settled, void (*body)(struct memtrack_core *, void *), void *argument)
{
  auto run = [=](memtrack_core *model) { body(model, argument); };
  return settled ? memtrack_model_with_sums(run) : memtrack_model_with(run);
}

void
memtrack_model_arm(uint32_t cls)
{
  memtrack_model_with([=](memtrack_core *model) {
    memtrack_model_collect(model);
    memtrack_call(model, arm, cls);
  });
}

void
memtrack_model_disarm(uint32_t cls)
{
  memtrack_model_with([=](memtrack_core *model) { memtrack_call(model, disarm, cls); });
}

void
memtrack_model_observe()
{
  memtrack_model_with_sums([](memtrack_core *) {});
}

void
memtrack_model_reclaim()
{
  memtrack_model_with([](memtrack_core *model) {
    memtrack_registry_copy(model); /* copy the owners retired before the first counter is read */
    memtrack_model_collect(model);
    for (uint32_t site = memtrack_call(model, reclaim, 0); site; site = memtrack_call(model, reclaim, site)) {
      memtrack_registry_free(site);
    }
  });
}

uint64_t
memtrack_model_memory()
{
  return core.size;
}

void
memtrack_model_log(memtrack_core *model, memtrack_severity severity, uint32_t length)
{
  memtrack_log(severity, "%.*s", (int)length, (const char *)memtrack_core_at(model, model->output));
}
