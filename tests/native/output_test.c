// SPDX-License-Identifier: Apache-2.0
//
// Where a dump's text goes: to the file that the record names, else to the descriptor.
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump/output.h"

#define RECORD "proxy.config.plugin.memtrack.output"

static char folder[] = "/tmp/memtrack-output-XXXXXX";
static char file[sizeof(folder) + 8];
static char record[5000];
static int standard_error; // where the text goes that cannot go to the file

static bool
read_record(const char *name, char *text, size_t size)
{
  snprintf(text, size, "%s", record);
  return strcmp(name, RECORD) == 0;
}

static int
setup(void **state)
{
  (void)state;
  assert_non_null(mkdtemp(folder));
  sprintf(file, "%s/own.out", folder);
  standard_error = memfd_create("standard error", 0);
  memtrack_output_open(read_record, RECORD, NULL);
  return 0;
}

static int
teardown(void **state)
{
  (void)state;
  return rmdir(folder);
}

static int
put(const char *text)
{
  return memtrack_output_write(standard_error, (const uint8_t *)text, strlen(text));
}

// What was written to a file since `from`.
static const char *
since(int fd, off_t from)
{
  static char text[4096];
  ssize_t length = pread(fd, text, sizeof(text) - 1, from);
  assert_true(length >= 0);
  text[length] = '\0';
  return text;
}

// Reads the file, which is there.
static const char *
in_file(void)
{
  int fd = open(file, O_RDONLY);
  assert_true(fd >= 0);
  const char *text = since(fd, 0);
  close(fd);
  return text;
}

// The text is at the descriptor, and diags.log says this.
static void
assert_elsewhere(const char *said)
{
  off_t from = lseek(standard_error, 0, SEEK_END);
  log_clear();
  assert_int_equal(put("one\n"), 0);
  assert_int_equal(put("two\n"), 0);
  assert_string_equal(since(standard_error, from), "one\ntwo\n");
  const char *line = strstr(log_text(), said);
  if (!line) {
    fail_msg("%s", log_text());
  }
  assert_null(strstr(line + 1, RECORD));
}

static void
without_a_record_the_text_goes_to_the_descriptor(void **state)
{
  (void)state;
  log_clear();
  assert_int_equal(put("dump\n"), 0);
  assert_string_equal(since(standard_error, 0), "dump\n");
  assert_string_equal(log_text(), "");
  assert_int_equal(memtrack_output_write(-1, (const uint8_t *)"x", 1), EBADF);
}

static void
a_file_has_it_alone_and_is_made_anew_where_it_is_gone(void **state)
{
  (void)state;
  off_t from = lseek(standard_error, 0, SEEK_END);
  strcpy(record, file);
  log_clear();
  memtrack_output_poll();
  assert_non_null(strstr(log_text(), "dumps go to /tmp/memtrack-output-"));
  assert_int_equal(put("one\n"), 0);
  assert_int_equal(put("two\n"), 0);
  assert_string_equal(in_file(), "one\n\ntwo\n");
  assert_int_equal(unlink(file), 0);
  assert_int_equal(put("three\n"), 0);
  assert_string_equal(in_file(), "three\n");
  assert_int_equal(truncate(file, 0), 0);
  assert_int_equal(put("four\n"), 0);
  assert_string_equal(in_file(), "four\n");
  assert_string_equal(since(standard_error, from), "");
  unlink(file);
}

static void
what_is_no_regular_file_is_not_opened(void **state)
{
  (void)state;
  assert_int_equal(mkfifo(file, 0666), 0);
  assert_elsewhere("is not a regular file");
  int reader = open(file, O_RDONLY | O_NONBLOCK);
  assert_int_equal(put("text\n"), 0);
  char byte;
  assert_int_equal(read(reader, &byte, 1), 0); // no writer was ever there
  close(reader);
  unlink(file);
  assert_int_equal(put("text\n"), 0); // usable again: the next line is another one
  unlink(file);
  assert_int_equal(symlink("/dev/full", file), 0);
  assert_elsewhere("is a symbolic link");
  unlink(file);
  assert_int_equal(mkdir(file, 0777), 0);
  assert_elsewhere("is a folder");
  rmdir(file);
  strcpy(record, "/dev/full");
  assert_elsewhere("/dev/full is not a regular file");
}

static void
a_path_that_cannot_be_is_said(void **state)
{
  (void)state;
  strcpy(record, "own.out");
  assert_elsewhere("the server's log folder is not known");
  sprintf(record, "%s/../own.out", folder);
  assert_elsewhere("a path with \"..\" is not used");
  sprintf(record, "%s/none/own.out", folder);
  assert_elsewhere("cannot be opened: No such file or directory");
  memset(record, '/', sizeof(record) - 1);
  assert_elsewhere("the path is too long");
  sprintf(record, "%s/%0300d", folder, 0);
  assert_elsewhere("the path is too long");
}

static void
a_line_that_was_cut_off_is_ended_first(void **state)
{
  (void)state;
  strcpy(record, file);
  int fd = open(file, O_WRONLY | O_CREAT, 0600);
  assert_int_equal(write(fd, "cut", 3), 3);
  close(fd);
  assert_int_equal(put("one\n"), 0);
  assert_string_equal(in_file(), "cut\none\n");
  unlink(file);
}

// The system would end the process with SIGXFSZ.
static void
a_limit_of_the_process_is_kept_and_the_text_is_elsewhere(void **state)
{
  (void)state;
  struct rlimit limit, small;
  int ends[2];
  char there[64];
  const char *text = "a text of some length\n";
  strcpy(record, file);
  assert_int_equal(put("one\n"), 0);
  assert_int_equal(pipe(ends), 0); // which has no such limit
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  small          = limit;
  small.rlim_cur = 12;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  log_clear();
  assert_int_equal(memtrack_output_write(ends[1], (const uint8_t *)text, strlen(text)), 0);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  assert_non_null(strstr(log_text(), "cannot be written: File too large"));
  assert_int_equal(read(ends[0], there, sizeof(there)), strlen(text));
  assert_memory_equal(there, text, strlen(text));
  log_clear();
  assert_int_equal(put("two\n"), 0);
  assert_string_equal(in_file(), "one\n\ntwo\n");
  assert_non_null(strstr(log_text(), "dumps go to /tmp/"));
  close(ends[0]);
  close(ends[1]);
  unlink(file);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(without_a_record_the_text_goes_to_the_descriptor),
    cmocka_unit_test(a_file_has_it_alone_and_is_made_anew_where_it_is_gone),
    cmocka_unit_test(what_is_no_regular_file_is_not_opened),
    cmocka_unit_test(a_path_that_cannot_be_is_said),
    cmocka_unit_test(a_line_that_was_cut_off_is_ended_first),
    cmocka_unit_test(a_limit_of_the_process_is_kept_and_the_text_is_elsewhere),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
