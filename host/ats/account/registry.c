/* SPDX-License-Identifier: Apache-2.0 */
#include "registry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tag.h"

/* A location is the server's or a library's literal; this bounds the reading of one that is not. */
#define LOCATION_MAX 65536

static struct memtrack_core core;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool broken;      /* it trapped: gives out no more numbers. Under the mutex. */
static uint32_t version; /* of names and owners, under the mutex */
static _Atomic uint32_t published;
static _Atomic uint64_t refused;
static _Atomic uint32_t in_use;

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
  version = Z_coreZ_version(&core.wasm);
  atomic_store_explicit(&in_use, Z_coreZ_sitesInUse(&core.wasm), memory_order_relaxed);
  atomic_store_explicit(&refused, Z_coreZ_refusals(&core.wasm), memory_order_relaxed);
  uint32_t count = Z_coreZ_siteCount(&core.wasm);
  __atomic_store_n(&memtrack_tag_births, (count - 1) << MEMTRACK_EPOCH_BITS, __ATOMIC_RELAXED);
  atomic_store_explicit(&published, count, memory_order_release);
}

/* What is asked, and the answer. */
struct request {
  uint64_t place, detail, length;
  const char *text;
  uint32_t owner, flags, site;
  int result;
  struct memtrack_core *model;
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

static uint32_t
hand_over(const struct request *request)
{
  return request->text ? memtrack_core_input(&core, request->text, strnlen(request->text, LOCATION_MAX)) : 0;
}

static void
register_site(void *argument)
{
  struct request *request = argument;
  uint32_t length         = hand_over(request);
  request->site           = Z_coreZ_register(&core.wasm, request->place, request->detail, length, request->owner, request->flags);
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
rename_site(void *argument)
{
  struct request *request = argument;
  request->result         = Z_coreZ_renameSite(&core.wasm, request->site, hand_over(request));
  publish();
}

static void
free_site(void *argument)
{
  struct request *request = argument;
  request->result         = Z_coreZ_freeSite(&core.wasm, request->site);
  publish();
}

static void
register_owner(void *argument)
{
  struct request *request = argument;
  request->owner          = Z_coreZ_registerOwner(&core.wasm, hand_over(request));
  publish();
}

static void
retire_owner(void *argument)
{
  struct request *request = argument;
  request->result         = Z_coreZ_retireOwner(&core.wasm, request->owner);
  publish();
}

static void
tell_key(void *argument)
{
  struct request *request = argument;
  request->place          = Z_coreZ_addressOf(&core.wasm, request->site);
  request->detail         = Z_coreZ_attributesOf(&core.wasm, request->site);
}

/* Calls into the model, not into the registry: what that has told so far stays good, even where it trapped since. */
static void
copy_names(void *argument)
{
  struct request *request = argument;
  if (version != Z_coreZ_knownVersion(&request->model->wasm)) {
    memcpy(memtrack_core_at(request->model, request->model->names), memtrack_core_at(&core, core.names),
           core.owners_end - core.names);
  }
  request->result = Z_coreZ_updateNames(&request->model->wasm, memtrack_registry_count(), version);
}

uint32_t
memtrack_registry_site(uint64_t place, uint64_t detail, const char *text, uint32_t owner, uint32_t flags)
{
  struct request request = {.place = place, .detail = detail, .text = text, .owner = owner, .flags = flags};
  request.site           = MEMTRACK_SITE_OTHER + ((uint32_t)detail >> MEMTRACK_ATTRIBUTES_CLASS_SHIFT);
  ask(register_site, &request);
  return request.site;
}

bool
memtrack_registry_is_own(uint32_t site)
{
  return site >= MEMTRACK_SITE_FIRST && site < MEMTRACK_SITE_FIRST + core.sites;
}

uint32_t
memtrack_registry_name(const char *name, uint64_t length)
{
  struct request request = {.text = name, .length = length, .site = MEMTRACK_SITE_OTHER + MEMTRACK_CLASS_IOBUFFER};
  ask(register_name, &request);
  return request.site;
}

void
memtrack_registry_rename(uint32_t site, const char *text)
{
  struct request request = {.site = site, .text = text};
  ask(rename_site, &request);
}

void
memtrack_registry_free(uint32_t site)
{
  struct request request = {.site = site};
  ask(free_site, &request);
}

uint32_t
memtrack_registry_owner(const char *text)
{
  struct request request = {.text = text, .owner = MEMTRACK_OWNER_OTHER};
  ask(register_owner, &request);
  return request.owner;
}

void
memtrack_registry_retire(uint32_t owner)
{
  struct request request = {.owner = owner};
  ask(retire_owner, &request);
}

void
memtrack_registry_text(uint32_t site, char *text, uint64_t size)
{
  pthread_mutex_lock(&mutex);
  if (site < memtrack_registry_count()) {
    const uint8_t *name = memtrack_core_at(&core, core.names + site * MEMTRACK_NAME_SIZE);
    uint16_t length;
    memcpy(&length, name + MEMTRACK_NAME_LENGTH, sizeof(length));
    length = length < size ? length : size - 1;
    memcpy(text, name + MEMTRACK_NAME_TEXT, length);
    text[length] = '\0';
  }
  pthread_mutex_unlock(&mutex);
}

bool
memtrack_registry_copy(struct memtrack_core *model)
{
  struct request request = {.model = model, .result = -1};
  pthread_mutex_lock(&mutex);
  bool good = memtrack_guard(copy_names, &request);
  pthread_mutex_unlock(&mutex);
  return good && request.result == 0;
}

bool
memtrack_registry_key(uint32_t site, uint64_t *place, uint64_t *detail)
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

uint32_t
memtrack_registry_in_use(void)
{
  return atomic_load_explicit(&in_use, memory_order_relaxed);
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
