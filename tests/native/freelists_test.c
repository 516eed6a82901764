// SPDX-License-Identifier: Apache-2.0
//
// The server's table of its freelists becomes rows; a server that prints none, or another one, is refused with the reason. Programs
// print the tables here, under names that the host looks up.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "core/registry.h"
#include "dump/freelists.h"
#include "support.h"

#define HEADS "     Allocated      |        In-Use      | Type Size  |   Free List Name\n"
#define TOTAL " 1048576 | 65536 |            | TOTAL\n-----\n"

static int used = 4;

void
print_lists(FILE *file)
{
  fprintf(file, HEADS " 10000 | %d | 100 | memory/a\n 4000 | 0 | 100 | memory/unused\n 500 | 300 | 50 | memory/b\n" TOTAL,
          used * 100);
}

void
print_many(FILE *file)
{
  fputs(HEADS, file);
  for (unsigned i = 0; i < MEMTRACK_FREELISTS_MAX + 10; ++i) {
    fprintf(file, " 100 | 10 | 10 | memory/many%u\n", i);
  }
  fputs(TOTAL, file);
}

void
print_other_columns(FILE *file)
{
  fputs("Size | Used | Name\n 10000 | 400 | memory/a\n" TOTAL, file);
}

void
print_nothing(FILE *file)
{
  (void)file;
}

// "allocs|frees|bytes" of a list's row in a dump; "" if there is none.
static const char *
row(const char *name)
{
  static char found[100];
  char *text = dump_text(1, false), end[64], *at;
  long allocs, frees, bytes;
  snprintf(end, sizeof(end), "| memory/freelist/%s ", name);
  found[0] = '\0';
  if ((at = strstr(text, end))) {
    while (at[-1] != '\n') {
      --at;
    }
    if (sscanf(at, "%ld | %ld | %ld |", &allocs, &frees, &bytes) == 3) {
      snprintf(found, sizeof(found), "%ld|%ld|%ld", allocs, frees, bytes);
    }
  }
  free(text);
  return found;
}

static void
a_table_that_is_not_the_servers_is_refused(void **state)
{
  struct memtrack_reason reason;
  uint64_t idle = 7;
  (void)state;
  assert_int_equal(memtrack_freelists_find(NULL, &reason), -1);
  assert_string_equal(reason.text, "the server has no function that prints them");
  assert_int_equal(memtrack_freelists_find("no_such_function", &reason), -1);
  assert_string_equal(reason.text, "the server has no function no_such_function");
  const char *others[] = {"print_other_columns", "print_nothing"};
  for (int i = 0; i < 2; ++i) {
    assert_int_equal(memtrack_freelists_find(others[i], &reason), -1);
    assert_non_null(strstr(reason.text, "is not understood"));
    assert_false(memtrack_freelists_read(&idle));
    assert_int_equal(idle, 7);
  }
  assert_string_equal(row("a"), "");
}

static void
lists_in_use_are_rows(void **state)
{
  struct memtrack_reason reason;
  uint64_t idle  = 0;
  uint32_t sites = memtrack_registry_in_use(), count = memtrack_registry_count();
  (void)state;
  assert_int_equal(memtrack_freelists_find("print_lists", &reason), 0);
  assert_string_equal(row("a"), "4|0|400");
  assert_string_equal(row("b"), "6|0|300");
  assert_string_equal(row("unused"), "");
  used = 9;
  assert_true(memtrack_freelists_read(&idle));
  assert_int_equal(idle, 10000 - 900 + 4000 + 500 - 300);
  used = 2;
  assert_true(memtrack_freelists_read(&idle));
  assert_string_equal(row("a"), "4|2|200"); /* what was between two dumps has not been counted: no sums were made */
  assert_int_equal(memtrack_registry_in_use(), sites);
  assert_int_equal(memtrack_registry_count(), count);
}

static void
lists_beyond_the_room_are_in_the_row_other(void **state)
{
  struct memtrack_reason reason;
  uint64_t idle, hits;
  (void)state;
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_FREELISTS), 0);
  assert_int_equal(memtrack_freelists_find("print_many", &reason), 0);
  hits = memtrack_limit_hits(MEMTRACK_LIMIT_FREELISTS);
  assert_int_equal(hits, 12); /* a and b have two of the rows */
  assert_string_equal(row("(other)"), "12|0|120");
  assert_string_equal(row("many0"), "1|0|10");
  assert_true(memtrack_freelists_read(&idle));
  assert_string_equal(row("(other)"), "12|0|120");
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_FREELISTS), hits);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_table_that_is_not_the_servers_is_refused),
    cmocka_unit_test(lists_in_use_are_rows),
    cmocka_unit_test(lists_beyond_the_room_are_in_the_row_other),
  };
  open_accounting(64);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
