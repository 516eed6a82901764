// SPDX-License-Identifier: Apache-2.0
//
// Warnings about bad releases: a hook never waits for whoever reads standard error. Only the first 20 are written.
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hook/warning.h"

static int standard_error;
static char text[8192];

// Standard error is this descriptor until give_back().
static void
take(int fd)
{
  standard_error = dup(STDERR_FILENO);
  assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static void
give_back(void)
{
  dup2(standard_error, STDERR_FILENO);
  close(standard_error);
}

// What can be read without waiting.
static const char *
read_all(int fd)
{
  size_t used = 0;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  for (ssize_t got; used < sizeof(text) - 1 && (got = read(fd, text + used, sizeof(text) - 1 - used)) > 0; used += got) {
  }
  text[used] = '\0';
  return text;
}

// Fills a pipe or a socket; a writer then waits.
static void
fill(int fd)
{
  static const char noise[4096];
  int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  for (size_t size = sizeof(noise); size; size /= 2) {
    while (write(fd, noise, size) > 0) {
    }
  }
  fcntl(fd, F_SETFL, flags);
}

static void
empty(int fd)
{
  char noise[4096];
  fcntl(fd, F_SETFL, O_NONBLOCK);
  while (read(fd, noise, sizeof(noise)) > 0) {
  }
}

static void
warn(uint64_t size)
{
  errno = 4711;
  memtrack_warning_now(MEMTRACK_WARNING_TWICE_UNKNOWN, 0, size);
  assert_int_equal(errno, 4711);
}

static const char *
line_of(uint64_t size)
{
  static char line[100];
  snprintf(line, sizeof(line), "memtrack warning=\"released twice: a block of %lu bytes of an unknown site\"\n", size);
  return line;
}

static void
a_line_that_can_be_written_at_once_is(void **state)
{
  (void)state;
  int file = memfd_create("stderr", 0), pipes[2], sockets[2];
  assert_int_equal(pipe(pipes), 0);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  take(file);
  warn(1);
  memtrack_warning_write();
  give_back();
  lseek(file, 0, SEEK_SET);
  assert_string_equal(read_all(file), line_of(1));
  take(pipes[1]);
  warn(2);
  memtrack_warning_write();
  give_back();
  assert_string_equal(read_all(pipes[0]), line_of(2));
  take(sockets[1]);
  warn(3);
  memtrack_warning_write();
  give_back();
  assert_string_equal(read_all(sockets[0]), line_of(3));
  close(file);
}

// If this waited, it would wait for ever.
static void
a_full_pipe_or_socket_is_not_waited_for(void **state)
{
  (void)state;
  int ends[2][2];
  assert_int_equal(pipe(ends[0]), 0);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[1]), 0);
  for (int i = 0; i < 2; ++i) {
    take(ends[i][1]);
    fill(ends[i][1]);
    warn(4 + i);
    empty(ends[i][0]);
    memtrack_warning_write();
    give_back();
    assert_string_equal(read_all(ends[i][0]), line_of(4 + i));
  }
}

static void
nobody_reads(void **state)
{
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  take(ends[1]); // SIGPIPE would end this program
  warn(6);
  give_back();
  int closed = dup(STDERR_FILENO);
  close(STDERR_FILENO);
  warn(7);
  dup2(closed, STDERR_FILENO);
  int file = memfd_create("stderr", 0);
  take(file);
  memtrack_warning_write();
  give_back();
  lseek(file, 0, SEEK_SET);
  assert_non_null(strstr(read_all(file), line_of(6)));
  assert_non_null(strstr(text, line_of(7)));
  close(file);
}

static void
a_hook_keeps_the_others_and_the_task_thread_writes_them_in_their_order(void **state)
{
  (void)state;
  int file     = memfd_create("stderr", 0);
  char all[20] = "";
  take(file);
  for (uint64_t size = 8; size < 40; ++size) {
    memtrack_warning_put(MEMTRACK_WARNING_OVERRUN, 0, size);
  }
  assert_int_equal(lseek(file, 0, SEEK_END), 0);
  memtrack_warning_write();
  memtrack_warning_write();
  give_back();
  lseek(file, 0, SEEK_SET);
  const char *at = read_all(file);
  for (uint64_t size = 8; size <= 20; ++size) {
    snprintf(all, sizeof(all), "block of %lu ", size);
    at = strstr(at, all);
    assert_non_null(at);
  }
  assert_null(strstr(at + 1, "memtrack"));
  close(file);
}

static int
open_all(void **state)
{
  (void)state;
  open_accounting(64);
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_line_that_can_be_written_at_once_is),
    cmocka_unit_test(a_full_pipe_or_socket_is_not_waited_for),
    cmocka_unit_test(nobody_reads),
    cmocka_unit_test(a_hook_keeps_the_others_and_the_task_thread_writes_them_in_their_order),
  };
  return cmocka_run_group_tests(tests, open_all, NULL);
}
