// SPDX-License-Identifier: Apache-2.0
//
// Plugin messages as bytes: each is a message to act on or one line that says what is wrong. And what is measured of the process.
#define _GNU_SOURCE
#include "control/message.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump/environment.h"
#include "support.h"

static struct memtrack_message message;
static char error[512];

static int
parse(const char *data, size_t size)
{
  // In memory of its own, so that a sanitizer sees a byte too many.
  char *copy = malloc(size ? size : 1);
  memcpy(copy, data, size);
  memset(error, 0, sizeof(error));
  int result = memtrack_message_parse(size ? copy : NULL, size, &message, error);
  free(copy);
  return result;
}

static void
accepts(const char *text, enum memtrack_verb verb, const char *argument)
{
  assert_int_equal(parse(text, strlen(text)), 0);
  assert_int_equal(message.verb, verb);
  assert_string_equal(message.argument, argument);
  // As traffic_ctl sends it.
  assert_int_equal(parse(text, strlen(text) + 1), 0);
  assert_int_equal(message.verb, verb);
}

static void
refuses(const char *data, size_t size, const char *why)
{
  assert_int_equal(parse(data, size), -1);
  assert_non_null(strstr(error, why));
  assert_non_null(strstr(error, "verbs are: mark [name], diff [name], dump, reset, arm 0|1|2, status, help"));
  assert_null(strpbrk(error, "\n\x1b"));
}

static void
verbs(void **state)
{
  (void)state;
  accepts("dump", MEMTRACK_VERB_DUMP, "");
  accepts("  dump \n", MEMTRACK_VERB_DUMP, "");
  accepts("mark", MEMTRACK_VERB_MARK, "");
  accepts("mark before", MEMTRACK_VERB_MARK, "before");
  accepts("mark \t two words", MEMTRACK_VERB_MARK, "two words");
  accepts("diff before", MEMTRACK_VERB_DIFF, "before");
  accepts("reset", MEMTRACK_VERB_RESET, "");
  accepts("status", MEMTRACK_VERB_STATUS, "");
  accepts("help", MEMTRACK_VERB_HELP, "");
  accepts("arm 2", MEMTRACK_VERB_ARM, "2");
  assert_int_equal(message.level, 2);
}

static void
bad_messages(void **state)
{
  (void)state;
  char *huge = malloc(1 << 20);
  memset(huge, 'x', 1 << 20);
  refuses("", 0, "is empty");
  refuses("", 1, "is empty");
  refuses(" \t\n", 3, "is empty");
  refuses(huge, 1 << 20, "of 1048576 bytes is ignored: at most 1024 are read");
  refuses("du\0mp", 5, "it has a NUL at byte 2 of 5");
  refuses("\0\0\0", 3, "NUL");
  refuses("dumps", 5, "unknown verb \"dumps\"");
  refuses("dum", 3, "unknown verb \"dum\"");
  refuses("DUMP", 4, "unknown verb \"DUMP\"");
  refuses("\x1b[2J\r\n\"", 7, "unknown verb \"?[2J\"");
  refuses("dump now", 8, "\"dump now\" is ignored: dump takes no argument");
  refuses("arm", 3, "the level is 0, 1 or 2");
  refuses("arm 3", 5, "the level is 0, 1 or 2");
  refuses("arm -1", 6, "the level is 0, 1 or 2");
  refuses("arm 1x", 6, "the level is 0, 1 or 2");
  refuses(huge, 1000, "unknown verb \"xxxxxxxx");
  free(huge);
}

static void
long_argument_is_cut(void **state)
{
  char text[1024];
  (void)state;
  memset(text, 'n', sizeof(text));
  memcpy(text, "mark ", 5);
  assert_int_equal(parse(text, sizeof(text)), 0);
  assert_int_equal(strlen(message.argument), MEMTRACK_ARGUMENT_MAX);
}

static void
random_bytes(void **state)
{
  uint64_t seed = 42;
  char text[64];
  (void)state;
  for (int i = 0; i < 100000; ++i) {
    size_t size = random_next(&seed) % sizeof(text);
    for (size_t k = 0; k < size; ++k) {
      text[k] = "dumparkhelstif 012\0\n\t\xff"[random_next(&seed) % 22];
    }
    if (parse(text, size)) {
      assert_true(strlen(error) > 20);
    } else {
      assert_true(message.verb < MEMTRACK_VERB_COUNT);
    }
  }
}

static bool
no_record(const char *name, int64_t *value)
{
  (void)name;
  (void)value;
  return false;
}

static void
the_process(void **state)
{
  struct memtrack_measures measures;
  (void)state;
  memtrack_measure_dump(&measures, no_record, "no_such_function");
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
  // The second version: the smallest of the groups above counts, and "max" is none.
  write_file(membership, "0::/a/b\n");
  assert_int_equal(memtrack_measure_cgroup(membership, folder), 0);
  snprintf(path, sizeof(path), "%s/a/b/memory.max", folder);
  write_file(path, "max\n");
  assert_int_equal(memtrack_measure_cgroup(membership, folder), 0);
  snprintf(path, sizeof(path), "%s/a/memory.max", folder);
  write_file(path, "5000000\n");
  assert_int_equal(memtrack_measure_cgroup(membership, folder), 5000000);
  // The first version, beside others that have nothing to say.
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
    cmocka_unit_test(verbs),        cmocka_unit_test(bad_messages), cmocka_unit_test(long_argument_is_cut),
    cmocka_unit_test(random_bytes), cmocka_unit_test(the_process),  cmocka_unit_test(control_groups),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
