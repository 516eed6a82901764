// SPDX-License-Identifier: Apache-2.0
//
// The hooks of the C++ operators new and delete, with hostile arguments: each answers as the operator itself, throws where it
// throws, and calls the handler for exhausted memory as often. One test for each operator.
#include "hostile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hook/heap.h"

static const struct memtrack_redirect *const tables[] = {memtrack_plugin_heap, memtrack_library_heap, memtrack_server_heap,
                                                         memtrack_server_news, NULL};

static const size_t POSSIBLE[] = {0, 1, 8, 24, 40, 1000, 1032, 1033, 200000};
#if MT_SANITIZED
static const size_t IMPOSSIBLE[] = {0}; // not asked for: a sanitizer's operator ends the process
#define IMPOSSIBLE_COUNT 0u
#else
static const size_t IMPOSSIBLE[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX - 16, SIZE_MAX - 8, SIZE_MAX - 7, SIZE_MAX};
#define IMPOSSIBLE_COUNT (sizeof(IMPOSSIBLE) / sizeof(*IMPOSSIBLE))
#endif
static const size_t ALIGN[] = {1, 8, 16, 64, 4096};

enum form { PLAIN, ALIGNED }; // whether an alignment follows the size

// A call of an operator new. `tag` is std::nothrow, of which only the address matters: nobody reads it.
struct call {
  function tested;
  enum form form;
  size_t size, align;
  void *block;
};

static void
call_new(void *data)
{
  struct call *call = data;
  call->block       = call->form == ALIGNED ? ((void *(*)(size_t, size_t, void *))call->tested)(call->size, call->align, POISON)
                                            : ((void *(*)(size_t, void *))call->tested)(call->size, POISON);
}

static unsigned handled;

// Gives up at the third call.
static void
handle(void)
{
  if (++handled == 3) {
    set_new_handler(NULL);
  }
}

static void
call_and_answer(struct call *call)
{
  call->block = NULL;
  handled     = 0;
  set_new_handler(handle);
  WITH_ERRNO(answer("thrown", throws_bad_alloc(call_new, call)));
  set_new_handler(NULL);
  answer("handled", handled);
  answer("allocated", call->block != NULL);
}

// The operator delete of the same form.
static function release_of; // set by the test

static void
allocate(function tested, enum form form)
{
  FOR_EACH (a, ALIGN) {
    struct call call = {.tested = tested, .form = form, .align = ALIGN[a]};
    FOR_EACH (i, POSSIBLE) {
      call.size = POSSIBLE[i];
      call_and_answer(&call);
      memset(call.block, 0xff, call.size);
      answer("aligned", form == ALIGNED ? (uintptr_t)call.block % call.align : (uintptr_t)call.block % 16);
      ((void (*)(void *, size_t))release_of)(call.block, call.align);
    }
    for (size_t i = 0; i < IMPOSSIBLE_COUNT; ++i) {
      call.size = IMPOSSIBLE[i];
      call_and_answer(&call);
    }
  }
}

static void
allocate_plainly(function tested)
{
  allocate(tested, PLAIN);
}

static void
allocate_aligned(function tested)
{
  allocate(tested, ALIGNED);
#if !MT_SANITIZED
  struct call odd = {.tested = tested, .form = ALIGNED, .size = 24, .align = 24};
  call_and_answer(&odd);
  ((void (*)(void *, size_t))release_of)(odd.block, odd.align);
#endif
}

// ---- operator delete ----

static function allocation_of; // the operator new of the same form: set by the test

static void
release(function tested, enum form form, bool sized, bool by_hook)
{
  static const char *const NEW[] = {"_Znwm", "_Znam", "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t"};
  function news                  = allocation_of;
  for (size_t i = 0; by_hook && i < sizeof(NEW) / sizeof(*NEW); ++i) {
    news = allocation_of == plain_of(NEW[i]) ? hook_of(memtrack_plugin_heap, NEW[i]) : news;
  }
  FOR_EACH (a, ALIGN) {
    FOR_EACH (i, POSSIBLE) {
      struct call call = {.tested = news, .form = form, .size = POSSIBLE[i], .align = ALIGN[a]};
      call_new(&call);
      memset(call.block, 0xff, call.size);
      // Arguments behind those that the operator takes do no harm.
      if (sized) {
        WITH_ERRNO(((void (*)(void *, size_t, size_t))tested)(call.block, call.size, call.align));
      } else {
        WITH_ERRNO(((void (*)(void *, size_t))tested)(call.block, form == ALIGNED ? call.align : (size_t)POISON));
      }
    }
  }
  if (sized) {
    WITH_ERRNO(((void (*)(void *, size_t, size_t))tested)(NULL, SIZE_MAX, 16));
  } else {
    WITH_ERRNO(((void (*)(void *, size_t))tested)(NULL, 16));
  }
}

#define RELEASES_(name, form, sized)     \
  static void name(function tested)      \
  {                                      \
    release(tested, form, sized, false); \
    release(tested, form, sized, true);  \
  }
RELEASES_(release_plainly, PLAIN, false)
RELEASES_(release_sized, PLAIN, true)
RELEASES_(release_aligned, ALIGNED, false)
RELEASES_(release_sized_aligned, ALIGNED, true)

static void
release_nowhere(function tested)
{
  ((void (*)(void *, size_t, size_t))tested)(POISON, 16, 16);
}

// ---- the tests ----

#define TEST_NEW_(symbol, deletes, run)                               \
  static void hostile_##symbol(void **state)                          \
  {                                                                   \
    (void)state;                                                      \
    release_of = plain_of(#deletes);                                  \
    compare_hooks(#symbol, plain_of(#symbol), #deletes, tables, run); \
    release_of = hook_of(memtrack_plugin_heap, #deletes);             \
    compare_hooks(#symbol, plain_of(#symbol), #deletes, tables, run); \
  }

TEST_NEW_(_Znwm, _ZdlPv, allocate_plainly)
TEST_NEW_(_Znam, _ZdaPv, allocate_plainly)
TEST_NEW_(_ZnwmRKSt9nothrow_t, _ZdlPv, allocate_plainly)
TEST_NEW_(_ZnamRKSt9nothrow_t, _ZdaPv, allocate_plainly)
TEST_NEW_(_ZnwmSt11align_val_t, _ZdlPvSt11align_val_t, allocate_aligned)
TEST_NEW_(_ZnamSt11align_val_t, _ZdaPvSt11align_val_t, allocate_aligned)
TEST_NEW_(_ZnwmSt11align_val_tRKSt9nothrow_t, _ZdlPvSt11align_val_t, allocate_aligned)
TEST_NEW_(_ZnamSt11align_val_tRKSt9nothrow_t, _ZdaPvSt11align_val_t, allocate_aligned)

#define TEST_DELETE_(symbol, news, run)                                                       \
  static void hostile_##symbol(void **state)                                                  \
  {                                                                                           \
    (void)state;                                                                              \
    allocation_of = plain_of(#news);                                                          \
    compare_hooks(#symbol, plain_of(#symbol), "free", tables, run);                           \
    compare_ends(plain_of(#symbol), hook_of(memtrack_plugin_heap, #symbol), release_nowhere); \
  }

TEST_DELETE_(_ZdlPv, _Znwm, release_plainly)
TEST_DELETE_(_ZdaPv, _Znam, release_plainly)
TEST_DELETE_(_ZdlPvm, _Znwm, release_sized)
TEST_DELETE_(_ZdaPvm, _Znam, release_sized)
TEST_DELETE_(_ZdlPvRKSt9nothrow_t, _Znwm, release_plainly)
TEST_DELETE_(_ZdaPvRKSt9nothrow_t, _Znam, release_plainly)
TEST_DELETE_(_ZdlPvSt11align_val_t, _ZnwmSt11align_val_t, release_aligned)
TEST_DELETE_(_ZdaPvSt11align_val_t, _ZnamSt11align_val_t, release_aligned)
TEST_DELETE_(_ZdlPvmSt11align_val_t, _ZnwmSt11align_val_t, release_sized_aligned)
TEST_DELETE_(_ZdaPvmSt11align_val_t, _ZnamSt11align_val_t, release_sized_aligned)

static int
open_new(void **state)
{
  struct memtrack_reason reason;
  return open_hostile(state) || memtrack_hook_heap_open(&reason);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hostile__Znwm),
    cmocka_unit_test(hostile__Znam),
    cmocka_unit_test(hostile__ZnwmRKSt9nothrow_t),
    cmocka_unit_test(hostile__ZnamRKSt9nothrow_t),
    cmocka_unit_test(hostile__ZnwmSt11align_val_t),
    cmocka_unit_test(hostile__ZnamSt11align_val_t),
    cmocka_unit_test(hostile__ZnwmSt11align_val_tRKSt9nothrow_t),
    cmocka_unit_test(hostile__ZnamSt11align_val_tRKSt9nothrow_t),
    cmocka_unit_test(hostile__ZdlPv),
    cmocka_unit_test(hostile__ZdaPv),
    cmocka_unit_test(hostile__ZdlPvm),
    cmocka_unit_test(hostile__ZdaPvm),
    cmocka_unit_test(hostile__ZdlPvRKSt9nothrow_t),
    cmocka_unit_test(hostile__ZdaPvRKSt9nothrow_t),
    cmocka_unit_test(hostile__ZdlPvSt11align_val_t),
    cmocka_unit_test(hostile__ZdaPvSt11align_val_t),
    cmocka_unit_test(hostile__ZdlPvmSt11align_val_t),
    cmocka_unit_test(hostile__ZdaPvmSt11align_val_t),
  };
  return cmocka_run_group_tests(tests, open_new, NULL);
}
