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

struct request {
  uint64_t place, length;
  uint32_t detail, site;
  const char *text;
};

/* Runs one of the functions below under the mutex. Where it traps, now or before, the request is left as it is. */
static void
ask(void (*body)(void *), struct request *request)
{
  pthread_mutex_lock(&mutex);
  if (!broken) {
    broken = !memtrack_guard(body, request);
  }
  pthread_mutex_unlock(&mutex);
}

static void
register_site(void *argument)
{
  struct request *request = argument;
  uint32_t length         = request->text ? memtrack_core_input(&core, request->text, strnlen(request->text, LOCATION_MAX)) : 0;
  request->site           = Z_coreZ_register(&core.wasm, request->place, request->detail, length);
  publish();
}

static void
register_name(void *argument)
{
  struct request *request = argument;
  request->site           = Z_coreZ_registerName(&core.wasm, memtrack_core_input(&core, request->text, request->length));
  publish();
}

static void
tell_key(void *argument)
{
  struct request *request = argument;
  request->place          = Z_coreZ_placeOf(&core.wasm, request->site);
  request->detail         = Z_coreZ_detailOf(&core.wasm, request->site);
}

uint32_t
memtrack_registry_site(uint64_t place, uint32_t detail, const char *text)
{
  struct request request = {.place = place, .detail = detail, .text = text};
  request.site           = MEMTRACK_SITE_OTHER + (detail >> MEMTRACK_DETAIL_CLASS_SHIFT);
  ask(register_site, &request);
  return request.site;
}

uint32_t
memtrack_registry_name(const char *name, uint64_t length)
{
  struct request request = {.text = name, .length = length, .site = MEMTRACK_SITE_OTHER + MEMTRACK_CLASS_IOBUFFER};
  ask(register_name, &request);
  return request.site;
}

bool
memtrack_registry_key(uint32_t site, uint64_t *place, uint32_t *detail)
{
  struct request request = {.site = site};
  ask(tell_key, &request);
  *place  = request.place;
  *detail = request.detail;
  return request.place != 0 || request.detail != 0;
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

const struct memtrack_core *
memtrack_registry_core(void)
{
  return &core;
}
