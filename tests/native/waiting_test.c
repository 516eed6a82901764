// SPDX-License-Identifier: Apache-2.0
//
// What a hook does not wait for: the copying of the names, the opening of another thread's shard, the loader, a thread that reads a
// module's symbols. In each test the other thread is stopped in the middle until the hook is done. A hook that waits ends the
// program by its alarm.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/limits.h"
#include "caller.h"
#include "core/account.h"
#include "core/instance.h"
#include "core/model.h"
#include "core/registry.h"
#include "core/shard.h"
#include "hook/heap.h"
#include "hook/openssl.h"
#include "hook/release.h"
#include "hook/state.h"
#include "module/module.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "owner/walk.h"
#include "symbol/symbol.h"

enum { SITES = MEMTRACK_SITES_MAX, NAMES = 65000, LONGEST_S = 60 };

static char locations[NAMES + 100][40];
static int location_count;

static const char *
new_location(void)
{
  char *location = locations[location_count++];
  snprintf(location, sizeof(locations[0]), "memory/IOBuffer/test.cc:%d", location_count);
  return location;
}

static void *
event_of_a_new_site(void *nothing)
{
  (void)nothing;
  memtrack_account_iobuffer(new_location(), 1);
  return NULL;
}

static void
in_a_thread(void *(*function)(void *), void *argument)
{
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, function, argument), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
}

// ---- the copying of the names ----

static struct {
  sem_t reached, done;
  char *page;
  size_t size;
} stop;

// The thread that copies touches a page that is not there, in the middle of the names, and waits here.
static void
on_fault(int number, siginfo_t *info, void *context)
{
  char *at = info->si_addr;
  (void)number;
  (void)context;
  if (at < stop.page || at >= stop.page + stop.size) {
    abort();
  }
  sem_post(&stop.reached);
  while (sem_wait(&stop.done)) {
  }
  mprotect(stop.page, stop.size, PROT_READ | PROT_WRITE);
}

static void
copy_names(struct memtrack_core *model, void *good)
{
  struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, before;
  stop.size              = sysconf(_SC_PAGESIZE);
  stop.page              = (char *)memtrack_core_at(model, model->names + NAMES / 2 * MEMTRACK_NAME_SIZE);
  stop.page -= (uintptr_t)stop.page % stop.size;
  sigaction(SIGSEGV, &fault, &before);
  mprotect(stop.page, stop.size, PROT_NONE);
  *(bool *)good = memtrack_registry_copy(model);
  sigaction(SIGSEGV, &before, NULL);
}

static void *
copy_in_thread(void *good)
{
  memtrack_model_visit(false, copy_names, good);
  return NULL;
}

static void
known_version(struct memtrack_core *model, void *version)
{
  *(uint32_t *)version = memtrack_call(model, knownVersion);
}

static uint32_t
models_version(void)
{
  uint32_t version = 0;
  assert_true(memtrack_model_visit(false, known_version, &version));
  return version;
}

static void
a_new_site_does_not_wait_for_the_copying_of_the_names(void **state)
{
  (void)state;
  pthread_t copier;
  bool good = false;
  while (location_count < NAMES) {
    const char *location = new_location();
    memtrack_registry_site((uintptr_t)location, memtrack_attributes(MEMTRACK_CLASS_IOBUFFER, 0, MEMTRACK_OWNER_CORE), location,
                           MEMTRACK_OWNER_CORE, 0);
  }
  uint32_t count = memtrack_registry_count();
  sem_init(&stop.reached, 0, 0);
  sem_init(&stop.done, 0, 0);
  assert_int_equal(pthread_create(&copier, NULL, copy_in_thread, &good), 0);
  sem_wait(&stop.reached);
  in_a_thread(event_of_a_new_site, NULL);
  assert_int_equal(memtrack_registry_count(), count + 1);
  sem_post(&stop.done);
  pthread_join(copier, NULL);
  assert_true(good);
  // The copy began without that site, so the next one has it.
  uint32_t before = models_version();
  memtrack_model_observe();
  assert_true(models_version() > before);
  before = models_version();
  memtrack_model_observe();
  assert_int_equal(models_version(), before);
  char *text = dump_text(1, false);
  assert_non_null(strstr(text, locations[location_count - 1]));
  free(text);
}

// ---- the opening of a shard ----

static __thread bool stops_in_madvise;

// Opening a shard calls this, after its memory is mapped.
int
madvise(void *address, size_t size, int advice)
{
  if (stops_in_madvise) {
    stops_in_madvise = false;
    sem_post(&stop.reached);
    while (sem_wait(&stop.done)) {
    }
  }
  return syscall(SYS_madvise, address, size, advice);
}

static void *
open_a_shard(void *nothing)
{
  stops_in_madvise = true;
  return event_of_a_new_site(nothing);
}

// All shards that are open have an owner: this thread's next ones are new.
static void *
event_and_stay(void *done)
{
  event_of_a_new_site(NULL);
  sem_post((sem_t *)done);
  while (true) {
    pause();
  }
  return NULL;
}

static void
a_threads_first_event_does_not_wait_for_anothers(void **state)
{
  (void)state;
  pthread_t opener, other;
  sem_t done;
  sem_init(&done, 0, 0);
  uint32_t shards = memtrack_shard_count(), count = 0;
  for (uint32_t opened = shards; opened == shards; opened = memtrack_shard_count()) {
    assert_int_equal(pthread_create(&other, NULL, event_and_stay, &done), 0);
    sem_wait(&done);
    assert_in_range(++count, 1, MEMTRACK_SHARDS_MAX);
  }
  shards = memtrack_shard_count();
  assert_int_equal(pthread_create(&opener, NULL, open_a_shard, NULL), 0);
  sem_wait(&stop.reached);
  assert_int_equal(pthread_create(&other, NULL, event_and_stay, &done), 0);
  sem_wait(&done);
  assert_int_equal(memtrack_shard_count(), shards + 1); // the other thread's; the opener's is not read before it is open
  uint64_t events = sum_site(MEMTRACK_SITE_UNKNOWN).allocs;
  sem_post(&stop.done);
  pthread_join(opener, NULL);
  assert_int_equal(memtrack_shard_count(), shards + 2);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs, events + 1);
  assert_int_equal(memtrack_account_lost(), 0);
}

// ---- the loader ----

static caller const *plugin_sites, *library_sites;
static uint32_t owner;

static const void *
load(const char *name, void **handle, caller const **sites)
{
  *handle = open_beside(name, RTLD_NOW | RTLD_LOCAL);
  if (!sites) {
    return NULL;
  }
  *sites = dlsym(*handle, "caller_sites");
  return (const void *)(uintptr_t)(*sites)[0];
}

void wait_in_constructor(void);

void
wait_in_constructor(void)
{
  sem_post(&stop.reached);
  while (sem_wait(&stop.done)) {
  }
}

static void *
load_slowly(void *nothing)
{
  void *handle;
  (void)nothing;
  load("constructor.so", &handle, NULL);
  dlclose(handle);
  return NULL;
}

static called
hook_of(const struct memtrack_redirect *redirect, const char *symbol)
{
  while (strcmp(redirect->symbol, symbol) != 0) {
    ++redirect;
  }
  return (called)redirect->hook;
}

// A thread's first calls, each at a new site, those of the library with a first walk.
static void *
call_hooks(void *nothing)
{
  static const char *const names[][2] = {{"malloc", "free"}, {"valloc", "free"}, {"_Znwm", "_ZdlPv"}, {"_Znam", "_ZdaPv"}};
  (void)nothing;
  memtrack_walk_forget();
  memtrack_context.owner = owner;
  for (unsigned i = 0; i < 4; ++i) {
    uintptr_t block   = plugin_sites[i](hook_of(memtrack_plugin_heap, names[i][0]), 40, 0, 0);
    uintptr_t another = library_sites[i](hook_of(memtrack_library_heap, names[i][0]), 40, 0, 0);
    plugin_sites[i](hook_of(memtrack_plugin_heap, names[i][1]), block, 0, 0);
    plugin_sites[i](hook_of(memtrack_library_heap, names[i][1]), another, 0, 0);
  }
  uintptr_t block = plugin_sites[4](hook_of(memtrack_plugin_heap, "realloc"), 0, 40, 0);
  block           = plugin_sites[5](hook_of(memtrack_plugin_heap, "realloc"), block, 80, 0);
  plugin_sites[6](hook_of(memtrack_plugin_heap, "free"), block, 0, 0);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  memtrack_openssl_free(memtrack_openssl_malloc(40, "test.c", 1), "test.c", 1);
  memtrack_account_iobuffer(new_location(), 1);
  return NULL;
}

static void
no_hook_waits_for_a_constructor_that_the_loader_runs(void **state)
{
  (void)state;
  pthread_t loader;
  assert_int_equal(pthread_create(&loader, NULL, load_slowly, NULL), 0);
  sem_wait(&stop.reached);
  in_a_thread(call_hooks, NULL);
  sem_post(&stop.done);
  pthread_join(loader, NULL);
  assert_int_equal(memtrack_account_lost(), 0);
}

// ---- a thread that has the modules ----

static int gone_count;

static void
count_gone(struct memtrack_module *module)
{
  (void)module;
  ++gone_count;
}

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

static void
stop_at_first(struct memtrack_module *module, void *first)
{
  (void)module;
  if (*(bool *)first) {
    *(bool *)first = false;
    sem_post(&stop.reached);
    while (sem_wait(&stop.done)) {
    }
  }
}

static void *
look_at_modules(void *nothing)
{
  bool first = true;
  (void)nothing;
  memtrack_module_each(stop_at_first, &first);
  return NULL;
}

static void
an_unload_is_left_to_the_thread_that_has_the_modules(void **state)
{
  (void)state;
  void *handle;
  caller const *sites;
  pthread_t looker;
  const void *address = load("unloaded.so", &handle, &sites);
  memtrack_module_scan(address, false, ignore, ignore);
  assert_int_equal(pthread_create(&looker, NULL, look_at_modules, NULL), 0);
  sem_wait(&stop.reached);
  assert_int_equal(dlclose(handle), 0);
  memtrack_module_sweep(count_gone);
  assert_int_equal(gone_count, 0);
  sem_post(&stop.done);
  pthread_join(looker, NULL);
  assert_int_equal(gone_count, 1);
  assert_null(memtrack_module_at((uintptr_t)address));
}

// ---- names after the module ----

static void
keep(struct memtrack_module *module)
{
  memtrack_naming_keep(module);
}

// Loads a plugin, has it call a hook at one of its sites, and unloads it.
static void
load_call_unload(unsigned site)
{
  void *handle;
  caller const *sites;
  memtrack_module_scan(load("unloaded.so", &handle, &sites), false, ignore, ignore);
  memtrack_context.owner = memtrack_module_at((uintptr_t)sites[0])->owner;
  free((void *)sites[site](hook_of(memtrack_plugin_heap, "malloc"), 40, 0, 0));
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  assert_int_equal(dlclose(handle), 0);
  memtrack_module_sweep(keep);
}

static void
a_site_is_named_after_its_module_is_unloaded(void **state)
{
  (void)state;
  char text[MEMTRACK_NAME_MAX + 1];
  struct memtrack_reason reason;
  if (memtrack_symbols_start(&reason)) {
    skip();
  }
  load_call_unload(17);
  uint32_t site = memtrack_registry_count() - 1;
  memtrack_registry_text(site, text, sizeof(text));
  assert_non_null(strstr(text, "unloaded.so"));
  assert_null(strstr(text, "site_0101"));
  memtrack_naming_resolve();
  memtrack_registry_text(site, text, sizeof(text));
  assert_non_null(strstr(text, " site_0101 (caller.c:"));
}

static void
plugins_beyond_those_that_are_kept_are_counted(void **state)
{
  (void)state;
  if (memtrack_symbols_are_loaders()) {
    skip();
  }
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_UNLOADED), 0);
  for (int i = 0; i < 242; ++i) {
    load_call_unload(i);
  }
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_UNLOADED), 2);
  memtrack_naming_resolve();
  load_call_unload(250);
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_UNLOADED), 2);
}

static int
open_once(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  void *handle;
  open_accounting(SITES);
  assert_int_equal(memtrack_naming_open(MEMTRACK_SITE_FIRST + SITES), 0);
  assert_int_equal(memtrack_hook_heap_open(&reason), 0);
  load("library.so", &handle, &library_sites);
  const void *plugin = load("caller.so", &handle, &plugin_sites);
  memtrack_module_scan(plugin, false, ignore, ignore);
  owner              = memtrack_module_at((uintptr_t)plugin)->owner;
  memtrack_hooks.key = memtrack_hooks.openssl_key = memtrack_tag_key();
  memtrack_hooks.armed = memtrack_hooks.heap = memtrack_hooks.handles = memtrack_hooks.openssl_armed = true;
  alarm(LONGEST_S);
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_new_site_does_not_wait_for_the_copying_of_the_names),
    cmocka_unit_test(a_threads_first_event_does_not_wait_for_anothers),
    cmocka_unit_test(no_hook_waits_for_a_constructor_that_the_loader_runs),
    cmocka_unit_test(an_unload_is_left_to_the_thread_that_has_the_modules),
    cmocka_unit_test(a_site_is_named_after_its_module_is_unloaded),
    cmocka_unit_test(plugins_beyond_those_that_are_kept_are_counted),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
