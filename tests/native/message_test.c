// SPDX-License-Identifier: Apache-2.0
//
// Plugin messages as bytes: each is a message to act on, or produces a line with the error. Also measurements of the process.
#define _GNU_SOURCE
#include "control/message.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump/environment.h"
#include "support.h"

static struct memtrack_message message;

static bool
parse(const char *data, size_t size)
{
  // In a separate block, so that a sanitizer detects a read past the end.
  char *copy = malloc(size ? size : 1);
  memcpy(copy, data, size);
  log_clear();
  bool good = memtrack_message_parse(size ? copy : NULL, size, &message);
  free(copy);
  return good;
}

static void
a_message_is_what_the_core_reads_in_it(void **state)
{
  (void)state;
  assert_true(parse("mark \t two words", strlen("mark \t two words")));
  assert_int_equal(message.verb, MEMTRACK_VERB_MARK);
  assert_string_equal(message.argument, "two words");
  // As sent by traffic_ctl.
  assert_true(parse("arm 2", sizeof("arm 2")));
  assert_int_equal(message.verb, MEMTRACK_VERB_ARM);
  assert_int_equal(message.level, 2);
  assert_string_equal(log_text(), "");
  assert_false(parse("dum", 3));
  assert_string_equal(log_text(), "plugin message ignored: unknown verb \"dum\"; "
                                  "verbs: mark [name], diff [name], dump, reset, arm 0|1|2, show text, status, search [text], "
                                  "accept pattern, unaccept pattern, help\n");
  assert_false(parse("\0\0\0", 3));
  assert_non_null(strstr(log_text(), "NUL at byte 0 of 2"));
  assert_false(parse("", 0));
  assert_non_null(strstr(log_text(), "is empty"));
  memtrack_message_help();
  assert_non_null(strstr(log_text(), "traffic_ctl plugin msg memtrack 'help': writes this list to diags.log\n"));
}

static void
a_message_of_any_size_is_read_within_its_bytes(void **state)
{
  const size_t sizes[] = {1000, 1024, 1025, 4096, MEMTRACK_QUESTION_MAX, MEMTRACK_QUESTION_MAX + 1, 1 << 20};
  char *huge           = malloc(1 << 20);
  (void)state;
  memset(huge, 'x', 1 << 20);
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
    char expected[100];
    assert_false(parse(huge, sizes[i]));
    snprintf(expected, sizeof(expected), "ignored: %zu bytes, at most 1024 are allowed", sizes[i]);
    assert_non_null(strstr(log_text(), sizes[i] > 1024 ? expected : "unknown verb \"xxxxxxxx"));
  }
  memcpy(huge, "mark ", 5);
  assert_true(parse(huge, 1024));
  assert_int_equal(strlen(message.argument), MEMTRACK_ARGUMENT_MAX);
  free(huge);
}

static void
random_bytes(void **state)
{
  uint64_t seed = 42;
  char text[64];
  (void)state;
  for (int i = 0; i < 20000; ++i) {
    size_t size = random_next(&seed) % sizeof(text);
    for (size_t k = 0; k < size; ++k) {
      text[k] = "dumparkhelstif 012\0\n\t\xff"[random_next(&seed) % 22];
    }
    if (parse(text, size)) {
      assert_true(message.verb < MEMTRACK_VERB_COUNT);
    } else {
      assert_true(strlen(log_text()) > 20);
    }
  }
}

static void
the_process(void **state)
{
  struct memtrack_measures measures;
  (void)state;
  memtrack_measure_dump(&measures, no_record);
  assert_true(measures.known[MEMTRACK_MEASURE_NOW]);
  assert_true(measures.known[MEMTRACK_MEASURE_RSS]);
  assert_true(measures.value[MEMTRACK_MEASURE_RSS] > measures.value[MEMTRACK_MEASURE_RSS_FILES]);
  assert_true(measures.value[MEMTRACK_MEASURE_RAM] > measures.value[MEMTRACK_MEASURE_RSS]);
  assert_false(measures.known[MEMTRACK_MEASURE_FREELISTS]);
  assert_false(measures.known[MEMTRACK_MEASURE_CONNECTIONS]);
  assert_false(measures.known[MEMTRACK_MEASURE_MAX_USAGE]);
  assert_int_equal(measures.transactions, 0);
}

static void
write_file(const char *path, const char *text)
{
  FILE *file = fopen(path, "w");
  fputs(text, file);
  fclose(file);
}

static void
control_groups(void **state)
{
  char folder[] = "/tmp/memtrack-cgroup-XXXXXX", membership[64], path[128], command[128];
  (void)state;
  assert_non_null(mkdtemp(folder));
  snprintf(membership, sizeof(membership), "%s/cgroup", folder);
  snprintf(command, sizeof(command), "mkdir -p %s/a/b %s/memory/a", folder, folder);
  assert_int_equal(system(command), 0);
  // Version 2: the smallest limit of the ancestors applies, and "max" is no limit.
  write_file(membership, "0::/a/b\n");
  assert_int_equal(memtrack_measure_cgroup(membership, folder), 0);
  snprintf(path, sizeof(path), "%s/a/b/memory.max", folder);
  write_file(path, "max\n");
  assert_int_equal(memtrack_measure_cgroup(membership, folder), 0);
  snprintf(path, sizeof(path), "%s/a/memory.max", folder);
  write_file(path, "5000000\n");
  assert_int_equal(memtrack_measure_cgroup(membership, folder), 5000000);
  // Version 1, among irrelevant lines.
  write_file(membership, "12:cpu:/a\n11:memory:/a\n1:name=systemd:/\n");
  snprintf(path, sizeof(path), "%s/memory/a/memory.limit_in_bytes", folder);
  write_file(path, "9223372036854771712\n");
  assert_int_equal(memtrack_measure_cgroup(membership, folder), 0);
  write_file(path, "7000000\n");
  assert_int_equal(memtrack_measure_cgroup(membership, folder), 7000000);
  assert_int_equal(memtrack_measure_cgroup("/no/such/file", folder), 0);
  snprintf(command, sizeof(command), "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_message_is_what_the_core_reads_in_it),
    cmocka_unit_test(a_message_of_any_size_is_read_within_its_bytes),
    cmocka_unit_test(random_bytes),
    cmocka_unit_test(the_process),
    cmocka_unit_test(control_groups),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
