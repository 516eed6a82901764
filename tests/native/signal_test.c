// SPDX-License-Identifier: Apache-2.0
//
// A signal at every instruction of every hook of an allocation or a release. The processor's trap flag raises SIGTRAP after each
// instruction; wherever that is in memtrack's code, a handler allocates and releases through the hooks: of a known and of a new
// site, and blocks of an earlier signal. Nothing waits for itself, the results are right, errno is kept, and each event is counted
// or counted as lost. (In the C library's own malloc the handler does nothing: it could not without memtrack either.)
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/compiler.h"
#include "core/account.h"
#include "core/registry.h"
#include "core/shard.h"
#include "core/tag.h"
#include "hook/heap.h"
#include "hook/iobuffer.h"
#include "hook/openssl.h"
#include "hook/plugin.h"
#include "hook/release.h"
#include "hook/state.h"
#include "hook/unseen.h"
#include "module/module.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "server/api.h"

#if defined(__x86_64__) && !MT_SANITIZED // whose allocators are in the program, where the handler may not come
#define STEPS 1
#endif

#define SITES 8192

// ---- the plugin API that the hooks call ----

void *_TSmalloc(size_t size, const char *path);
void *_TSrealloc(void *block, size_t size, const char *path);
void _TSfree(void *block);

void *
_TSmalloc(size_t size, const char *path)
{
  (void)path;
  return malloc(size);
}

void *
_TSrealloc(void *block, size_t size, const char *path)
{
  (void)path;
  return realloc(block, size);
}

void
_TSfree(void *block)
{
  free(block);
}

static void *
hook_in(const struct memtrack_redirect *table, const char *symbol)
{
  for (; table->symbol; ++table) {
    if (strcmp(table->symbol, symbol) == 0) {
      return table->hook;
    }
  }
  return NULL;
}

// ---- the handler ----

static void *(*plugin_malloc)(size_t size);
static void (*plugin_free)(void *block);
static void *(*ts_malloc)(size_t size, const char *path);
static void (*ts_free)(void *block);
static uint64_t signals, events; // events that are to be counted, the handler's and the test's
static void *held;               // by the handler, from one signal to the next
static bool fails;

// The heap's hooks count nothing inside the allocator.
static void
expect_heap_event(void)
{
  events += !memtrack_context.inside;
}

static void
allocate_and_release(void)
{
  expect_heap_event();
  plugin_free(held);
  expect_heap_event();
  held = plugin_malloc(40);
  events += 4;
  ts_free(ts_malloc(30, "memory/signal_test.c:1"));
  memtrack_openssl_free(memtrack_openssl_malloc(20, "signal_test.c", (int)(signals % 4000)), "signal_test.c", 1);
}

static void
on_step(int signal, siginfo_t *info, void *data)
{
  extern char __executable_start, etext;
  const ucontext_t *context = data;
  uintptr_t at              = context->uc_mcontext.gregs[REG_RIP];
  (void)signal;
  (void)info;
  if (at < (uintptr_t)&__executable_start || at >= (uintptr_t)&etext) {
    return;
  }
  ++signals;
  int before = errno;
  allocate_and_release();
  fails |= !held || malloc_usable_size(held) < 40;
  errno = before;
}

// ---- the hooks ----

static inline __attribute__((always_inline)) void
step(bool on)
{
#ifdef STEPS
  uint64_t flags = __builtin_ia32_readeflags_u64();
  __builtin_ia32_writeeflags_u64(on ? flags | 0x100 : flags & ~(uint64_t)0x100);
#else
  (void)on;
#endif
}

// Calls with each instruction interrupted.
#define STEPPED(call)                \
  ({                                 \
    step(true);                      \
    __typeof__(call) result_ = call; \
    step(false);                     \
    result_;                         \
  })
#define STEPPED_VOID(call) \
  do {                     \
    step(true);            \
    call;                  \
    step(false);           \
  } while (0)

static const struct memtrack_redirect *table; // of the hook under test
static const char text[] = "a text to copy";

typedef void *(*of_size)(size_t);
typedef void *(*of_two)(size_t, size_t);
typedef void *(*of_three)(size_t, size_t, const void *);
typedef void *(*of_block)(void *, size_t);
typedef void *(*of_block_and_two)(void *, size_t, size_t);
typedef void (*release_of)(void *, size_t, size_t);

static bool
is(const char *symbol, const char *names)
{
  size_t length = strlen(symbol);
  for (const char *at = names; (at = strstr(at, symbol)); at += length) {
    if ((at == names || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) {
      return true;
    }
  }
  return false;
}

// What the hook allocates; NULL if it allocates nothing.
static void *
allocate(const char *symbol, void *hook)
{
  static const char nothrow[8];
  void *block = NULL;
  events += 1;
  if (is(symbol, "malloc valloc pvalloc _Znwm _Znam")) {
    return STEPPED(((of_size)hook)(100));
  }
  if (is(symbol, "calloc memalign aligned_alloc _ZnwmSt11align_val_t _ZnamSt11align_val_t")) {
    bool new = symbol[0] == '_';
    return new ? STEPPED(((of_two)hook)(128, 64)) : STEPPED(((of_two)hook)(64, 128));
  }
  if (is(symbol, "_ZnwmRKSt9nothrow_t _ZnamRKSt9nothrow_t")) {
    return STEPPED(((void *(*)(size_t, const void *))hook)(100, nothrow));
  }
  if (is(symbol, "_ZnwmSt11align_val_tRKSt9nothrow_t _ZnamSt11align_val_tRKSt9nothrow_t")) {
    return STEPPED(((of_three)hook)(128, 64, nothrow));
  }
  if (is(symbol, "strdup __strdup")) {
    return STEPPED(((char *(*)(const char *))hook)(text));
  }
  if (is(symbol, "strndup __strndup")) {
    return STEPPED(((char *(*)(const char *, size_t))hook)(text, 6));
  }
  if (is(symbol, "posix_memalign")) {
    int error = STEPPED(((int (*)(void **, size_t, size_t))hook)(&block, 64, 100));
    return error ? NULL : block;
  }
  if (is(symbol, "realloc")) {
    block = plugin_malloc(100);
    block = STEPPED(((of_block)hook)(block, 3000));
    events += 1 + (table != memtrack_server_heap); // the server's only releases
    return block;
  }
  if (is(symbol, "reallocarray")) {
    block = plugin_malloc(100);
    events += 2;
    return STEPPED(((of_block_and_two)hook)(block, 30, 100));
  }
  events -= 1;
  return NULL;
}

// Whether the hook releases, or only looks.
static bool
release(const char *symbol, void *hook)
{
  size_t align = strstr(symbol, "align_val_t") ? 64 : 0;
  void *block  = align ? ((of_two)hook_in(memtrack_plugin_heap, "_ZnwmSt11align_val_t"))(128, align) : plugin_malloc(128);
  events += 1;
  if (is(symbol, "free") || strncmp(symbol, "_Zd", 3) == 0) {
    bool sized = strstr(symbol, "Pvm") != NULL;
    events += 1;
    STEPPED_VOID(((release_of)hook)(block, sized ? 128 : align, align));
    return true;
  }
  size_t (*size_of)(void *) = (size_t(*)(void *))hook;
  bool good                 = is(symbol, "malloc_usable_size") && STEPPED(size_of(block)) >= 128;
  plugin_free(block);
  events += 1;
  return good;
}

// What the handler releases within the allocator is not counted then, but when the block is handed out again (hook/unseen.h).

// A free of an untracked block is also counted as an allocation without bytes, of a site of its own.
static uint64_t
empty_allocs(void)
{
  uint64_t address, attributes, sum = 0;
  for (uint32_t site = MEMTRACK_SITE_FIRST; site < memtrack_registry_count(); ++site) {
    if (memtrack_registry_key(site, &address, &attributes) && address == MEMTRACK_UNTRACKED_ADDRESS) {
      sum += sum_site(site).allocs;
    }
  }
  return sum;
}

static uint64_t
counted(void)
{
  uint64_t prior  = 0;
  struct sums sum = sum_site(MEMTRACK_SITE_UNKNOWN);
  for (uint32_t cls = 0; cls < MEMTRACK_CLASS_COUNT; ++cls) {
    prior += sum_site(MEMTRACK_SITE_PRE_ARMING + cls).frees;
  }
  return sum.allocs + sum.frees + prior + memtrack_account_lost() - empty_allocs() - memtrack_unseen_count();
}

// One hook: a new site, then a known one. (The unwinder's part in a library's call is long, and the same in each.)
static void
try_hook(const char *symbol, void *hook)
{
  static uint32_t owner;
  bool walks      = table == memtrack_library_heap || table == memtrack_server_own_heap;
  int rounds      = walks && strcmp(symbol, "malloc") != 0 ? 1 : 2;
  uint64_t before = counted();
  events = signals       = 0;
  memtrack_context.owner = ++owner << 8 | 1;
  for (int round = 0; round < rounds; ++round) {
    uint64_t stepped = signals;
    errno            = 4711;
    void *block      = allocate(symbol, hook);
    if (block) {
      memset(block, 7, 7);
      events += 1;
      if (strstr(symbol, "align_val_t")) {
        ((release_of)hook_in(memtrack_plugin_heap, "_ZdlPvSt11align_val_t"))(block, 64, 0);
      } else {
        plugin_free(block);
      }
    } else if (!release(symbol, hook)) {
      fail_msg("%s: neither an allocation nor a release", symbol);
    }
    if (errno != 4711) {
      fail_msg("%s changed errno to %d", symbol, errno);
    }
    if (signals == stepped) {
      fail_msg("%s was not interrupted", symbol);
    }
  }
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  uint64_t now           = counted();
  if (now - before != events) {
    fail_msg("%s: %lu events, but %lu are counted or lost", symbol, events, now - before);
  }
  assert_false(fails);
}

long victim_owner_inside(long (*tell)(long, long, long, long, long, long));

static long
try_all(long a, long b, long c, long d, long e, long f)
{
  (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
  for (const struct memtrack_redirect *each = table; each->symbol; ++each) {
    try_hook(each->symbol, each->hook);
  }
  return 0;
}

// With victim.so, the plugin here, on the stack.
static void
try_table(const struct memtrack_redirect *all)
{
#ifndef STEPS
  skip();
#endif
  table = all;
  victim_owner_inside(try_all);
}

static void
hooks_of_plugins(void **state)
{
  (void)state;
  try_table(memtrack_plugin_heap);
}

static void
hooks_of_libraries(void **state)
{
  (void)state;
  try_table(memtrack_library_heap);
}

static void
hooks_of_the_server(void **state)
{
  (void)state;
  try_table(memtrack_server_heap);
}

static void
hooks_of_the_servers_own_heap(void **state)
{
  (void)state;
  memtrack_hooks.server_heap = true;
  try_table(memtrack_server_own_heap);
  memtrack_hooks.server_heap = false;
}

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

// The first events of a thread: it gets its table, and each site is new to it.
static void *
first_events(void *nothing)
{
  static const char location[] = "memory/IOBuffer/signal_test.c:1";
  STEPPED_VOID(memtrack_account_iobuffer(location, 100));
  STEPPED_VOID(memtrack_account_iobuffer(location, -100));
  void *block = STEPPED(ts_malloc(100, "memory/signal_test.c:2"));
  STEPPED_VOID(ts_free(block));
  block = STEPPED(memtrack_openssl_malloc(100, "signal_test.c", 5000));
  block = STEPPED(memtrack_openssl_realloc(block, 200, "signal_test.c", 5001));
  STEPPED_VOID(memtrack_openssl_free(block, "signal_test.c", 5002));
  events += 8;
  return nothing;
}

static void
the_first_events_of_a_thread(void **state)
{
  (void)state;
#ifndef STEPS
  skip();
#endif
  // The first has a table of its own making, the second that of the first.
  for (int i = 0; i < 2; ++i) {
    pthread_t thread;
    uint64_t before = counted();
    events = signals = 0;
    assert_int_equal(pthread_create(&thread, NULL, first_events, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(counted() - before, events);
  }
}

static int
open_once(void **state)
{
  struct memtrack_reason reason;
  struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_NODEFER};
  (void)state;
  open_accounting(SITES);
  assert_int_equal(memtrack_naming_open(MEMTRACK_SITE_FIRST + SITES), 0);
  assert_int_equal(memtrack_hook_heap_open(&reason), 0);
  memtrack_module_scan((const void *)victim_owner_inside, false, ignore, ignore);
  memtrack_api_open();
  memtrack_hook_plugin_open(&reason); // this program has few of the functions
  plugin_malloc        = (void *(*)(size_t))hook_in(memtrack_plugin_heap, "malloc");
  plugin_free          = (void (*)(void *))hook_in(memtrack_plugin_heap, "free");
  ts_malloc            = (void *(*)(size_t, const char *))hook_in(memtrack_plugin_api, "_TSmalloc");
  ts_free              = (void (*)(void *))hook_in(memtrack_plugin_api, "_TSfree");
  memtrack_hooks.armed = memtrack_hooks.heap = memtrack_hooks.handles = memtrack_hooks.openssl_armed = true;
  memtrack_hooks.key                                                                                 = memtrack_tag_key();
  memtrack_hooks.openssl_key                                                                         = memtrack_tag_key();
  held                                                                                               = plugin_malloc(40);
  alarm(100); // a thread that waits for itself waits forever
  return sigaction(SIGTRAP, &action, NULL);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hooks_of_plugins),
    cmocka_unit_test(hooks_of_libraries),
    cmocka_unit_test(hooks_of_the_server),
    cmocka_unit_test(hooks_of_the_servers_own_heap),
    cmocka_unit_test(the_first_events_of_a_thread),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
