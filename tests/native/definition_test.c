// SPDX-License-Identifier: Apache-2.0
//
// Definitions of a function in a module's dynamic symbol table: modules that are loaded afterwards bind to the hook, those that
// were loaded before keep the function, and nothing else is written. For both kinds of hash tables, and for a symbol table on a
// page of code.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "module/definition.h"
#include "module/slots.h"

static char folder[PATH_MAX];

static int
hook(void)
{
  return 2;
}

static void *
resolver(void)
{
  return (void *)hook;
}

static void *
load(const char *name)
{
  char path[2 * PATH_MAX];
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    fail_msg("%s", dlerror());
  }
  return handle;
}

static int
redirect(void *definer, const char *symbol, struct memtrack_reason *reason)
{
  struct memtrack_definition definition = {
    .symbol = symbol, .hook = (void *)hook, .resolver = resolver, .original = dlsym(definer, symbol)};
  return memtrack_definition_redirect(&definition, reason);
}

static void
assert_calls(void *importer, int sum)
{
  int (*call)(void) = (int (*)(void))dlsym(importer, "importer_sum");
  assert_int_equal(call(), sum);
  assert_int_equal(*(int *)dlsym(importer, "importer_constructor"), sum);
  assert_int_equal((*(int (**)(void))dlsym(importer, "importer_pointer"))(), sum % 10);
}

static const char *const names[] = {"definer_plain", "definer_protected", "definer_resolved", "definer_versioned"};

// The two copies of importer.so are one file, linked for this definer.so.
static void
redirect_all(const char *kind)
{
  struct memtrack_reason reason;
  char name[3][64];
  snprintf(name[0], sizeof(name[0]), "definer_%s.so", kind);
  snprintf(name[1], sizeof(name[1]), "importer_%s.so", kind);
  snprintf(name[2], sizeof(name[2]), "importer_%s_late.so", kind);
  void *definer = load(name[0]);
  void *early   = load(name[1]);
  assert_calls(early, 1111);
  for (size_t i = 0; i < sizeof(names) / sizeof(*names); ++i) {
    assert_int_equal(redirect(definer, names[i], &reason), 0);
    assert_ptr_equal(dlsym(definer, names[i]), hook);
  }
  assert_ptr_equal(dlvsym(definer, "definer_versioned", "OLD"), hook);
  void *late = load(name[2]);
  assert_calls(late, 2222);
  assert_calls(early, 1111);
}

static void
later_bindings_lead_to_the_hook_and_no_protection_changes(void **state)
{
  (void)state;
  load("definer_gnu.so");
  load("importer_gnu.so");
  char *before  = maps_text();
  void *definer = load("definer_gnu.so");
  struct memtrack_reason reason;
  struct memtrack_definition definition = {
    .symbol = "definer_plain", .hook = (void *)hook, .resolver = resolver, .original = dlsym(definer, "definer_plain")};
  assert_int_equal(memtrack_definition_redirect(&definition, &reason), 0);
  assert_int_equal(memtrack_definition_redirect(&definition, &reason), 0); // again, as when the heap is tracked again
  char *after = maps_text();
  assert_string_equal(after, before);
  free(before);
  free(after);
  // Put back, for the next test.
  definition.hook = (void *)definition.original;
  assert_int_equal(memtrack_definition_redirect(&definition, &reason), 0);
  redirect_all("gnu");
}

static void
a_module_with_the_older_hash_table(void **state)
{
  (void)state;
  redirect_all("sysv");
}

static bool done;

static void *
call_for_ever(void *function)
{
  while (!memtrack_load(&done)) {
    assert_int_equal(((int (*)(void))function)(), 1);
  }
  return NULL;
}

// Another thread executes on the page meanwhile.
static void
a_symbol_table_on_a_page_of_code_which_is_never_writable(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  pthread_t thread;
  void *definer  = load("definer_code.so");
  void *function = dlsym(definer, "definer_plain");
  struct link_map *map;
  assert_int_equal(dlinfo(definer, RTLD_DI_LINKMAP, &map), 0);
  assert_int_equal(memtrack_page_protection((void *)map->l_addr), PROT_READ | PROT_EXEC);
  assert_int_equal(pthread_create(&thread, NULL, call_for_ever, function), 0);
  struct memtrack_definition definition = {.symbol = "definer_plain", .resolver = resolver, .original = function};
  for (int i = 0; i < 1000; ++i) {
    definition.hook = i % 2 ? function : (void *)hook;
    assert_int_equal(memtrack_definition_redirect(&definition, &reason), 0);
  }
  memtrack_store_ordered(&done, true);
  pthread_join(thread, NULL);
  assert_int_equal(memtrack_page_protection((void *)map->l_addr), PROT_READ | PROT_EXEC);
  redirect_all("code");
}

static void
what_cannot_be_redirected_is_refused_with_its_name(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  void *definer                         = load("definer_gnu.so");
  struct memtrack_definition definition = {
    .symbol = "definer_missing", .hook = (void *)hook, .resolver = resolver, .original = dlsym(definer, "definer_protected")};
  definition.original = (void *)load; // in this program, which does not define that
  assert_int_equal(memtrack_definition_redirect(&definition, &reason), -1);
  assert_non_null(strstr(reason.text, "definer_missing"));
  definition.original = (void *)16;
  assert_int_equal(memtrack_definition_redirect(&definition, &reason), -1);
  assert_non_null(strstr(reason.text, "definer_missing"));
}

int
main(void)
{
  char program[PATH_MAX] = "";
  if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0) {
    return 1;
  }
  snprintf(folder, sizeof(folder), "%s", dirname(program));
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(later_bindings_lead_to_the_hook_and_no_protection_changes),
    cmocka_unit_test(a_module_with_the_older_hash_table),
    cmocka_unit_test(a_symbol_table_on_a_page_of_code_which_is_never_writable),
    cmocka_unit_test(what_cannot_be_redirected_is_refused_with_its_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
