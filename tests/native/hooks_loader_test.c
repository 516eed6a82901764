// SPDX-License-Identifier: Apache-2.0
//
// The hooks of the loader's functions, of OpenSSL's memory functions, and of the server's events of IOBuffers, with hostile
// arguments. One test for each function.
#define _GNU_SOURCE
#include "hostile.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "core/account.h"
#include "core/tag.h"
#include "hook/loader.h"
#include "hook/modules.h"
#include "hook/real.h"
#include "hook/openssl.h"
#include "hook/state.h"

// In victim.so.
extern void *victim_look_up(void *(*look_up)(void *, const char *), void *handle, const char *name);

static const struct memtrack_redirect *const tables[] = {memtrack_loader_calls, memtrack_loader_calls_of_plugins, NULL};

// ---- dlsym ----

typedef void *(*dlsym_like)(void *, const char *);

static void
look_up(dlsym_like f, void *handle, const char *name)
{
  const char *guarded = before_guard(name, strlen(name) + 1);
  answer(name, (intptr_t)f(handle, guarded));
  answer("error", dlerror() != NULL);
}

// Two modules define the name, and the program is asked first: the answer depends on who asks.
static void
look_up_from(dlsym_like f, void *handle, const char *name)
{
  answer(name, (intptr_t)victim_look_up(f, handle, name));
  answer("error", dlerror() != NULL);
}

static void
look_up_names(function tested)
{
  static const char *const NAMES[] = {"malloc", "victim_own", "", "no such name", "TSPluginInit", "TSRemapDoRemap", "TSRemap", "T"};
  dlsym_like f                     = (dlsym_like)tested;
  void *module                     = dlopen("victim.so", RTLD_NOW | RTLD_NOLOAD);
  FOR_EACH (i, NAMES) {
    look_up(f, module, NAMES[i]);
    look_up(f, RTLD_DEFAULT, NAMES[i]);
    look_up_from(f, RTLD_DEFAULT, NAMES[i]);
#if !MT_SANITIZED // their instrumentation returns to the hook
    look_up(f, RTLD_NEXT, NAMES[i]);
    look_up_from(f, RTLD_NEXT, NAMES[i]);
#endif
  }
  f(module, "no such name");
  answer("found", f(module, "victim_own") != NULL);
  answer("forgotten", dlerror() == NULL);
  // As the server does: an error that is left after the look-up is the plugin's end.
  answer("found", f(module, "TSRemapInit") != NULL);
  answer("no error", dlerror() == NULL);
  dlclose(module);
}

static void
look_up_nothing(function tested)
{
  ((dlsym_like)tested)(RTLD_DEFAULT, NULL);
}

static void
look_up_nowhere(function tested)
{
  ((dlsym_like)tested)(RTLD_DEFAULT, POISON);
}

static void
hostile_dlsym(void **state)
{
  (void)state;
  compare_hooks("dlsym", (function)dlsym, "free", tables, look_up_names);
  compare_ends((function)dlsym, hook_of(memtrack_loader_calls, "dlsym"), look_up_nothing);
  compare_ends((function)dlsym, hook_of(memtrack_loader_calls, "dlsym"), look_up_nowhere);
  compare_ends((function)dlsym, hook_of(memtrack_loader_calls_of_plugins, "dlsym"), look_up_nothing);
  compare_ends((function)dlsym, hook_of(memtrack_loader_calls_of_plugins, "dlsym"), look_up_nowhere);
}

// ---- dlclose ----

static void
hostile_dlclose(void **state)
{
  (void)state;
  compare_hooks("dlclose", (function)dlclose, "free", tables, close_modules);
}

// ---- dlmopen ----

typedef void *(*dlmopen_like)(Lmid_t, const char *, int);

// Not with a namespace that does not exist: the loader then keeps its lock.
static void
load_apart(function tested)
{
  static const char *const NAMES[] = {"no such file", "", "/", "victim.so"};
  dlmopen_like f                   = (dlmopen_like)tested;
  FOR_EACH (i, NAMES) {
    void *module = f(LM_ID_BASE, before_guard(NAMES[i], strlen(NAMES[i]) + 1), RTLD_NOW | RTLD_NOLOAD);
    answer(NAMES[i], module != NULL);
    answer("error", dlerror() != NULL);
    if (module) {
      dlclose(module);
    }
  }
  answer("no such file", f(LM_ID_NEWLM, "no such file", RTLD_NOW) != NULL);
  answer("the program", f(LM_ID_BASE, NULL, RTLD_NOW) != NULL);
  answer("no program", f(LM_ID_NEWLM, NULL, RTLD_NOW) != NULL);
  dlerror();
}

static void
load_nowhere(function tested)
{
  ((dlmopen_like)tested)(LM_ID_NEWLM, POISON, RTLD_NOW);
}

static void
hostile_dlmopen(void **state)
{
  (void)state;
  compare_hooks("dlmopen", (function)dlmopen, "free", tables, load_apart);
  compare_ends((function)dlmopen, hook_of(memtrack_loader_calls_of_plugins, "dlmopen"), load_nowhere);
}

// ---- OpenSSL ----

static const size_t POSSIBLE[]   = {0, 1, 8, 24, 1000, 200000};
static const size_t IMPOSSIBLE[] = {PTRDIFF_MAX, SIZE_MAX - 16, SIZE_MAX - 8, SIZE_MAX - 7, SIZE_MAX};
// OpenSSL does not read the name of the file.
static const char *const FILES[] = {"a.c", "", NULL, POISON};
static const int LINES[]         = {1, 0, -1, INT32_MAX, INT32_MIN};

static void
arm_openssl(bool armed)
{
  memtrack_store_ordered(&memtrack_hooks.openssl_key, memtrack_tag_key());
  memtrack_store_ordered(&memtrack_hooks.openssl_armed, armed);
}

typedef void *(*malloc_like)(size_t, const char *, int);
typedef void *(*realloc_like)(void *, size_t, const char *, int);
typedef void (*free_like)(void *, const char *, int);

static void
allocate(function tested)
{
  FOR_EACH (i, FILES) {
    FOR_EACH (j, LINES) {
      FOR_EACH (size, POSSIBLE) {
        void *block;
        WITH_ERRNO(block = ((malloc_like)tested)(POSSIBLE[size], FILES[i], LINES[j]));
        answer("allocated", block != NULL);
        if (block) {
          memset(block, 0xff, POSSIBLE[size]);
        }
        free(block);
      }
    }
  }
  // A name whose end cannot be read.
  free(((malloc_like)tested)(24, before_guard("cut.c", 5), 1));
}

static void
allocate_too_much(function tested)
{
  FOR_EACH (size, IMPOSSIBLE) {
    WITH_ERRNO(answer("impossible", ((malloc_like)tested)(IMPOSSIBLE[size], "a.c", 1) != NULL));
  }
}

static void
resize(function tested)
{
  realloc_like f = (realloc_like)tested;
  FOR_EACH (i, FILES) {
    FOR_EACH (from, POSSIBLE) {
      FOR_EACH (to, POSSIBLE) {
        void *block = from % 2 ? malloc(POSSIBLE[from]) : memtrack_openssl_malloc(POSSIBLE[from], "b.c", 2);
        if (block) {
          memset(block, 7, POSSIBLE[from]);
        }
        uint8_t *moved;
        WITH_ERRNO(moved = f(block, POSSIBLE[to], FILES[i], LINES[i]));
        answer("moved", moved != NULL);
        size_t kept = 0, least = POSSIBLE[from] < POSSIBLE[to] ? POSSIBLE[from] : POSSIBLE[to];
        while (kept < least && moved[kept] == 7) {
          ++kept;
        }
        answer("kept", kept);
        free(moved);
      }
    }
  }
}

static void
resize_too_much(function tested)
{
  void *block = malloc(24);
  FOR_EACH (size, IMPOSSIBLE) {
    WITH_ERRNO(answer("impossible", ((realloc_like)tested)(block, IMPOSSIBLE[size], "a.c", 1) != NULL));
    WITH_ERRNO(answer("impossible", ((realloc_like)tested)(NULL, IMPOSSIBLE[size], "a.c", 1) != NULL));
  }
  free(block);
}

static void
release(function tested)
{
  FOR_EACH (i, FILES) {
    WITH_ERRNO(((free_like)tested)(malloc(24), FILES[i], LINES[i]));
    WITH_ERRNO(((free_like)tested)(memtrack_openssl_malloc(24, "a.c", 1), FILES[i], LINES[i]));
    WITH_ERRNO(((free_like)tested)(NULL, FILES[i], LINES[i]));
  }
}

static void
release_nothing(function tested)
{
  ((free_like)tested)(POISON, "a.c", 1);
}

// A failure of OpenSSL's own functions is not compared, because they report it: with the C library's instead.
static void *
plain_malloc(size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return size ? malloc(size) : NULL;
}

static void *
plain_realloc(void *block, size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  return realloc(block, size);
}

static void
compare_armed(function plain, function hook, scenario run)
{
  for (int armed = 0; armed < 2; ++armed) {
    arm_openssl(armed);
    compare(plain, hook, run);
  }
  arm_openssl(false);
}

static void
hostile_CRYPTO_malloc(void **state)
{
  (void)state;
  compare_armed((function)CRYPTO_malloc, (function)memtrack_openssl_malloc, allocate);
  compare_armed((function)plain_malloc, (function)memtrack_openssl_malloc, allocate_too_much);
}

static void
hostile_CRYPTO_realloc(void **state)
{
  (void)state;
  compare_armed((function)CRYPTO_realloc, (function)memtrack_openssl_realloc, resize);
  compare_armed((function)plain_realloc, (function)memtrack_openssl_realloc, resize_too_much);
}

static void
hostile_CRYPTO_free(void **state)
{
  (void)state;
  compare_armed((function)CRYPTO_free, (function)memtrack_openssl_free, release);
  arm_openssl(true);
  compare_ends((function)CRYPTO_free, (function)memtrack_openssl_free, release_nothing);
  arm_openssl(false);
}

// ---- IOBuffers ----

static void
plain_increment(const char *location, int64_t size)
{
  (void)location;
  (void)size;
}

// The built-in tracker compares locations by address; it reads their texts in a dump.
static void
report_events(function tested)
{
  static const char *const WHERE[] = {"memory/IOBuffer/a.cc:1", "", NULL, POISON};
  static const int64_t SIZES[]     = {0, 1, -1, INT64_MAX, INT64_MIN};
  FOR_EACH (i, WHERE) {
    FOR_EACH (j, SIZES) {
      WITH_ERRNO(((void (*)(const char *, int64_t))tested)(WHERE[i], SIZES[j]));
    }
  }
}

static void
hostile_increment(void **state)
{
  (void)state;
  compare((function)plain_increment, (function)memtrack_account_iobuffer, report_events);
}

static int
open_loader(void **state)
{
  memtrack_real_open();
  memtrack_modules_resolve(memtrack_loader_calls_of_plugins);
  return open_hostile(state);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hostile_dlmopen),       cmocka_unit_test(hostile_dlsym),          cmocka_unit_test(hostile_dlclose),
    cmocka_unit_test(hostile_CRYPTO_malloc), cmocka_unit_test(hostile_CRYPTO_realloc), cmocka_unit_test(hostile_CRYPTO_free),
    cmocka_unit_test(hostile_increment),
  };
  return cmocka_run_group_tests(tests, open_loader, NULL);
}
