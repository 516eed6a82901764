/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads memory that may be unmapped: the kernel reports a failure instead of raising a signal. Used to inspect the server's
 * objects, and texts that the replaced function would not read.
 *
 * A sandbox may forbid a system call, so there are three readers. Each is tried at the start. Those that work are used in this
 * order: a later one only while the earlier ones fail for another reason than the address, for example because no descriptor is
 * left.
 *
 *   process_vm_writev  one call, from the process to itself
 *   pipe               write() to a pipe fails instead of reading unmapped memory; read() then returns what it wrote
 *   /proc/self/mem     pread(); it also reads memory without read permission
 *
 * The first writes into the buffer, of which the kernel pins the pages; process_vm_readv would pin those of the source, which
 * takes longer than to copy it.
 *
 * The second and the third open what they need in each call and close it again: it is shared with no other thread, signal handler
 * or forked process, so there is no lock, and nothing that a child could mix with its parent's.
 */
#ifndef MEMTRACK_PEEK_H
#define MEMTRACK_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tries each reader. Returns 0, or -1 with a reason if none works: then nothing is ever readable. init-only; may be repeated. */
int memtrack_peek_open(struct memtrack_reason *reason);

/* Name of the reader that is used: as in the table above, or "none". Any thread. */
const char *memtrack_peek_reader(void);

/* Whether any reader works. hook-safe. */
bool memtrack_peek_works(void);

/* Copies `size` bytes. Returns the number of readable bytes from the start; 0 also if the system does not let them be read.
   hook-safe: takes no lock, does not wait, keeps errno, is no cancellation point. Signal-safe, and works in a forked child. But it
   is 1 to 5 system calls for each 4 KiB: only for events that are rare. */
size_t memtrack_peek(uintptr_t from, void *to, size_t size);

/* Copies `size` bytes from each of several addresses, one copy after the other; `good` tells which could be read as a whole. By
   process_vm_writev it takes a call for each 1,024 addresses and two for each that cannot be read, by the other readers the calls
   of memtrack_peek() for each address. An address of the kernel costs two calls for each of up to 1,023 before it. Any thread. */
void memtrack_peek_many(const uint64_t *from, uint32_t count, void *to, size_t size, bool *good);

/* Length of a text that may be at any address, up to its end, `most` bytes, or the end of readable memory. hook-safe, like the
   above. */
size_t memtrack_peek_length(const char *text, size_t most);

#ifdef __cplusplus
}
#endif

#endif
