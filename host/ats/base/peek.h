/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads memory that may be unmapped: the kernel reports a failure instead of raising a signal. Used to inspect the server's
 * objects.
 */
#ifndef MEMTRACK_PEEK_H
#define MEMTRACK_PEEK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Copies `size` bytes. Returns the number of readable bytes from the start. init-only: a system call. */
static inline size_t
memtrack_peek(uintptr_t from, void *to, size_t size)
{
  struct iovec local  = {.iov_base = to, .iov_len = size};
  struct iovec remote = {.iov_base = (void *)from, .iov_len = size};
  ssize_t read        = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
  return read < 0 ? 0 : read;
}

#ifdef __cplusplus
}
#endif

#endif
