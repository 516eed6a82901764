/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the process's own memory piece by piece into the window of the search instance. Other threads change and unmap it
 * meanwhile: a page that is gone ends a read with an error, not with a signal (base/peek.h).
 *
 * Pages that are not resident are passed over, so that a pass makes no memory resident: mincore() tells them, at once before the
 * read. A process that has pages in the swap is read as a whole, because mincore() calls them absent.
 *
 * A page that cannot be read is noted, unless it is mapped and not resident. If it is still mapped at the end of the pass and
 * cannot be read then either, the pass has not seen all memory, and proves nothing. (A page that is mapped, not resident and not
 * readable the process cannot read either.)
 *
 * Of one thread, the search's. None is hook-safe.
 */
#ifndef MEMTRACK_SEARCH_READER_H
#define MEMTRACK_SEARCH_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/own.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Most spans that are noted; with a further one the pass is not complete. */
#define MEMTRACK_UNREAD_MAX 4096u

struct memtrack_reader {
  uint8_t *window; /* MEMTRACK_PIECE bytes, and the margin */
  bool swapped;    /* the process has or had pages in the swap */
  uint32_t
    margin; /* bytes that are read behind a whole piece, if they are there: words may begin in the one and end in the other */
  /* What is in the window: so many bytes from this address. May throw. */
  void (*scan)(void *argument, uint64_t address, uint32_t length);
  void *argument;
  uint64_t bytes; /* read so far */
  struct memtrack_span unread[MEMTRACK_UNREAD_MAX];
  uint32_t unread_count;
  bool lost; /* more than could be noted */
};

/* Begins a pass. */
void memtrack_reader_begin(struct memtrack_reader *reader);

/* Reads a piece, and has each run of its pages scanned. */
void memtrack_reader_read(struct memtrack_reader *reader, struct memtrack_span piece);

/* Reads a page again that was noted. Returns false if that is not possible, though it is mapped and resident. */
bool memtrack_reader_retry(struct memtrack_reader *reader, uint64_t page);

#ifdef __cplusplus
}
#endif

#endif
