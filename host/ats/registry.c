/* SPDX-License-Identifier: Apache-2.0 */
#include "registry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* A location is the server's or a library's literal; this bounds the reading of one that is not. */
#define LOCATION_MAX 65536

static struct memtrack_core core;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool broken; /* it trapped: gives out no more numbers. Under the mutex. */
static _Atomic uint32_t published;
static _Atomic uint64_t refused;

int
memtrack_registry_open(uint32_t sites)
{
  if (memtrack_core_open(&core, MEMTRACK_ROLE_REGISTRY, sites)) {
    return -1;
  }
  atomic_store(&published, MEMTRACK_SITE_FIRST);
  return 0;
}

/* Under the mutex: what changed becomes visible to those who read without it. */
static void
publish(void)
{
  atomic_store_explicit(&refused, Z_coreZ_refusals(&core.wasm), memory_order_relaxed);
  atomic_store_explicit(&published, Z_coreZ_siteCount(&core.wasm), memory_order_release);
}

uint32_t
memtrack_registry_site(uint64_t place, uint32_t detail, const char *text)
{
  volatile uint32_t site = MEMTRACK_SITE_OTHER + (detail >> MEMTRACK_DETAIL_CLASS_SHIFT);
  pthread_mutex_lock(&mutex);
  if (!broken) {
    if (MEMTRACK_TRY) {
      uint32_t length = text ? memtrack_core_input(&core, text, strnlen(text, LOCATION_MAX)) : 0;
      site            = Z_coreZ_register(&core.wasm, place, detail, length);
      publish();
    } else {
      broken = true;
    }
  }
  pthread_mutex_unlock(&mutex);
  return site;
}

uint32_t
memtrack_registry_name(const char *name, uint64_t length)
{
  volatile uint32_t site = MEMTRACK_SITE_OTHER + MEMTRACK_CLASS_IOBUFFER;
  pthread_mutex_lock(&mutex);
  if (!broken) {
    if (MEMTRACK_TRY) {
      site = Z_coreZ_registerName(&core.wasm, memtrack_core_input(&core, name, length));
      publish();
    } else {
      broken = true;
    }
  }
  pthread_mutex_unlock(&mutex);
  return site;
}

uint32_t
memtrack_registry_count(void)
{
  return atomic_load_explicit(&published, memory_order_acquire);
}

uint64_t
memtrack_registry_refusals(void)
{
  return atomic_load_explicit(&refused, memory_order_relaxed);
}

bool
memtrack_registry_key(uint32_t site, uint64_t *place, uint32_t *detail)
{
  volatile bool found = false;
  pthread_mutex_lock(&mutex);
  if (!broken && MEMTRACK_TRY) {
    *place  = Z_coreZ_placeOf(&core.wasm, site);
    *detail = Z_coreZ_detailOf(&core.wasm, site);
    found   = *place != 0 || *detail != 0;
  }
  pthread_mutex_unlock(&mutex);
  return found;
}

const struct memtrack_core *
memtrack_registry_core(void)
{
  return &core;
}
