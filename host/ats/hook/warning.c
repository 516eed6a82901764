/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/warning.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/registry.h"

#define WARNINGS_MAX 20

/* Each is used once, in the order of the events. */
enum state { EMPTY, KEPT, WRITTEN };
static struct warning {
  uint32_t state;
  enum memtrack_warning what;
  uint32_t birth;
  uint64_t size;
} warnings[WARNINGS_MAX];
static uint32_t count; /* of warnings, including those that have no place */

struct line {
  char text[450];
  int length;
};

static void
compose(struct line *line, const struct warning *warning)
{
  static const char *const formats[] = {
    [MEMTRACK_WARNING_TWICE]         = "released twice: a block of %" PRIu64 " bytes, last tracked at %s",
    [MEMTRACK_WARNING_TWICE_UNKNOWN] = "released twice: a block of %" PRIu64 " bytes of an unknown site",
    [MEMTRACK_WARNING_OVERRUN]       = "written past its end, or freed unseen and used again: a block of %" PRIu64 " bytes of %s",
  };
  char name[MEMTRACK_NAME_MAX + 1] = "", text[400];
  memtrack_registry_text(warning->birth >> MEMTRACK_EPOCH_BITS, name, sizeof(name));
  snprintf(text, sizeof(text), formats[warning->what], warning->size, name);
  line->length = snprintf(line->text, sizeof(line->text), "memtrack warning=\"%s\"\n", text);
}

/* Writes a line to standard error if that does not wait for whoever reads it. For a pipe or a terminal with room for the line, only
   a writer that fills it at this very moment could make this one wait. */
static MT_NOINLINE bool
write_at_once(const struct line *line)
{
  struct stat status;
  if (fstat(STDERR_FILENO, &status)) {
    return false;
  }
  if (S_ISSOCK(status.st_mode)) {
    return send(STDERR_FILENO, line->text, line->length, MSG_DONTWAIT | MSG_NOSIGNAL) == line->length;
  }
  if (!S_ISREG(status.st_mode)) {
    struct pollfd there = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&there, 1, 0) != 1 || there.revents != POLLOUT) {
      return false;
    }
  }
  return write(STDERR_FILENO, line->text, line->length) == line->length;
}

static void
put(const struct warning *warning, bool at_once)
{
  uint32_t number = memtrack_add(&count, 1);
  if (number >= WARNINGS_MAX) {
    return;
  }
  struct warning *kept = &warnings[number];
  uint32_t state       = KEPT;
  if (at_once) {
    int before = errno; /* preserved, as free() does */
    struct line line;
    compose(&line, warning);
    state = write_at_once(&line) ? WRITTEN : KEPT;
    errno = before;
  }
  kept->what  = warning->what;
  kept->birth = warning->birth;
  kept->size  = warning->size;
  memtrack_store_release(&kept->state, state);
}

void
memtrack_warning_put(enum memtrack_warning what, uint32_t birth, uint64_t size)
{
  put(&(struct warning){.what = what, .birth = birth, .size = size}, false);
}

void
memtrack_warning_now(enum memtrack_warning what, uint32_t birth, uint64_t size)
{
  put(&(struct warning){.what = what, .birth = birth, .size = size}, true);
}

void
memtrack_warning_write(void)
{
  static uint32_t next;
  for (; next < WARNINGS_MAX; ++next) {
    uint32_t state = memtrack_load_acquire(&warnings[next].state);
    if (state == EMPTY) {
      return; /* no more, or one that is being put */
    }
    if (state == KEPT) {
      struct line line;
      compose(&line, &warnings[next]);
      if (write(STDERR_FILENO, line.text, line.length) < 0 && errno == EAGAIN) {
        return; /* somebody made it non-blocking, and its reader is slow */
      }
    }
  }
}
