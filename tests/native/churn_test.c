// SPDX-License-Identifier: Apache-2.0
//
// A thread of a plugin loads and unloads twenty libraries a thousand times, and uses them, while the heap is tracked, and not
// tracked, two hundred times: no slot is written in a module that is gone, and nothing that was released is missing.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/atomic.h"
#include "core/account.h"
#include "core/tag.h"
#include "hook/heap.h"
#include "hook/loader.h"
#include "hook/modules.h"
#include "hook/plugin.h"
#include "hook/release.h"
#include "hook/state.h"
#include "module/module.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "server/api.h"

enum { SITES = 1000, LIBRARIES = 20, ROUNDS = 50, SWITCHES = 200, OWNER = 1 << 8 | 1 };

static char folder[PATH_MAX];
enum { LOADS = ROUNDS * LIBRARIES, LOADS_EACH = LOADS / SWITCHES };
static int loads, switched; // neither overtakes the other

static void *
load(int number)
{
  char path[2 * PATH_MAX];
  snprintf(path, sizeof(path), "%s/churn%d.so", folder, number);
  void *handle = dlopen(path, (number % 2 ? RTLD_NOW : RTLD_LAZY) | RTLD_LOCAL);
  if (!handle) {
    fail_msg("%s", dlerror());
  }
  return handle;
}

static void *
churn(void *unused)
{
  memtrack_context.owner = OWNER;
  for (int i = 0; i < LOADS; ++i) {
    while (memtrack_load_ordered(&switched) <= i / LOADS_EACH) {
      sched_yield();
    }
    void *handle         = load(i * 7 % LIBRARIES);
    void *(*use)(size_t) = (void *(*)(size_t))dlsym(handle, "churn_use");
    void (*drop)(void *) = (void (*)(void *))dlsym(handle, "churn_drop");
    void *block          = use(100 + i % 50);
    drop(block);
    dlclose(handle);
    memtrack_add_ordered(&loads, 1);
  }
  return unused;
}

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

static void
libraries_come_and_go_while_the_heap_is_switched(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, churn, NULL), 0);
  // Each setting lasts for some loads, during which modules are found, and their slots redirected.
  for (int number = 1; number <= SWITCHES; ++number) {
    if (number % 2) {
      assert_int_equal(memtrack_modules_track_heap(&reason), 0);
    }
    memtrack_store_ordered(&memtrack_hooks.heap, number % 2);
    memtrack_store_ordered(&switched, number);
    do {
      assert_int_equal(memtrack_module_scan(NULL, false, memtrack_modules_found, memtrack_modules_gone), 0);
    } while (memtrack_load_ordered(&loads) < number * LOADS_EACH);
  }
  assert_int_equal(pthread_join(thread, NULL), 0);
  struct sums sum = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(sum.allocs, sum.frees);
  assert_int_equal(sum.alloc_bytes, sum.free_bytes);
  assert_in_range(sum.allocs, LOADS, 5 * LOADS);
  assert_int_equal(memtrack_account_lost(), 0);
}

static int
open_all(void **state)
{
  struct memtrack_reason reason;
  char program[PATH_MAX] = "";
  (void)state;
  if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0) {
    return -1;
  }
  snprintf(folder, sizeof(folder), "%s", dirname(program));
  open_accounting(SITES);
  memtrack_api_open();
  memtrack_hook_plugin_open(&reason); // this program has few of the functions
  if (memtrack_naming_open(MEMTRACK_SITE_FIRST + SITES) || memtrack_hook_heap_open(&reason)) {
    return -1;
  }
  memtrack_release_open();
  memtrack_modules_resolve(memtrack_loader_calls_of_plugins);
  for (const struct memtrack_definition *each = memtrack_heap_definitions; each->symbol; ++each) {
    if (each->original && memtrack_definition_redirect(each, &reason)) {
      return -1;
    }
  }
  memtrack_hooks.armed = true;
  memtrack_hooks.key   = memtrack_tag_key();
  return memtrack_module_scan(NULL, false, ignore, ignore) || memtrack_modules_install(&reason);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(libraries_come_and_go_while_the_heap_is_switched),
  };
  return cmocka_run_group_tests(tests, open_all, NULL);
}
