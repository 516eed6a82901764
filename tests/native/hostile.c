// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "hostile.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "core/tag.h"
#include "hook/heap.h"
#include "hook/release.h"
#include "hook/state.h"
#include "module/module.h"
#include "owner/context.h"
#include "owner/naming.h"

#define SITES       256
#define ANSWERS_MAX 16384
#define GUARDED_MAX 64
#define PAGE        4096u

struct answers {
  size_t count;
  struct {
    const char *what;
    int64_t value;
  } list[ANSWERS_MAX];
};

// One run of a scenario.
struct run {
  scenario body;
  function tested;
  void (*release)(void *);
  bool by_plugin; // the owner whose code runs
  struct answers answers;
  size_t guarded_count;
  struct {
    void *map;
    size_t size;
  } guarded[GUARDED_MAX];
};

static struct run *running; // one thread at a time runs a scenario

// States of the tracking, and whether a plugin's code runs.
static const struct state {
  const char *name;
  bool armed, heap, by_plugin, server_heap;
} states[] = {{"level 0", false, false, true, false},
              {"level 1, by a plugin", true, false, true, false},
              {"heap 1, by the server", true, true, false, false},
              {"heap 1, by a plugin", true, true, true, false},
              {"heap 2, by the server", true, true, false, true},
              {"heap 2, by a plugin", true, true, true, true}};
#define STATES (sizeof(states) / sizeof(*states))

void
answer(const char *what, int64_t value)
{
  struct answers *to = &running->answers;
  if (to->count == ANSWERS_MAX) {
    abort();
  }
  to->list[to->count].what    = what;
  to->list[to->count++].value = value;
}

void
give_back(void *block)
{
  running->release(block);
}

// Pages with a page without access on both sides. Returns the first byte after the leading one.
static char *
guarded_pages(size_t pages)
{
  size_t size = (pages + 2) * PAGE;
  char *map   = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED || running->guarded_count == GUARDED_MAX || mprotect(map + PAGE, pages * PAGE, PROT_READ | PROT_WRITE)) {
    abort();
  }
  running->guarded[running->guarded_count].map    = map;
  running->guarded[running->guarded_count++].size = size;
  return map + PAGE;
}

static void
fill(void *to, const void *bytes, size_t size)
{
  if (bytes) {
    memcpy(to, bytes, size);
  } else {
    memset(to, 0x5a, size);
  }
}

void *
before_guard(const void *bytes, size_t size)
{
  size_t pages = size / PAGE + 1;
  char *at     = guarded_pages(pages) + pages * PAGE - size;
  fill(at, bytes, size);
  return at;
}

void *
after_guard(const void *bytes, size_t size)
{
  char *at = guarded_pages(size / PAGE + 1);
  fill(at, bytes, size);
  return at;
}

function
plain_of(const char *symbol)
{
  function found = (function)(uintptr_t)dlsym(RTLD_DEFAULT, symbol);
  if (!found) {
    fail_msg("%s does not exist", symbol);
  }
  return found;
}

function
hook_of(const struct memtrack_redirect *table, const char *symbol)
{
  for (; table->symbol; ++table) {
    if (strcmp(table->symbol, symbol) == 0) {
      return (function)(uintptr_t)table->hook;
    }
  }
  return NULL;
}

void *
make_block(unsigned kind, size_t size)
{
  void *block = NULL;
  switch (kind) {
  case 0:
    return malloc(size);
  case 1:
    return calloc(1, size);
  case 2:
    return posix_memalign(&block, 64, size) ? NULL : block;
  case 3:
    return ((void *(*)(size_t))hook_of(memtrack_plugin_heap, "malloc"))(size);
  case 4:
    return ((void *(*)(size_t))hook_of(memtrack_library_heap, "malloc"))(size);
  case 5:
    return ((void *(*)(size_t, size_t))hook_of(memtrack_plugin_heap, "memalign"))(64, size);
  default:
    return NULL;
  }
}

static void
arm(const struct state *state)
{
  memtrack_store_ordered(&memtrack_hooks.key, memtrack_tag_key());
  memtrack_store_ordered(&memtrack_hooks.armed, state->armed);
  memtrack_store_ordered(&memtrack_hooks.handles, true);
  memtrack_store_ordered(&memtrack_hooks.heap, state->heap);
  memtrack_store_ordered(&memtrack_hooks.server_heap, state->server_heap);
}

static void *
run_in_thread(void *data)
{
  struct run *run        = data;
  memtrack_context.owner = run->by_plugin ? 7u << MEMTRACK_OWNER_SLOT_BITS | 2 : MEMTRACK_OWNER_CORE;
  run->body(run->tested);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  return NULL;
}

static struct run *
answers_of(scenario body, function tested, void (*release)(void *), bool by_plugin)
{
  pthread_t thread;
  struct run *run = calloc(1, sizeof(*run));
  *run            = (struct run){.body = body, .tested = tested, .release = release, .by_plugin = by_plugin};
  running         = run;
  assert_int_equal(pthread_create(&thread, NULL, run_in_thread, run), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  for (size_t i = 0; i < run->guarded_count; ++i) {
    munmap(run->guarded[i].map, run->guarded[i].size);
  }
  return run;
}

static void
assert_equal_answers(const struct run *plain, const struct run *hook, const char *state)
{
  for (size_t i = 0; i < plain->answers.count && i < hook->answers.count; ++i) {
    const char *what = plain->answers.list[i].what;
    if (strcmp(what, hook->answers.list[i].what) != 0 || plain->answers.list[i].value != hook->answers.list[i].value) {
      fail_msg("%s: answer %zu, \"%s\", is %lld without the hook, and \"%s\" is %lld with it", state, i, what,
               (long long)plain->answers.list[i].value, hook->answers.list[i].what, (long long)hook->answers.list[i].value);
    }
  }
  assert_int_equal(plain->answers.count, hook->answers.count);
  assert_true(plain->answers.count > 0);
}

static void
compare_releasing(function plain, function hook, void (*release)(void *), scenario body)
{
  arm(&states[0]);
  struct run *expected = answers_of(body, plain, free, false);
  for (size_t i = 0; i < STATES; ++i) {
    arm(&states[i]);
    struct run *actual = answers_of(body, hook, release, states[i].by_plugin);
    arm(&states[0]);
    assert_equal_answers(expected, actual, states[i].name);
    free(actual);
  }
  free(expected);
}

void
compare(function plain, function hook, scenario run)
{
  compare_releasing(plain, hook, free, run);
}

void
compare_hooks(const char *symbol, function plain, const char *releases, const struct memtrack_redirect *const *tables, scenario run)
{
  size_t hooks = 0;
  for (; *tables; ++tables) {
    function hook = hook_of(*tables, symbol), release = hook_of(*tables, releases);
    if (hook) {
      compare_releasing(plain, hook, release ? (void (*)(void *))release : free, run);
      ++hooks;
    }
  }
  assert_true(hooks > 0);
}

// The status of a child that runs a scenario. Its messages are expected.
static int
end_of(function tested, scenario body)
{
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);
    dup2(null, STDOUT_FILENO);
    static struct run run;
    running = &run;
    run     = (struct run){.release = free};
    // The C library's own handlers, not cmocka's.
    signal(SIGSEGV, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    body(tested);
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

void
compare_ends(function plain, function hook, scenario run)
{
  if (MT_SANITIZED) {
    return; // a sanitizer ends the process in its own ways, and a fork of its memory takes a second
  }
  int expected = end_of(plain, run);
  assert_int_not_equal(expected, 0);
  bool any = getenv("MALLOC_CHECK_"); // it reports first what is called through its own functions
  for (size_t i = 0; i < STATES; ++i) {
    arm(&states[i]);
    int actual = end_of(hook, run);
    arm(&states[0]);
    if (any ? actual == 0 : actual != expected) {
      fail_msg("%s: the process ends with status 0x%x without the hook, and 0x%x with it", states[i].name, expected, actual);
    }
  }
}

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

int
open_hostile(void **state)
{
  (void)state;
  open_accounting(SITES);
  memtrack_release_open();
  memtrack_module_scan(NULL, false, ignore, ignore);
  return memtrack_naming_open(SITES + MEMTRACK_SITE_FIRST);
}

typedef int (*dlclose_like)(void *);

void
close_modules(function tested)
{
  static char no_module[8192]; // all zeros: a module that is not open
  answer("closed", ((dlclose_like)tested)(dlopen("libm.so.6", RTLD_NOW)));
  answer("no error", dlerror() == NULL);
  answer("refused", ((dlclose_like)tested)(no_module) != 0);
  answer("error", dlerror() != NULL);
  answer("said once", dlerror() == NULL);
}
