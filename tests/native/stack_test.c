// SPDX-License-Identifier: Apache-2.0
//
// How much more stack a call takes through its hook than without: on painted stacks, for every family of hooks, the first time on a
// thread, at a new call site, with a walk past new frames, and again. The sanitizers' frames are another matter.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/atomic.h"
#include "caller.h"
#include "core/account.h"
#include "core/epoch.h"
#include "core/model.h"
#include "core/registry.h"
#include "core/sampling.h"
#include "hook/heap.h"
#include "hook/lifetime.h"
#include "hook/objects.h"
#include "hook/openssl.h"
#include "hook/plugin.h"
#include "hook/release.h"
#include "hook/state.h"
#include "module/module.h"
#include "owner/call_stack.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "owner/walk.h"
#include "server/api.h"

// Extra bytes allowed (docs/how/hooks.md).
enum { FIRST = 1024, WALK = 2048, AGAIN = 352 };

enum { STACK = 128 * 1024 };
static const unsigned char paint = 0xa5;

// ---- a call on a painted stack ----

struct call {
  called function;
  uintptr_t arguments[3];
  caller plugin, library; // library: NULL for a call from the plugin itself
  uintptr_t result;
  ucontext_t back, there;
};

static __thread struct call *call;

static uintptr_t
through_the_library(uintptr_t a, uintptr_t b, uintptr_t c)
{
  return call->library(call->function, a, b, c);
}

static void
run(void)
{
  const uintptr_t *arguments = call->arguments;
  call->result = call->plugin(call->library ? through_the_library : call->function, arguments[0], arguments[1], arguments[2]);
}

static size_t
used_by(struct call *what)
{
  unsigned char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(stack, MAP_FAILED);
  memset(stack, paint, STACK);
  call = what;
  getcontext(&what->there);
  what->there.uc_stack.ss_sp   = stack;
  what->there.uc_stack.ss_size = STACK;
  what->there.uc_link          = &what->back;
  makecontext(&what->there, run, 0);
  swapcontext(&what->back, &what->there);
  size_t untouched = 0;
  while (untouched < STACK && stack[untouched] == paint) {
    ++untouched;
  }
  munmap(stack, STACK);
  return STACK - untouched;
}

// ---- the functions of a server ----

void *_TSmalloc(size_t size, const char *path);
void _TSfree(void *block);
void *TSMutexCreate(void);
char *TSUrlStringGet(void *buffer, void *url, int *length);
void *TSMimeHdrFieldFind(void *buffer, void *header, const char *name, int length);

void *
_TSmalloc(size_t size, const char *path)
{
  (void)path;
  return malloc(size);
}

void
_TSfree(void *block)
{
  free(block);
}

static uintptr_t object;

void *
TSMutexCreate(void)
{
  return (void *)++object;
}

// The C library's block has no room for a tag.
char *
TSUrlStringGet(void *buffer, void *url, int *length)
{
  (void)buffer;
  (void)url;
  *length = 39;
  return malloc(40);
}

void *
TSMimeHdrFieldFind(void *buffer, void *header, const char *name, int length)
{
  (void)buffer;
  (void)header;
  (void)name;
  (void)length;
  return (void *)++object;
}

static void
no_event(const char *location, int64_t size)
{
  (void)location;
  (void)size;
}

// ---- the families ----

static void *tagged[256]; // allocated through the hook by the main thread
static unsigned tagged_count, texts_count, sites_count;

// A text whose address is new.
static uintptr_t
new_text(const char *format)
{
  static char texts[512][64];
  char *text = texts[texts_count++];
  snprintf(text, sizeof(texts[0]), format, texts_count);
  return (uintptr_t)text;
}

// Sets the arguments of a call at a new site. `use` is the number of the call on its thread.
typedef void (*arguments_of)(uintptr_t *arguments);

static void
size(uintptr_t *arguments)
{
  arguments[0] = 40;
}

static void
count_and_size(uintptr_t *arguments)
{
  arguments[0] = 4;
  arguments[1] = 10;
}

static void
align_and_size(uintptr_t *arguments)
{
  arguments[0] = 64;
  arguments[1] = 40;
}

static void
size_and_align(uintptr_t *arguments)
{
  arguments[0] = 40;
  arguments[1] = 64;
}

static void
nothing_and_size(uintptr_t *arguments)
{
  arguments[0] = 0;
  arguments[1] = 40;
}

static void
block_and_size(uintptr_t *arguments)
{
  arguments[0] = (uintptr_t)tagged[tagged_count++];
  arguments[1] = 60;
}

static void
some_text(uintptr_t *arguments)
{
  arguments[0] = (uintptr_t) "some text";
  arguments[1] = 4;
}

static void
size_and_path(uintptr_t *arguments)
{
  arguments[0] = 40;
  arguments[1] = (uintptr_t) "memory/plugins/some/folder/file_of_a_plugin.cc:1234";
}

static void
nothing_but_a_length(uintptr_t *arguments)
{
  static int length;
  arguments[2] = (uintptr_t)&length;
}

static void
size_and_file(uintptr_t *arguments)
{
  arguments[0] = 40;
  arguments[1] = new_text("crypto/file%u.c");
  arguments[2] = 17;
}

static void
location_and_size(uintptr_t *arguments)
{
  arguments[0] = new_text("memory/IOBuffer/File.cc:%u");
  arguments[1] = 4096;
}

static const struct family {
  const char *name;
  arguments_of arguments;
  bool library; // it has a hook for libraries, which walks
} families[] = {
  {"malloc", size, true},
  {"calloc", count_and_size, true},
  {"realloc", nothing_and_size, true},
  {"realloc", block_and_size, true},
  {"memalign", align_and_size, true},
  {"strdup", some_text, true},
  {"strndup", some_text, true},
  {"_Znwm", size, true},
  {"_ZnwmSt11align_val_t", size_and_align, true},
  {"free", block_and_size, false},
  {"_ZdlPv", block_and_size, false},
  {"_TSmalloc", size_and_path, false},
  {"_TSfree", block_and_size, false},
  {"TSMutexCreate", size, false},
  {"TSUrlStringGet", nothing_but_a_length, false},
  {"TSMimeHdrFieldFind", size, false},
  {"CRYPTO_malloc", size_and_file, false},
  {"ResourceTracker", location_and_size, false},
};
enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

static void *
find(const struct memtrack_redirect *redirect, const char *symbol)
{
  while (redirect->symbol && strcmp(redirect->symbol, symbol) != 0) {
    ++redirect;
  }
  return redirect->hook;
}

static called
hook_of(const struct family *family, bool in_library)
{
  if (strcmp(family->name, "CRYPTO_malloc") == 0) {
    return (called)(void *)memtrack_openssl_malloc;
  }
  if (strcmp(family->name, "ResourceTracker") == 0) {
    return (called)(void *)memtrack_account_iobuffer;
  }
  void *hook = find(in_library ? memtrack_library_heap : memtrack_plugin_heap, family->name);
  return (called)(hook ? hook : find(memtrack_plugin_api, family->name));
}

static called
original_of(const struct family *family)
{
  if (strcmp(family->name, "CRYPTO_malloc") == 0) {
    return (called)(void *)malloc;
  }
  return strcmp(family->name, "ResourceTracker") == 0 ? (called)(void *)no_event : (called)dlsym(RTLD_DEFAULT, family->name);
}

// ---- the calls of a thread ----

enum moment { THREAD, KNOWN, SITE, EPOCH, SAMPLED, MOMENTS };
static const char *const moments[MOMENTS] = {"the thread's first", "a known site's", "a new site's", "the first of an epoch",
                                             "a sampled site's"};

struct run {
  const struct family *family;
  called function;
  bool in_library, hooked;
  size_t used[MOMENTS];
  sem_t done;
};

static caller const *plugin_sites, *library_sites;
static uint32_t owner;

static void
begin_epoch(struct memtrack_core *model, void *nothing)
{
  static uint64_t now;
  (void)nothing;
  uint64_t before = memtrack_epochs();
  while ((uint8_t)(memtrack_epochs() - before) < 2) { // the second takes another way than a single one
    memtrack_epoch_advance(model, now += 1000000);
  }
}

// Samples each allocation of each site, of more than there are in a server.
static void
sample_all(struct memtrack_core *model, void *nothing)
{
  static uint32_t list[MEMTRACK_SEARCHED_MAX][2];
  (void)model;
  (void)nothing;
  uint32_t count = memtrack_registry_count();
  uint32_t first = count > MEMTRACK_SEARCHED_MAX ? count - MEMTRACK_SEARCHED_MAX : 0;
  for (uint32_t i = first; i < count; ++i) {
    list[i - first][0] = i;
    list[i - first][1] = 1;
  }
  memtrack_sampling_publish(list, count - first);
}

static void
sample_none(struct memtrack_core *model, void *nothing)
{
  (void)model;
  (void)nothing;
  memtrack_sampling_publish(NULL, 0);
}

static void *
run_calls(void *data)
{
  struct run *run  = data;
  struct call what = {.function = run->function};
  for (int moment = 0; moment < MOMENTS; ++moment) {
    if (moment == THREAD || moment == SITE) {
      what.plugin  = plugin_sites[sites_count % CALLER_SITES];
      what.library = run->in_library ? library_sites[sites_count % CALLER_SITES] : NULL;
      ++sites_count;
      run->family->arguments(what.arguments);
    } else if (run->family->arguments == block_and_size) {
      run->family->arguments(what.arguments);
    }
    if (moment == EPOCH) {
      assert_true(memtrack_model_visit(false, begin_epoch, NULL));
    } else if (moment == SAMPLED) {
      assert_true(memtrack_model_visit(false, sample_all, NULL));
    } else if (moment != KNOWN) {
      memtrack_walk_forget();
    }
    if (moment == SAMPLED && !run->hooked) { // the function itself does not know of it
      run->used[moment] = run->used[KNOWN];
      continue;
    }
    memtrack_context.owner = owner;
    run->used[moment]      = used_by(&what);
    memtrack_context.owner = MEMTRACK_OWNER_CORE;
    assert_true(moment != SAMPLED || memtrack_model_visit(false, sample_none, NULL));
  }
  return NULL;
}

// A thread's shard goes to the next thread when it ends. So that each has a new one, they stay.
static void *
run_and_stay(void *data)
{
  struct run *run = data;
  run_calls(run);
  sem_post(&run->done);
  while (true) {
    pause();
  }
  return NULL;
}

static void
run_in_a_thread(struct run *run)
{
  pthread_t thread;
  assert_int_equal(sem_init(&run->done, 0, 0), 0);
  assert_int_equal(pthread_create(&thread, NULL, run_and_stay, run), 0);
  sem_wait(&run->done);
}

static bool
check(const struct family *family, bool in_library)
{
  struct run with    = {.family = family, .function = hook_of(family, in_library), .in_library = in_library, .hooked = true};
  struct run without = {.family = family, .function = original_of(family), .in_library = in_library};
  static const int limits[2][MOMENTS] = {{FIRST, AGAIN, FIRST, AGAIN, WALK}, {WALK, AGAIN, WALK, AGAIN, WALK}};
  bool good                           = true;
  run_in_a_thread(&with);
  run_in_a_thread(&without);
  for (int moment = 0; moment < MOMENTS; ++moment) {
    int extra = with.used[moment] > without.used[moment] ? with.used[moment] - without.used[moment] : 0;
    if (getenv("STACK_VERBOSE")) {
      print_message("%s%s %s: %d (%zu, %zu)\n", family->name, in_library ? " in a library" : "", moments[moment], extra,
                    with.used[moment], without.used[moment]);
    }
    if (extra > limits[in_library][moment]) {
      print_message("%s%s: %s call takes %d bytes more stack, %d are allowed\n", family->name, in_library ? " in a library" : "",
                    moments[moment], extra, limits[in_library][moment]);
      good = false;
    }
  }
  return good;
}

static void
a_hook_takes_little_more_stack_than_the_function(void **state)
{
  (void)state;
  bool good = true;
  if (MT_SANITIZED) {
    skip();
  }
  for (int i = 0; i < FAMILIES; ++i) {
    good = check(&families[i], false) && good;
    good = (!families[i].library || check(&families[i], true)) && good;
  }
  assert_true(good);
}

// The smallest stack that a thread can have. `small` is called on it at once: its first allocation, its first walk.
static void *
allocate_on_a_small_stack(void *data)
{
  memtrack_context.owner = owner;
  for (int i = 0; i < 3; ++i) {
    free((void *)library_sites[i](data, 40, 0, 0));
  }
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  return NULL;
}

static void
a_thread_with_the_smallest_stack_allocates(void **state)
{
  (void)state;
  if (MT_SANITIZED) {
    skip();
  }
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  assert_int_equal(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN), 0);
  for (unsigned i = 0; i < 3; ++i) {
    memtrack_walk_forget();
    void *hook = find(memtrack_library_heap, (const char *[]){"malloc", "_Znwm", "valloc"}[i]);
    assert_int_equal(pthread_create(&thread, &attributes, allocate_on_a_small_stack, hook), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
  }
  pthread_attr_destroy(&attributes);
}

static const void *
load(const char *name, caller const **sites)
{
  *sites = dlsym(open_beside(name, RTLD_NOW | RTLD_LOCAL), "caller_sites");
  return (const void *)(uintptr_t)(*sites)[0];
}

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

static int
open_once(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  mallopt(M_ARENA_MAX, 8); // otherwise glibc counts the processors when there are 8
  open_accounting(4096);
  assert_int_equal(memtrack_naming_open(MEMTRACK_SITE_FIRST + 4096), 0);
  memtrack_api_open();
  memtrack_hook_plugin_open(&reason);
  assert_int_equal(memtrack_hook_heap_open(&reason), 0);
  assert_int_equal(memtrack_objects_open(), 0);
  memtrack_walk_open();
  memtrack_call_stack_open(memtrack_lifetime_lasts);
  // The C++ library binds its own calls at their first.
  uintptr_t block = ((called)dlsym(RTLD_DEFAULT, "_ZnwmSt11align_val_t"))(40, 64, 0);
  ((called)dlsym(RTLD_DEFAULT, "_ZdlPvSt11align_val_t"))(block, 64, 0);
  block = ((called)dlsym(RTLD_DEFAULT, "_Znwm"))(40, 0, 0);
  ((called)dlsym(RTLD_DEFAULT, "_ZdlPv"))(block, 0, 0);
  load("library.so", &library_sites);
  const void *plugin = load("caller.so", &plugin_sites);
  memtrack_module_scan(plugin, false, ignore, ignore);
  owner              = memtrack_module_at((uintptr_t)plugin)->owner;
  memtrack_hooks.key = memtrack_hooks.openssl_key = memtrack_tag_key();
  memtrack_hooks.armed = memtrack_hooks.heap = memtrack_hooks.handles = memtrack_hooks.openssl_armed = true;
  uintptr_t (*hook)(uintptr_t) = (uintptr_t(*)(uintptr_t))find(memtrack_plugin_heap, "malloc");
  for (size_t i = 0; i < sizeof(tagged) / sizeof(tagged[0]); ++i) {
    tagged[i] = (void *)hook(40);
  }
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_thread_with_the_smallest_stack_allocates),
    cmocka_unit_test(a_hook_takes_little_more_stack_than_the_function),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
