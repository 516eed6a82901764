// SPDX-License-Identifier: Apache-2.0
//
// Reading memory that may be unmapped, by each of the three readers, with hostile addresses. The system calls of peek.c come here,
// where a sandbox can forbid them.
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/peek.h"

#define PAGE 4096u

// ---- the sandbox ----

static struct {
  int call, pipe, file; // errno of each; 0: allowed
} forbidden;

long __real_syscall(long, long, long, long, long, long, long);
long __wrap_syscall(long, long, long, long, long, long, long);

static bool
forbids(int error)
{
  errno = error ? error : errno;
  return error != 0;
}

long
__wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
  int error = number == SYS_process_vm_writev ? forbidden.call
              : number == SYS_pipe2           ? forbidden.pipe
              : number == SYS_openat          ? forbidden.file
                                              : 0;
  return forbids(error) ? -1 : __real_syscall(number, a, b, c, d, e, f);
}

static int
leave_only(const char *reader)
{
  forbidden.call = strcmp(reader, "process_vm_writev") ? EPERM : 0;
  forbidden.pipe = strcmp(reader, "pipe") ? ENOSYS : 0;
  forbidden.file = strcmp(reader, "/proc/self/mem") ? ENOENT : 0;
  return memtrack_peek_open(NULL);
}

static int
allow_all(void **state)
{
  (void)state;
  memset(&forbidden, 0, sizeof(forbidden));
  return memtrack_peek_open(NULL);
}

// ---- memory ----

// Three pages; what follows is unmapped.
static char *pages;

static int
map_pages(void **state)
{
  (void)state;
  pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || munmap(pages + 3 * PAGE, PAGE)) {
    return -1;
  }
  for (size_t i = 0; i < 3 * PAGE; ++i) {
    pages[i] = (char)('a' + i % 23);
  }
  return 0;
}

static unsigned
open_descriptors(void)
{
  unsigned count = 0;
  for (int fd = 0; fd < 256; ++fd) {
    count += fcntl(fd, F_GETFD) >= 0;
  }
  return count;
}

static size_t
peek(const char *from, size_t size)
{
  static char to[5 * PAGE];
  memset(to, 'X', sizeof(to));
  errno        = 77; // as in a hook, which keeps it
  size_t count = memtrack_peek((uintptr_t)from, to, size);
  assert_int_equal(errno, 77);
  assert_true(count <= size);
  assert_memory_equal(to, from, count);
  for (size_t i = size; i < sizeof(to); ++i) {
    assert_true(to[i] == 'X');
  }
  return count;
}

static void
read_all(const char *reader)
{
  if (leave_only(reader)) {
    print_message("%s: not available here\n", reader);
    return;
  }
  assert_string_equal(memtrack_peek_reader(), reader);
  unsigned before = open_descriptors();
  char *end       = pages + 3 * PAGE;
  assert_int_equal(peek(pages, 0), 0);
  assert_int_equal(peek(end, 0), 0);
  assert_int_equal(peek(NULL, 0), 0);
  for (size_t size = 1; size < 3 * PAGE; size = size * 2 + 1) {
    assert_int_equal(peek(pages + 5, size), size);
    assert_int_equal(peek(end - size, size), size);
    assert_int_equal(peek(end - size, size + 1), size); // up to the end of readable memory
    assert_int_equal(peek(end - size, 2 * PAGE + 5), size < 2 * PAGE + 5 ? size : 2 * PAGE + 5);
  }
  char byte;
  uintptr_t nowhere[] = {
    0, 1, 8, PAGE - 1, (uintptr_t)end, (uintptr_t)end + 1, (uintptr_t)1 << 47, (uintptr_t)1 << 63, -(uintptr_t)PAGE, UINTPTR_MAX};
  for (size_t i = 0; i < sizeof(nowhere) / sizeof(*nowhere); ++i) {
    assert_int_equal(memtrack_peek(nowhere[i], &byte, 1), 0);
    assert_int_equal(memtrack_peek_length((const char *)nowhere[i], 65536), 0);
  }
  assert_int_equal(memtrack_peek_length("text", 65536), 4);
  assert_int_equal(memtrack_peek_length("text", 4), 4);
  assert_int_equal(memtrack_peek_length("text", 3), 3);
  assert_int_equal(memtrack_peek_length("text", 0), 0);
  assert_int_equal(memtrack_peek_length("", SIZE_MAX), 0);
  assert_int_equal(memtrack_peek_length(pages, SIZE_MAX), 3 * PAGE); // without an end
  assert_int_equal(memtrack_peek_length(end - 129, SIZE_MAX), 129);
  assert_int_equal(memtrack_peek_length(end - 1, SIZE_MAX), 1);
  assert_int_equal(open_descriptors(), before);
}

static void
process_vm_writev_reads_what_is_there(void **state)
{
  (void)state;
  read_all("process_vm_writev");
}

static void
a_pipe_reads_what_is_there(void **state)
{
  (void)state;
  read_all("pipe");
}

static void
the_file_reads_what_is_there(void **state)
{
  (void)state;
  read_all("/proc/self/mem");
}

static void
without_a_reader_nothing_is_readable(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  char byte = 'X';
  assert_int_equal(leave_only("none"), -1);
  assert_int_equal(memtrack_peek_open(&reason), -1);
  assert_string_equal(reason.text, "no way to read memory that may be unmapped: process_vm_writev: Operation not permitted, pipe: "
                                   "Function not implemented, /proc/self/mem: No such file or directory");
  assert_string_equal(memtrack_peek_reader(), "none");
  assert_false(memtrack_peek_works());
  assert_int_equal(memtrack_peek((uintptr_t) "text", &byte, 1), 0);
  assert_int_equal(memtrack_peek_length("text", 4), 0);
  assert_int_equal(byte, 'X');
}

static void
a_reader_that_fails_later_is_passed_over(void **state)
{
  (void)state;
  forbidden.call = ENOSYS;
  assert_int_equal(memtrack_peek_open(NULL), 0);
  assert_string_equal(memtrack_peek_reader(), "pipe");
  forbidden.pipe = EMFILE;
  assert_int_equal(memtrack_peek_length("text", 65536), 4);
  forbidden.file = EMFILE;
  assert_int_equal(memtrack_peek_length("text", 65536), 0);
  forbidden.pipe = 0;
  assert_int_equal(memtrack_peek_length("text", 65536), 4);
}

// ---- threads, signals, children ----

static bool stop;

static void *
read_on_and_on(void *own)
{
  char text[PAGE + 50], copy[sizeof(text)];
  memset(text, *(char *)own, sizeof(text));
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    assert_int_equal(memtrack_peek((uintptr_t)text, copy, sizeof(copy)), sizeof(copy));
    assert_memory_equal(copy, text, sizeof(copy));
  }
  return own;
}

static void
on_signal(int number)
{
  char copy[8];
  (void)number;
  if (memtrack_peek((uintptr_t) "signals", copy, 8) != 8 || strcmp(copy, "signals") != 0) {
    abort();
  }
}

// While four threads read, one of which is interrupted by signals that read too, children are forked that read.
static void
readers_of_one_process_and_its_children_do_not_mix(void **state)
{
  (void)state;
  char own[4] = {'1', '2', '3', '4'};
  pthread_t threads[4];
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  assert_int_equal(leave_only("pipe"), 0);
  for (int i = 0; i < 4; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, read_on_and_on, &own[i]), 0);
  }
  for (int i = 0; i < 40; ++i) {
    pthread_kill(threads[0], SIGUSR1);
    pid_t child = fork();
    if (child == 0) {
      char copy[9] = "";
      bool right   = memtrack_peek((uintptr_t) "children", copy, 9) == 9 && strcmp(copy, "children") == 0;
      _exit(right ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  }
  __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
  }
}

/* More addresses than a call takes, some of them not readable, by each reader. */
static void
many_are_read_and_those_that_cannot_be_are_told(void **state)
{
  (void)state;
  enum { MANY = 3000 };
  static uint64_t words[MANY], from[MANY], copies[MANY];
  static bool good[MANY];
  const char *const names[] = {"process_vm_writev", "pipe", "/proc/self/mem"};
  for (int reader = 0; reader < 3; ++reader) {
    if (leave_only(names[reader])) {
      continue;
    }
    for (uint64_t i = 0; i < MANY; ++i) {
      words[i] = i * i + reader;
      from[i]  = i % 7 == 3 ? i : i % 1100 == 0 ? UINTPTR_MAX - 4 : (uintptr_t)&words[MANY - 1 - i];
      good[i]  = i % 2;
    }
    memtrack_peek_many(from, MANY, copies, sizeof(*copies), good);
    for (uint64_t i = 0; i < MANY; ++i) {
      assert_int_equal(good[i], i % 7 != 3 && i % 1100 != 0);
      if (good[i]) {
        assert_int_equal(copies[i], words[MANY - 1 - i]);
      }
    }
  }
  memtrack_peek_many(from, 0, copies, sizeof(*copies), good);
}

static bool was_cancelled;

static void
note_end(void *nothing)
{
  (void)nothing;
  was_cancelled = true;
}

static void *
cancel_and_read(void *nothing)
{
  char copy[8];
  pthread_cleanup_push(note_end, NULL);
  pthread_cancel(pthread_self());
  memtrack_peek((uintptr_t) "cancels", copy, 8);
  pthread_cleanup_pop(false);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  return nothing;
}

static void
no_reader_is_a_cancellation_point(void **state)
{
  (void)state;
  const char *const names[] = {"process_vm_writev", "pipe", "/proc/self/mem"};
  for (int i = 0; i < 3; ++i) {
    pthread_t thread;
    if (leave_only(names[i]) == 0) {
      assert_int_equal(pthread_create(&thread, NULL, cancel_and_read, NULL), 0);
      pthread_join(thread, NULL);
      assert_false(was_cancelled);
    }
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(process_vm_writev_reads_what_is_there, allow_all),
    cmocka_unit_test_teardown(a_pipe_reads_what_is_there, allow_all),
    cmocka_unit_test_teardown(the_file_reads_what_is_there, allow_all),
    cmocka_unit_test_teardown(without_a_reader_nothing_is_readable, allow_all),
    cmocka_unit_test_teardown(a_reader_that_fails_later_is_passed_over, allow_all),
    cmocka_unit_test_teardown(readers_of_one_process_and_its_children_do_not_mix, allow_all),
    cmocka_unit_test_teardown(many_are_read_and_those_that_cannot_be_are_told, allow_all),
    cmocka_unit_test_teardown(no_reader_is_a_cancellation_point, allow_all),
  };
  return cmocka_run_group_tests(tests, map_pages, NULL);
}
