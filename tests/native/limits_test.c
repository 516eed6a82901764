// SPDX-License-Identifier: Apache-2.0
//
// Each table of a fixed size, filled: what there was goes on, what is refused is counted, and the header and the log say so. The
// limits of threads' shards, of thunks and of objects are in shard_test.c, context_test.c and objects_test.c.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "core/registry.h"
#include "dump/notices.h"
#include "hook/buffer.h"
#include "hook/objects.h"
#include "hook/plugin.h"
#include "hook/state.h"
#include "module/module.h"
#include "owner/context.h"
#include "server/api.h"

#define COPIES (MEMTRACK_MODULES_MAX + 20)

static char folder[PATH_MAX];
static void *handles[COPIES];

// ---- the plugin API, as far as buffers and readers need it ----

static const char servers_own[] = "memory/IOBuffer/Server.cc:1";

// A buffer and its block hold a location, and the block's data holds it too.
static uintptr_t buffer[64], block[24], data[16], readers[32];
static int reader_count;

void *TSIOBufferCreate(void);
void TSIOBufferDestroy(void *destroyed);
void *TSIOBufferStart(void *of);
void *TSIOBufferReaderAlloc(void *of);

void *
TSIOBufferCreate(void)
{
  buffer[3] = (uintptr_t)servers_own;
  return buffer;
}

void
TSIOBufferDestroy(void *destroyed)
{
  (void)destroyed;
}

void *
TSIOBufferStart(void *of)
{
  block[2] = data[1] = ((uintptr_t *)of)[3];
  block[4]           = (uintptr_t)data;
  return block;
}

void *
TSIOBufferReaderAlloc(void *of)
{
  (void)of;
  return &readers[reader_count++];
}

static void *
hook_of(const char *symbol)
{
  const struct memtrack_redirect *redirect = memtrack_plugin_api;
  while (strcmp(redirect->symbol, symbol) != 0) {
    ++redirect;
  }
  return redirect->hook;
}

// ---- copies of a module ----

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

static void
path_of_copy(char path[PATH_MAX + 64], int number)
{
  snprintf(path, PATH_MAX + 64, "%s/extra%d.so", folder, number);
}

static void
copy_extra(void)
{
  char path[PATH_MAX + 64];
  ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
  assert_true(length > 0);
  folder[length]             = '\0';
  *strrchr(folder, '/')      = '\0';
  static char bytes[1 << 17] = {0};
  snprintf(path, sizeof(path), "%s/extra.so", folder);
  int fd       = open(path, O_RDONLY);
  ssize_t size = read(fd, bytes, sizeof(bytes));
  assert_in_range(size, 1, sizeof(bytes) - 1);
  close(fd);
  strcat(folder, "/extra-XXXXXX");
  assert_non_null(mkdtemp(folder));
  for (int i = 0; i < COPIES; ++i) {
    path_of_copy(path, i);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0700);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
  }
}

static const void *
load_copy(int number)
{
  char path[PATH_MAX + 64];
  path_of_copy(path, number);
  handles[number] = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  assert_non_null(handles[number]);
  return dlsym(handles[number], "extra");
}

static void
unload_copy(int number)
{
  assert_int_equal(dlclose(handles[number]), 0);
}

// ---- the tests ----

static void
the_header_and_the_log_say_what_is_exhausted_and_the_log_once(void **state)
{
  (void)state;
  char *before = dump_text(1, false);
  assert_non_null(strstr(before, " untracked=0 exhausted=- memory-reader="));
  free(before);
  log_clear();
  memtrack_notice_trouble();
  assert_string_equal(log_text(), "");
  memtrack_limit_hit(MEMTRACK_LIMIT_SLOTS);
  memtrack_limit_hit(MEMTRACK_LIMIT_SLOTS);
  memtrack_notice_trouble();
  assert_string_equal(log_text(), "limit slots reached: some calls of a module are not tracked\n");
  memtrack_limit_hit(MEMTRACK_LIMIT_SLOTS);
  memtrack_notice_trouble();
  assert_string_equal(log_text(), "limit slots reached: some calls of a module are not tracked\n");
  char *after = dump_text(1, false);
  assert_non_null(strstr(after, " exhausted=slots:3 memory-reader="));
  free(after);
}

static void
plugins_whose_names_are_too_many_are_owners_without_a_generation(void **state)
{
  (void)state;
  if (THREAD_SANITIZER) {
    skip();
  }
  for (int i = 0; i < COPIES; ++i) {
    memtrack_module_scan(load_copy(i), false, ignore, ignore);
    unload_copy(i);
  }
  assert_true(memtrack_limit_hits(MEMTRACK_LIMIT_GENERATIONS) > 0);
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_MODULES), 0);
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_FILES), 0);
  const char *last[] = {"extra0.so#2", "extra1043.so"};
  for (int i = 0; i < 2; ++i) {
    const void *address = load_copy(i * (COPIES - 1));
    memtrack_module_scan(address, false, ignore, ignore);
    assert_string_equal(memtrack_module_at((uintptr_t)address)->text, last[i]);
    unload_copy(i * (COPIES - 1));
  }
  memtrack_module_sweep(ignore);
}

static long
tell_owner(void)
{
  return memtrack_context.owner;
}

static void
forget_functions(struct memtrack_module *module)
{
  memtrack_context_forget(module->start, module->end);
}

// Each time from another file, in whose place there was a module before or not.
static void
functions_of_a_plugin_that_is_reloaded_again_and_again_run_for_its_last_load(void **state)
{
  (void)state;
  enum { RELOADS = 5000, OLD = 100 };
  long (*thunks[RELOADS])(long (*)(void)) = {0};
  if (THREAD_SANITIZER) {
    skip();
  }
  for (int i = 0; i < RELOADS; ++i) {
    int copy            = i % 7;
    const void *address = load_copy(copy);
    memtrack_module_scan(address, false, ignore, forget_functions);
    const struct memtrack_module *module = memtrack_module_at((uintptr_t)address);
    thunks[i]                            = memtrack_context_wrap(dlsym(handles[copy], "extra_owner_inside"));
    assert_int_equal(thunks[i](tell_owner), module->owner);
    assert_int_equal(memtrack_context.owner, MEMTRACK_OWNER_CORE);
    // A continuation of an earlier load whose code is there again, as without memtrack.
    for (int j = i > OLD ? i - OLD : 0; j < i; ++j) {
      assert_true(thunks[j] != thunks[i] || thunks[j](tell_owner) == module->owner);
    }
    unload_copy(copy);
    memtrack_module_sweep(forget_functions);
  }
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_THUNKS), 0);
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_OWNERS), 0);
}

static void
modules_beyond_the_table_are_not_known_until_there_is_room(void **state)
{
  (void)state;
  if (THREAD_SANITIZER) {
    skip();
  }
  const void *address = NULL;
  for (int i = 0; i < COPIES; ++i) {
    address = load_copy(i);
  }
  memtrack_module_scan(address, false, ignore, ignore);
  assert_true(memtrack_limit_hits(MEMTRACK_LIMIT_MODULES) > 0);
  assert_true(memtrack_limit_hits(MEMTRACK_LIMIT_FILES) > 0);
  assert_non_null(memtrack_module_at((uintptr_t)dlsym(handles[0], "extra")));
  assert_null(memtrack_module_at((uintptr_t)address));
  for (int i = 0; i < COPIES - 1; ++i) {
    unload_copy(i);
  }
  memtrack_module_scan(address, false, ignore, ignore);
  assert_non_null(memtrack_module_at((uintptr_t)address));
  unload_copy(COPIES - 1);
  memtrack_module_sweep(ignore);
}

static void
owners_beyond_the_table_are_other_plugins(void **state)
{
  (void)state;
  static uint32_t owners[MEMTRACK_OWNERS_MAX];
  uint32_t count = 0;
  while (memtrack_limit_hits(MEMTRACK_LIMIT_OWNERS) == 0) {
    assert_true(count < MEMTRACK_OWNERS_MAX);
    owners[count++] = memtrack_registry_owner("plugin.so");
  }
  assert_int_equal(owners[count - 1], MEMTRACK_OWNER_OTHER);
  for (uint32_t i = 0; i + 1 < count; ++i) {
    assert_int_not_equal(owners[i], MEMTRACK_OWNER_OTHER);
    memtrack_registry_retire(owners[i]);
  }
}

static void
buffers_of_further_call_sites_keep_the_servers_location(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  enum { OWNER = 1 << MEMTRACK_OWNER_SLOT_BITS | 2, FAR = 70000 };
  // In the C library: each call on behalf of an owner is a call site.
  memtrack_module_scan(NULL, false, ignore, ignore);
  uintptr_t inside = (uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
  assert_true(memtrack_module_at(inside) && memtrack_module_at(inside + FAR));
  assert_int_equal(memtrack_buffer_calibrate(&reason), 0);
  uint32_t marked = 0;
  for (uint32_t i = 0; i < FAR; ++i) {
    memtrack_buffer_mark(TSIOBufferCreate(), false, inside + i, OWNER, NULL);
    marked += buffer[3] != (uintptr_t)servers_own;
  }
  assert_in_range(marked, 60000, FAR - 1);
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_LOCATIONS), FAR - marked);
  memtrack_buffer_mark(TSIOBufferCreate(), false, inside, OWNER, NULL);
  assert_ptr_not_equal((void *)buffer[3], servers_own);
}

static void
readers_in_more_places_than_are_followed_are_counted(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  assert_int_equal(memtrack_hook_plugin_open(&reason), -1); // this program has few of the functions
  assert_int_equal(memtrack_objects_open(), 0);
  memtrack_hooks.armed      = true;
  void *(*create)(void)     = (void *(*)(void))hook_of("TSIOBufferCreate");
  void *(*allocate)(void *) = (void *(*)(void *))hook_of("TSIOBufferReaderAlloc");
  void *of                  = create();
  while (memtrack_limit_hits(MEMTRACK_LIMIT_READERS) == 0) {
    assert_true(reader_count < 20);
    allocate(of);
  }
  assert_int_equal(reader_count, 17);
  memtrack_hooks.armed = false;
}

static void
a_plugin_whose_file_cannot_be_opened_for_want_of_a_descriptor_is_counted(void **state)
{
  (void)state;
  struct rlimit limit, none;
  const void *address = load_copy(0);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  none          = limit;
  none.rlim_cur = 0;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  memtrack_module_scan(address, false, ignore, ignore);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_true(memtrack_limit_hits(MEMTRACK_LIMIT_DESCRIPTORS) > 0);
  const struct memtrack_module *module = memtrack_module_at((uintptr_t)address);
  assert_int_equal(module->kind, MEMTRACK_MODULE_PLUGIN);
  struct memtrack_module_source source;
  memtrack_module_describe(module, &source);
  assert_int_equal(source.fd, -1);
  unload_copy(0);
  memtrack_module_sweep(ignore);
}

static int
open_once(void **state)
{
  (void)state;
  open_accounting(64);
  memtrack_api_open();
  copy_extra();
  return 0;
}

static int
remove_copies(void **state)
{
  (void)state;
  char path[PATH_MAX + 64];
  for (int i = 0; i < COPIES; ++i) {
    path_of_copy(path, i);
    unlink(path);
  }
  return rmdir(folder);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_header_and_the_log_say_what_is_exhausted_and_the_log_once),
    cmocka_unit_test(plugins_whose_names_are_too_many_are_owners_without_a_generation),
    cmocka_unit_test(functions_of_a_plugin_that_is_reloaded_again_and_again_run_for_its_last_load),
    cmocka_unit_test(modules_beyond_the_table_are_not_known_until_there_is_room),
    cmocka_unit_test(owners_beyond_the_table_are_other_plugins),
    cmocka_unit_test(buffers_of_further_call_sites_keep_the_servers_location),
    cmocka_unit_test(readers_in_more_places_than_are_followed_are_counted),
    cmocka_unit_test(a_plugin_whose_file_cannot_be_opened_for_want_of_a_descriptor_is_counted),
  };
  return cmocka_run_group_tests(tests, open_once, remove_copies);
}
