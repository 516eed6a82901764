/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* System calls are made by number: the C library's functions of these names end a thread that was cancelled. */

#define PIECES 1024  /* of one call: UIO_MAXIOV */
#define PAGE   4096u /* pages are not smaller, and a pipe takes at least one */

/* The number of readable bytes from the start, at most `size`; -1 with errno if this reader cannot tell. */
typedef ssize_t (*reader)(uintptr_t from, char *to, size_t size);

static ssize_t
copy(const struct iovec *from, uint32_t count, char *to, size_t size)
{
  struct iovec target = {.iov_base = to, .iov_len = size};
  return syscall(SYS_process_vm_writev, getpid(), from, (unsigned long)count, &target, 1ul, 0ul);
}

static ssize_t
read_by_call(uintptr_t from, char *to, size_t size)
{
  struct iovec source = {.iov_base = (void *)from, .iov_len = size};
  ssize_t count       = copy(&source, 1, to, size);
  return count < 0 && errno == EFAULT ? 0 : count;
}

/* A part of a page, by an empty pipe. */
static ssize_t
pass_through(const int ends[2], uintptr_t from, char *to, size_t size)
{
  ssize_t written = syscall(SYS_write, ends[1], from, size);
  if (written < 0) {
    return errno == EFAULT ? 0 : -1;
  }
  return syscall(SYS_read, ends[0], to, written);
}

/* Neither call waits, because the pipe is not full, and not empty. In pieces, because a write that begins in readable memory and
   leaves it may write nothing. */
static ssize_t
read_by_pipe(uintptr_t from, char *to, size_t size)
{
  int ends[2];
  size_t done = 0;
  if (syscall(SYS_pipe2, ends, O_CLOEXEC | O_NONBLOCK)) {
    return -1;
  }
  ssize_t count = 0;
  while (done < size) {
    size_t left = size - done, piece = PAGE - (from + done) % PAGE;
    piece = piece < left ? piece : left;
    count = pass_through(ends, from + done, to + done, piece);
    done += count > 0 ? count : 0;
    if (count != (ssize_t)piece) {
      break;
    }
  }
  int error = errno;
  syscall(SYS_close, ends[0]);
  syscall(SYS_close, ends[1]);
  errno = error;
  return done == 0 && count < 0 ? -1 : (ssize_t)done;
}

static ssize_t
read_by_file(uintptr_t from, char *to, size_t size)
{
  int file = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return -1;
  }
  ssize_t count = syscall(SYS_pread64, file, to, size, from);
  /* EIO: unmapped; EINVAL: an address of the kernel. */
  count     = count < 0 && (errno == EIO || errno == EINVAL) ? 0 : count;
  int error = errno;
  syscall(SYS_close, file);
  errno = error;
  return count;
}

static const struct {
  const char *name;
  reader read;
} readers[] = {{"process_vm_writev", read_by_call}, {"pipe", read_by_pipe}, {"/proc/self/mem", read_by_file}};
enum { READERS = sizeof(readers) / sizeof(*readers) };

/* Before memtrack_peek_open(), the first. Afterwards constant. */
static bool works[READERS] = {true};

/* Whether a reader reads what is there, and nothing at an address where nothing can be. Else errno may say why not. */
static bool
is_right(reader read)
{
  static const char proof[] = "memtrack";
  char text[sizeof(proof)]  = "";
  errno                     = 0;
  return read((uintptr_t)proof, text, sizeof(text)) == sizeof(text) && memcmp(text, proof, sizeof(text)) == 0 &&
         read(UINTPTR_MAX - PAGE + 1, text, sizeof(text)) == 0;
}

int
memtrack_peek_open(struct memtrack_reason *reason)
{
  int errors[READERS];
  for (int i = 0; i < READERS; ++i) {
    works[i]  = is_right(readers[i].read);
    errors[i] = errno ? errno : EIO;
  }
  if (memtrack_peek_works()) {
    return 0;
  }
  return memtrack_reason_set(reason, "no way to read memory that may be unmapped: %s: %s, %s: %s, %s: %s", readers[0].name,
                             strerror(errors[0]), readers[1].name, strerror(errors[1]), readers[2].name, strerror(errors[2]));
}

const char *
memtrack_peek_reader(void)
{
  for (int i = 0; i < READERS; ++i) {
    if (works[i]) {
      return readers[i].name;
    }
  }
  return "none";
}

bool
memtrack_peek_works(void)
{
  return works[0] || works[1] || works[2];
}

size_t
memtrack_peek(uintptr_t from, void *to, size_t size)
{
  int error     = errno;
  ssize_t count = -1;
  for (int i = 0; i < READERS && count < 0; ++i) {
    count = works[i] ? readers[i].read(from, to, size) : -1;
  }
  errno = error;
  return count < 0 ? 0 : count;
}

/* Reads as many as one call can. Returns how many it read from the first on; -1 if the call cannot tell, as where any of them is an
   address of the kernel. */
static ssize_t
read_some(const uint64_t *from, uint32_t count, char *to, size_t size)
{
  struct iovec sources[PIECES];
  count = count < PIECES ? count : PIECES;
  for (uint32_t i = 0; i < count; ++i) {
    sources[i] = (struct iovec){.iov_base = (void *)(uintptr_t)from[i], .iov_len = size};
  }
  ssize_t read = copy(sources, count, to, count * size);
  return read < 0 ? -1 : read / (ssize_t)size;
}

void
memtrack_peek_many(const uint64_t *from, uint32_t count, void *to, size_t size, bool *good)
{
  char *place = to;
  int error   = errno;
  for (uint32_t i = 0; i < count;) {
    ssize_t done = works[0] ? read_some(from + i, count - i, place + i * size, size) : -1;
    for (ssize_t k = 0; k < done; ++k) {
      good[i++] = true;
    }
    if (done < PIECES && i < count) { /* the next one could not be read, or not by this call */
      good[i] = done < 0 && memtrack_peek(from[i], place + i * size, size) == size;
      ++i;
    }
  }
  errno = error;
}

size_t
memtrack_peek_length(const char *text, size_t most)
{
  size_t length = 0;
  char piece[128]; /* of readable memory or not, as a whole: it does not cross pages */
  while (length < most) {
    uintptr_t at  = (uintptr_t)text + length;
    size_t wanted = sizeof(piece) - at % sizeof(piece);
    if (memtrack_peek(at, piece, wanted) != wanted) {
      break;
    }
    size_t found = strnlen(piece, wanted);
    length += found;
    if (found < wanted) {
      break;
    }
  }
  return length < most ? length : most;
}
