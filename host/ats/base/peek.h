/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads memory that may be unmapped: the kernel reports a failure instead of raising a signal. Used to inspect the server's
 * objects, and texts that the replaced function would not read.
 */
#ifndef MEMTRACK_PEEK_H
#define MEMTRACK_PEEK_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Copies `size` bytes. Returns the number of readable bytes from the start. hook-safe, but a system call: only for events that are
   rare. */
static inline size_t
memtrack_peek(uintptr_t from, void *to, size_t size)
{
  struct iovec local  = {.iov_base = to, .iov_len = size};
  struct iovec remote = {.iov_base = (void *)from, .iov_len = size};
  ssize_t read        = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
  return read < 0 ? 0 : read;
}

/* Length of a text that may be at any address, up to its end, `most` bytes, or the end of readable memory. If the system forbids
   the call, the text must be readable. hook-safe, like the above. */
static inline size_t
memtrack_peek_length(const char *text, size_t most)
{
  size_t length = 0;
  char piece[128]; /* of readable memory or not, as a whole: it does not cross pages */
  while (length < most) {
    uintptr_t at  = (uintptr_t)text + length;
    size_t wanted = sizeof(piece) - at % sizeof(piece);
    if (memtrack_peek(at, piece, wanted) != wanted) {
      return errno == EFAULT ? length : strnlen(text, most);
    }
    size_t found = strnlen(piece, wanted);
    length += found;
    if (found < wanted) {
      break;
    }
  }
  return length < most ? length : most;
}

#ifdef __cplusplus
}
#endif

#endif
