// SPDX-License-Identifier: Apache-2.0
//
// Hooks, levels, verify and refusals, with victim.so in the server's place and target.so in libtscore's.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/control.h"
#include "control/records.h"
#include "core/account.h"
#include "core/ask.h"
#include "core/model.h"
#include "core/registry.h"
#include "dump/builtin.h"
#include "dump/dump.h"
#include "hook/iobuffer.h"
#include "module/slots.h"

static struct memtrack_reason reason;
static int dumps;

static void
count_dump(FILE *file)
{
  (void)file;
  ++dumps;
}

static void
a_server_without_the_symbols_is_refused_by_name_and_untouched(void **state)
{
  (void)state;
  char *maps                      = maps_text();
  struct memtrack_server no_level = stand_in, no_increment = stand_in, no_dump = stand_in;
  no_level.level                            = "nothing_of_this_name";
  no_increment.increment                    = "no_increment_here";
  no_dump.dump                              = "no_dump_here";
  const struct memtrack_server *(servers[]) = {&no_level, &no_increment, &no_dump};
  const char *names[]                       = {"nothing_of_this_name", "no_increment_here", "no_dump_here"};
  for (int i = 0; i < 3; ++i) {
    assert_int_equal(memtrack_iobuffer_install(servers[i], count_dump, &reason), -1);
    assert_non_null(strstr(reason.text, names[i]));
  }
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  target_level       = 1;
  victim_increment("memory/IOBuffer/x", 1);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs, before.allocs);
  char *now = maps_text();
  assert_string_equal(now, maps);
  free(now);
  free(maps);
}

static void
events_and_dumps_come_to_us_until_the_hook_is_removed(void **state)
{
  (void)state;
  char *maps         = maps_text();
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  target_level       = 1;
  assert_int_equal(memtrack_iobuffer_install(&stand_in, count_dump, &reason), 0);
  victim_increment("memory/IOBuffer/x", 128);
  victim_increment("memory/IOBuffer/x", -128);
  victim_dump(stderr);
  struct sums after = sum_site(MEMTRACK_SITE_UNKNOWN);
  assert_int_equal(after.allocs - before.allocs, 1);
  assert_int_equal(after.free_bytes - before.free_bytes, 128);
  assert_int_equal(dumps, 1);

  // A second memtrack, under another path, finds the first in its place and says so.
  assert_int_equal(memtrack_iobuffer_install(&stand_in, count_dump, &reason), -1);
  assert_non_null(strstr(reason.text, "already redirected"));

  memtrack_iobuffer_set_level(0);
  victim_increment("memory/IOBuffer/x", 128);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs, after.allocs);
  memtrack_iobuffer_set_level(1);
  assert_int_equal(memtrack_iobuffer_remove(&reason), 0);
  victim_increment("memory/IOBuffer/x", 128);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs, after.allocs);
  char *now = maps_text();
  assert_string_equal(now, maps);
  free(now);
  free(maps);
}

static int64_t
counted_by_target(void)
{
  char *text     = NULL;
  size_t size    = 0;
  FILE *file     = open_memstream(&text, &size);
  int64_t allocs = -1;
  target_level   = 1;
  victim_dump(file);
  fclose(file);
  const char *row = strstr(text, "Location");
  row             = row ? strchr(row, '\n') : NULL;
  assert_non_null(row);
  allocs = strtol(row, NULL, 10);
  free(text);
  return allocs;
}

// Servers built from source bind lazily: a slot that was never called leads to the module's own code, which asks the loader.
static void
a_slot_that_was_never_called_is_redirected_and_restored_to_the_function(void **state)
{
  (void)state;
  void *lazy = dlopen("lazy.so", RTLD_LAZY | RTLD_LOCAL); // in the program's own folder
  assert_non_null(lazy);
  void (*increment)(const char *, int64_t) = (void (*)(const char *, int64_t))dlsym(lazy, "victim_increment");
  struct memtrack_slots slots;
  assert_int_equal(memtrack_slots_find(&slots, "target_increment", "lazy.so", (void *)counted_by_target, &reason), 0);
  void **slot = slots.list[0].at;
  assert_true(memtrack_slots_is_unbound(&slots.list[0]));
  memtrack_slots_free(&slots);
  void *function = dlsym(RTLD_DEFAULT, "target_increment");

  target_level = 1;
  assert_int_equal(memtrack_iobuffer_install(&stand_in, count_dump, &reason), 0);
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  increment("memory/IOBuffer/lazy", 1);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs, before.allocs + 1);

  // Others that redirect are still found: not the module itself, not the function.
  void *ours = *slot;
  assert_true(ours != function);
  assert_int_equal(memtrack_iobuffer_install(&stand_in, count_dump, &reason), -1);
  assert_non_null(strstr(reason.text, "already redirected"));

  assert_int_equal(memtrack_iobuffer_remove(&reason), 0);
  assert_ptr_equal(*slot, function);
  int64_t counted = counted_by_target();
  increment("memory/IOBuffer/lazy", 1);
  assert_int_equal(counted_by_target(), counted + 1);
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs, before.allocs + 1);
  dlclose(lazy);
}

static void
what_the_builtin_counted_before_is_taken_over_and_verify_agrees(void **state)
{
  (void)state;
  target_level = 1;
  for (int i = 0; i < 5; ++i) {
    victim_increment("memory/IOBuffer/before.cc:1", 4096);
  }
  assert_int_equal(memtrack_iobuffer_install(&stand_in, count_dump, &reason), 0);
  memtrack_builtin_carry_over();
  victim_increment("memory/IOBuffer/before.cc:1", -4096);
  char *text = dump_text(1, false);
  assert_non_null(strstr(text, "| memory/IOBuffer/before.cc:1 "));
  assert_null(strstr(text, "Frees of untracked memory"));
  free(text);

  assert_int_equal(memtrack_iobuffer_pass_on(true, &reason), 0);
  memtrack_builtin_mark();
  for (int i = 0; i < 100; ++i) {
    victim_increment("memory/IOBuffer/before.cc:1", i % 3 ? 4096 : -4096);
  }
  text = dump_text(1, true);
  assert_non_null(strstr(text, "\nVerify: "));
  assert_non_null(strstr(text, " 0 of "));
  free(text);

  // An event that only one of the two sees is a differing row.
  memtrack_account_iobuffer("memory/IOBuffer/before.cc:1", 1);
  text = dump_text(1, true);
  assert_non_null(strstr(text, " 1 of "));
  free(text);
  assert_int_equal(memtrack_iobuffer_pass_on(false, &reason), 0);
  assert_int_equal(memtrack_iobuffer_remove(&reason), 0);
}

static void
releases_of_buffers_older_than_the_arming_are_never_negative(void **state)
{
  (void)state;
  memtrack_model_arm(MEMTRACK_CLASS_IOBUFFER);
  for (int i = 0; i < 10; ++i) {
    memtrack_account_iobuffer("memory/IOBuffer/late.cc:1", -1000);
  }
  memtrack_account_iobuffer("memory/IOBuffer/late.cc:1", 1000);
  memtrack_model_observe();
  memtrack_account_iobuffer("memory/IOBuffer/late.cc:1", 1000);
  char *text = dump_text(1, false);
  assert_non_null(strstr(text, "         2 |          1 |                 1000 |       1000 | memory/IOBuffer/late.cc:1"));
  assert_non_null(strstr(text, "         9 |                 9000 | iobuffer"));
  free(text);
}

static void
a_dump_that_cannot_be_written_is_said_once_and_loses_nothing(void **state)
{
  (void)state;
  struct memtrack_state now = {.level = 1};
  log_clear();
  int full = open("/dev/full", O_WRONLY);
  assert_int_equal(memtrack_dump_write(full, MEMTRACK_DUMP_REASON_TIMER, &now), ENOSPC);
  assert_int_equal(memtrack_dump_write(full, MEMTRACK_DUMP_REASON_TIMER, &now), ENOSPC);
  close(full);
  const char *line = strstr(log_text(), "No space left on device");
  assert_non_null(line);
  assert_null(strstr(line + 1, "No space left on device"));
  assert_int_equal(memtrack_dump_write(-1, MEMTRACK_DUMP_REASON_TIMER, &now), EBADF);
  char *text = dump_text(1, false);
  assert_non_null(strstr(text, "memory/IOBuffer/late.cc:1"));
  free(text);
}

static void
an_unknown_version_is_not_taken_for_a_known_one(void **state)
{
  (void)state;
  const char *versions[] = {"11.0.0", "10.3.0", "10.20.1", "9.20.1", "9.1.4", "10.2", "", NULL};
  const char *known[]    = {"9.2.5", "10.0.6", "10.1.4", "10.2.0"};
  for (int i = 0; i < 8; ++i) {
    assert_null(memtrack_server_find(versions[i]));
  }
  for (int i = 0; i < 4; ++i) {
    const struct memtrack_server *found = memtrack_server_find(known[i]);
    assert_non_null(found);
    char text[16];
    snprintf(text, sizeof(text), "%.*sx", (int)(strrchr(known[i], '.') + 1 - known[i]), known[i]);
    assert_non_null(strstr(memtrack_server_versions(), text)); // what is refused names what is not
  }
}

static int64_t level_record;

static bool
read_level(const char *name, int64_t *value)
{
  *value = level_record;
  return strcmp(name, "proxy.config.res_track_memory") == 0;
}

static void
a_setting_is_what_the_core_makes_of_its_record(void **state)
{
  (void)state;
  assert_string_equal(memtrack_setting_get(MEMTRACK_SETTING_SITES)->name, "proxy.config.plugin.memtrack.sites");
  assert_string_equal(memtrack_setting_get(MEMTRACK_SETTING_SITES)->check, "[64-65408]");
  assert_int_equal(memtrack_setting_get(MEMTRACK_SETTING_SITES)->effect, MEMTRACK_SETTING_AT_START);
  log_clear();
  assert_int_equal(memtrack_setting_read(MEMTRACK_SETTING_INTERVAL, no_record), 10);
  level_record = -1;
  assert_int_equal(memtrack_setting_read(MEMTRACK_SETTING_LEVEL, read_level), 0);
  assert_string_equal(log_text(), "proxy.config.res_track_memory: value -1 is out of range [0, 2]; using 0\n");
  log_clear();
  assert_int_equal(memtrack_setting_read(MEMTRACK_SETTING_LEVEL, read_level), 0);
  memtrack_setting_set_level(2);
  assert_int_equal(memtrack_setting_read(MEMTRACK_SETTING_LEVEL, read_level), 2);
  level_record = 1;
  assert_int_equal(memtrack_setting_read(MEMTRACK_SETTING_LEVEL, read_level), 1);
  assert_string_equal(log_text(), "level set to 2 by a message, until proxy.config.res_track_memory changes from 0\n"
                                  "proxy.config.res_track_memory is now 1\n");
}

static bool
read_as_the_server(const char *name, int64_t *value)
{
  *value = 4096;
  return strcmp(name, "proxy.config.plugin.memtrack.sites") == 0;
}

static void
a_value_that_is_no_number_is_said_with_its_line(void **state)
{
  (void)state;
  char path[] = "/tmp/memtrack-records-XXXXXX";
  FILE *file  = fdopen(mkstemp(path), "w");
  fputs("# CONFIG proxy.config.res_track_memory INT full\n"
        "CONFIG proxy.config.res_track_memory INT full\n"
        "CONFIG proxy.config.plugin.memtrack.verify INT 1\n"
        "CONFIG proxy.config.plugin.memtrack.sites STRING 4096",
        file);
  fclose(file);
  log_clear();
  assert_int_equal(memtrack_records_check_file(path, read_as_the_server), 2);
  assert_non_null(strstr(log_text(), ":2: proxy.config.res_track_memory is \"full\" (INT), not a number; the range is [0, 2]; "
                                     "how the server reads it is unknown\n"));
  assert_non_null(strstr(log_text(), ":4: proxy.config.plugin.memtrack.sites is \"4096\" (STRING), not of type INT; "
                                     "the range is [64, 65408]; the server reads it as 4096\n"));
  unlink(path);
  assert_int_equal(memtrack_records_check_file("/nonexistent/records.config", read_as_the_server), 0);
}

static void
a_field_that_the_server_ignores_is_said_with_its_line(void **state)
{
  (void)state;
  char path[] = "/tmp/memtrack-records-XXXXXX";
  FILE *file  = fdopen(mkstemp(path), "w");
  fputs("records:\n"
        "  plugin:\n"
        "    memtrack:\n"
        "      heap: 1\n"
        "      sites: !!int 64\n"
        "      output: memtrack.out\n",
        file);
  fclose(file);
  log_clear();
  assert_int_equal(memtrack_records_check_yaml(path), 2);
  assert_non_null(strstr(log_text(), ":4: proxy.config.plugin.memtrack.heap: the server ignores \"1\", because it has no type; "
                                     "write heap: !!int 1\n"));
  assert_non_null(strstr(log_text(), ":6: proxy.config.plugin.memtrack.output: the server ignores \"memtrack.out\", because it has "
                                     "no type; write output: !!str memtrack.out\n"));
  unlink(path);
  assert_int_equal(memtrack_records_check_yaml("/nonexistent/records.yaml"), 0);
  assert_int_equal(memtrack_records_check_yaml("/dev/zero"), 0);
}

// A disk that was full: what is written next would be the end of the line that was cut off, and no dump to whoever reads it.
static void
a_dump_after_one_that_was_cut_off_begins_a_line(void **state)
{
  (void)state;
  struct memtrack_state now = {.level = 1};
  int ends[2], room = 4096;
  char text[1 << 16];
  static char names[100][32]; // kept: places are addresses
  for (int i = 0; i < 100; ++i) {
    snprintf(names[i], sizeof(names[i]), "memory/IOBuffer/cut.cc:%d", i);
    memtrack_account_iobuffer(names[i], 4096);
  }
  log_clear();
  assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
  assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, room), room);
  assert_int_equal(memtrack_dump_write(ends[1], MEMTRACK_DUMP_REASON_TIMER, &now), EAGAIN);
  assert_int_equal(read(ends[0], text, sizeof(text)), room);
  assert_int_not_equal(text[room - 1], '\n');
  for (int dump = 0; dump < 2; ++dump) {
    assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, sizeof(text)), sizeof(text));
    assert_int_equal(memtrack_dump_write(ends[1], MEMTRACK_DUMP_REASON_TIMER, &now), 0);
    assert_true(read(ends[0], text, sizeof(text)) > room);
    assert_memory_equal(text, dump ? "memtrack format=" : "\nmemtrack format=", 16);
  }
  close(ends[0]);
  close(ends[1]);
}

// What a defect in the core would do: the registry's memory is gone.
static void
a_trap_in_the_registry_counts_new_sites_as_other_and_keeps_the_known(void **state)
{
  (void)state;
  memtrack_account_iobuffer("memory/IOBuffer/known.cc:1", 10);
  ((struct memtrack_core *)memtrack_registry_core())->wasm.w2c_memory.size = 8;
  memtrack_account_iobuffer("memory/IOBuffer/known.cc:1", 10);
  memtrack_account_iobuffer("memory/IOBuffer/new.cc:1", 10);
  memtrack_account_iobuffer("memory/IOBuffer/new.cc:1", -10);
  struct sums other = sum_site(MEMTRACK_SITE_OTHER + MEMTRACK_CLASS_IOBUFFER);
  assert_int_equal(other.allocs, 1);
  assert_int_equal(other.frees, 1);
  assert_int_equal(memtrack_account_lost(), 0);
  char *text = dump_text(1, false);
  assert_non_null(strstr(text, "         2 |          0 |                   20 |         10 | memory/IOBuffer/known.cc:1"));
  assert_non_null(strstr(text, "memory/IOBuffer/(other)"));
  free(text);
}

static void
a_trap_where_settings_are_read_is_said_once_and_leaves_the_defaults(void **state)
{
  (void)state;
  level_record = 2;
  assert_int_equal(memtrack_setting_read(MEMTRACK_SETTING_LEVEL, read_level), 2);
  memtrack_ask_core()->wasm.w2c_memory.size = 8;
  log_clear();
  assert_int_equal(memtrack_setting_read(MEMTRACK_SETTING_LEVEL, read_level), 0);
  assert_non_null(strstr(log_text(),
                         "the core trapped while reading a setting, a message or a name (access out of bounds): using the "
                         "defaults until"));
  log_clear();
  assert_int_equal(memtrack_setting_read(MEMTRACK_SETTING_INTERVAL, no_record), 10);
  assert_int_equal(memtrack_records_check_file("/etc/passwd", read_as_the_server), 0);
  assert_string_equal(log_text(), "");
  struct memtrack_message message;
  assert_false(memtrack_message_parse("dump", 4, &message));
  assert_string_equal(log_text(), "plugin message ignored: the core has trapped; restart traffic_server to send messages again\n");
  char *text = dump_text(1, false);
  assert_non_null(strstr(text, "memtrack end dump="));
  free(text);
}

static int
open_once(void **state)
{
  (void)state;
  open_accounting(256);
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_unknown_version_is_not_taken_for_a_known_one),
    cmocka_unit_test(a_server_without_the_symbols_is_refused_by_name_and_untouched),
    cmocka_unit_test(events_and_dumps_come_to_us_until_the_hook_is_removed),
    cmocka_unit_test(a_slot_that_was_never_called_is_redirected_and_restored_to_the_function),
    cmocka_unit_test(what_the_builtin_counted_before_is_taken_over_and_verify_agrees),
    cmocka_unit_test(releases_of_buffers_older_than_the_arming_are_never_negative),
    cmocka_unit_test(a_dump_that_cannot_be_written_is_said_once_and_loses_nothing),
    cmocka_unit_test(a_dump_after_one_that_was_cut_off_begins_a_line),
    cmocka_unit_test(a_setting_is_what_the_core_makes_of_its_record),
    cmocka_unit_test(a_value_that_is_no_number_is_said_with_its_line),
    cmocka_unit_test(a_field_that_the_server_ignores_is_said_with_its_line),
    cmocka_unit_test(a_trap_in_the_registry_counts_new_sites_as_other_and_keeps_the_known),
    cmocka_unit_test(a_trap_where_settings_are_read_is_said_once_and_leaves_the_defaults),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
