// SPDX-License-Identifier: Apache-2.0
//
// Allocators whose blocks cannot be tagged, because the number of usable bytes is not what it says, are refused with the reason.
// This program is such an allocator: it defines malloc, free and malloc_usable_size.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "hook/allocator.h"

#if MT_SANITIZED

static void
refuse(const char *expected)
{
  (void)expected;
  skip();
}
#define SET(name) (void)0

#else

#define SIZE      1000 /* usable bytes, by the C library, of the blocks that are wrong */

void *__libc_malloc(size_t size);
void __libc_free(void *block);

static enum { RIGHT, FEWER, ODD, CHANGING, PROTECTED } mode;
static char *guarded; // ends 8 bytes before a page without access
#define SET(name) mode = (name)

void *
malloc(size_t size)
{
  return mode == PROTECTED && size == SIZE ? guarded : __libc_malloc(size);
}

void
free(void *block)
{
  if (block != guarded) {
    __libc_free(block);
  }
}

size_t
malloc_usable_size(void *block)
{
  static size_t (*usable_size)(void *);
  static size_t calls;
  if (!usable_size) {
    *(void **)&usable_size = dlsym(RTLD_NEXT, "malloc_usable_size");
  }
  if (block == guarded && block) {
    return SIZE + 16;
  }
  size_t usable = usable_size(block);
  switch (mode) {
  case FEWER:
    return usable == SIZE ? SIZE - 24 : usable;
  case ODD:
    return usable == SIZE ? SIZE + 7 : usable;
  case CHANGING:
    return usable == SIZE && ++calls % 2 == 0 ? SIZE - 8 : usable;
  default:
    return usable;
  }
}

static void
refuse(const char *expected)
{
  struct memtrack_reason reason = {""};
  int result                    = memtrack_allocator_open(&reason);
  mode                          = RIGHT;
  assert_int_equal(result, -1);
  if (!strstr(reason.text, expected) || !strstr(reason.text, "cannot be tagged")) {
    fail_msg("%s", reason.text);
  }
}

#endif

static void
the_c_librarys_blocks_can_be_tagged(void **state)
{
  (void)state;
  struct memtrack_reason reason = {""};
  assert_int_equal(memtrack_allocator_open(&reason), 0);
}

static void
fewer_usable_bytes_than_requested(void **state)
{
  (void)state;
  SET(FEWER);
  refuse("fewer than requested");
}

static void
bytes_that_are_the_allocators_own(void **state)
{
  (void)state;
  SET(ODD);
  refuse("neither what was requested nor words");
}

static void
a_number_that_changes(void **state)
{
  (void)state;
  SET(CHANGING);
  refuse("not all kept as written");
}

static void
usable_bytes_on_a_protected_page(void **state)
{
  (void)state;
#if !MT_SANITIZED
  char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
  guarded = pages + 4096 - SIZE - 8;
#endif
  SET(PROTECTED);
  refuse("not all writable");
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_c_librarys_blocks_can_be_tagged), cmocka_unit_test(fewer_usable_bytes_than_requested),
    cmocka_unit_test(bytes_that_are_the_allocators_own),   cmocka_unit_test(a_number_that_changes),
    cmocka_unit_test(usable_bytes_on_a_protected_page),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
