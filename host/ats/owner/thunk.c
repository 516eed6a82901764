/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "owner/thunk.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "module/hold.h"
#include "module/segment.h"

/* Of data, in bytes: the first thunk of a piece holds the address of the entry of all of them. */
#define PIECE        4096u
#define PIECE_THUNKS (PIECE / sizeof(struct memtrack_thunk))

/* In thunk.S. */
extern const char memtrack_thunk_code[] MT_HIDDEN, memtrack_thunk_code_end[] MT_HIDDEN;
extern struct memtrack_thunk memtrack_thunk_data[] MT_HIDDEN;
extern memtrack_word memtrack_thunk_enter(memtrack_word, memtrack_word, memtrack_word, memtrack_word, memtrack_word,
                                          memtrack_word) MT_HIDDEN;
extern memtrack_word memtrack_thunk_enter_handler(memtrack_word, memtrack_word, memtrack_word, memtrack_word, memtrack_word,
                                                  memtrack_word) MT_HIDDEN;

/* A chunk is a copy of the code with its data. */
#define CHUNK_SIZE  ((size_t)(memtrack_thunk_code_end - memtrack_thunk_code))
#define CHUNK_COUNT (CHUNK_SIZE / sizeof(struct memtrack_thunk))
#define DISTANCE    ((size_t)((const char *)memtrack_thunk_data - memtrack_thunk_code)) /* from a thunk's code to its data */

static struct memtrack_thunk *chunk = memtrack_thunk_data; /* the newest */
static size_t used;                                        /* thunks of it, in whole pieces */

/* The piece from which the next thunk is taken, of functions and of handlers: its next thunk, and its end. */
static struct piece {
  struct memtrack_thunk *next, *end;
} pieces[2];

static int file = -1; /* memtrack.so's, from the start: it may be replaced later */
static off_t offset;  /* of the code in it */
static int open_error = ENOENT;

static int refused; /* errno of the last refusal, or CHANGED; 0: none */
#define CHANGED (-1)

static int
find_file(struct dl_phdr_info *info, size_t size, void *nothing)
{
  (void)size;
  (void)nothing;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    struct memtrack_segment segment;
    if (memtrack_segment_get(info, i, &segment) && (uintptr_t)memtrack_thunk_code - segment.from < segment.to - segment.from) {
      offset     = (off_t)(info->dlpi_phdr[i].p_offset + ((uintptr_t)memtrack_thunk_code - segment.from));
      file       = memtrack_limit_descriptor(open(memtrack_module_path(info->dlpi_name), O_RDONLY | O_CLOEXEC));
      open_error = file < 0 ? errno : 0;
      return 1;
    }
  }
  return 0;
}

void
memtrack_thunk_open(void)
{
  if (file < 0) {
    dl_iterate_phdr(find_file, NULL);
  }
}

/* Whether the file still has the code. Reads it instead of mapping it, because an access to a mapping beyond the end of a file
   raises a signal. `buffer` has PIECE bytes, which are zero afterwards. */
static bool
has_code(char *buffer)
{
  size_t at = 0;
  while (at < CHUNK_SIZE && pread(file, buffer, PIECE, offset + (off_t)at) == (ssize_t)PIECE &&
         memcmp(buffer, memtrack_thunk_code + at, PIECE) == 0) {
    at += PIECE;
  }
  memset(buffer, 0, PIECE);
  return at == CHUNK_SIZE;
}

/* Maps code and data into a reserved range. Returns 0, an errno, or CHANGED. */
static int
fill(char *range)
{
  char *data = range + DISTANCE;
  if (mmap(data, CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
    return errno;
  }
  if (!has_code(data)) {
    return CHANGED;
  }
  if (mmap(range, CHUNK_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file, offset) == MAP_FAILED) {
    return errno;
  }
  munmap(range + CHUNK_SIZE, DISTANCE - CHUNK_SIZE);
  chunk = (struct memtrack_thunk *)data;
  used  = 0;
  return 0;
}

/* Returns 0, an errno, or CHANGED. */
static int
map_chunk(void)
{
  size_t size = DISTANCE + CHUNK_SIZE;
  if (file < 0) {
    return open_error;
  }
  char *range = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) {
    return errno;
  }
  int error = fill(range);
  if (error) {
    munmap(range, size);
  }
  return error;
}

/* Begins a piece. Returns 0, an errno, or CHANGED. */
static int
begin_piece(struct piece *piece, memtrack_function entry)
{
  int error = used == CHUNK_COUNT ? map_chunk() : 0;
  if (error) {
    return error;
  }
  *piece = (struct piece){.next = chunk + used, .end = chunk + used + PIECE_THUNKS};
  used += PIECE_THUNKS;
  memtrack_store(&piece->next++->function, entry);
  return 0;
}

struct memtrack_thunk *
memtrack_thunk_take(bool handler)
{
  struct piece *piece = &pieces[handler];
  int error = piece->next == piece->end ? begin_piece(piece, handler ? memtrack_thunk_enter_handler : memtrack_thunk_enter) : 0;
  if (error) {
    memtrack_thunk_refuse(error);
    return NULL;
  }
  return piece->next++;
}

bool
memtrack_thunk_is_handler(const struct memtrack_thunk *thunk)
{
  const struct memtrack_thunk *first = (const struct memtrack_thunk *)((uintptr_t)thunk & ~(uintptr_t)(PIECE - 1));
  return memtrack_load(&first->function) == memtrack_thunk_enter_handler;
}

void
memtrack_thunk_refuse(int error)
{
  memtrack_store(&refused, error);
}

bool
memtrack_thunk_refused(void)
{
  return memtrack_load(&refused) != 0;
}

bool
memtrack_thunk_retry(struct memtrack_reason *reason)
{
  int error = memtrack_exchange_ordered(&refused, 0);
  if (error == CHANGED) {
    memtrack_reason_set(reason, "the file of memtrack.so has changed, or cannot be read");
  } else if (error == ENOMEM) {
    memtrack_reason_set(reason, "out of memory, or of mappings (vm.max_map_count)");
  } else if (error) {
    memtrack_reason_set(reason, "cannot %s the file of memtrack.so: %s", file < 0 ? "open" : "map", strerror(error));
  }
  return error != 0;
}

void *
memtrack_thunk_entry(const struct memtrack_thunk *thunk)
{
  return (char *)thunk - DISTANCE;
}
