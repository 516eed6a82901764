/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "module/quiet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"

#define TASKS      "/proc/self/task"
#define WAIT_S     20ull
#define PAUSE_NS   (200L * MEMTRACK_NS_PER_US)
#define RUN_TICKS  2 /* of 10 ms: at least one whole tick */
#define GONE(code) ((code) == ENOENT || (code) == ESRCH)

struct thread {
  bool left;         /* sleeps in a system call, or has ended */
  unsigned long ran; /* ticks of processor time */
};

/* Returns 0, or -1 with errno. */
static int
look_at(const char *id, struct thread *thread)
{
  char path[64], text[512];
  snprintf(path, sizeof(path), TASKS "/%.20s/stat", id);
  int fd = memtrack_limit_descriptor(open(path, O_RDONLY | O_CLOEXEC));
  if (fd < 0) {
    thread->left = GONE(errno);
    return thread->left ? 0 : -1;
  }
  ssize_t size = read(fd, text, sizeof(text) - 1);
  int error    = errno;
  close(fd);
  if (size < 0) {
    thread->left = GONE(error);
    errno        = error;
    return thread->left ? 0 : -1;
  }
  text[size]        = '\0';
  const char *state = strrchr(text, ')'); /* before it is the name, which may contain anything */
  const char *times = state;
  for (int field = 2; times && field < 14; ++field) {
    times = strchr(times + 1, ' ');
  }
  if (!times || state[1] != ' ') {
    errno = EIO;
    return -1;
  }
  /* Not D: a thread may wait for the page that contains its next instruction. */
  thread->left = strchr("SZX", state[2]) != NULL;
  char *end;
  unsigned long user = strtoul(times, &end, 10);
  thread->ran        = user + strtoul(end, NULL, 10);
  return 0;
}

static int
wait_for(const char *id, uint64_t until, struct memtrack_reason *reason)
{
  struct thread first = {0}, now;
  int result          = look_at(id, &first);
  for (now = first; result == 0 && !now.left && now.ran < first.ran + RUN_TICKS; result = look_at(id, &now)) {
    if (memtrack_clock_ns() > until) {
      return memtrack_reason_set(reason, "thread %.20s got no processor for %llu s", id, WAIT_S);
    }
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
  }
  return result ? memtrack_reason_set(reason, "cannot read " TASKS "/%.20s/stat: %s", id, strerror(errno)) : 0;
}

int
memtrack_quiet_wait(struct memtrack_reason *reason)
{
  char self[24];
  uint64_t until = memtrack_clock_ns() + WAIT_S * MEMTRACK_NS_PER_S;
  int result     = 0;
  DIR *tasks     = opendir(TASKS);
  memtrack_limit_descriptor(tasks ? 0 : -1);
  if (!tasks) {
    return memtrack_reason_set(reason, "cannot read " TASKS ": %s", strerror(errno));
  }
  snprintf(self, sizeof(self), "%d", (int)gettid());
  for (struct dirent *entry; result == 0 && (errno = 0, entry = readdir(tasks));) {
    if (entry->d_name[0] != '.' && strcmp(entry->d_name, self) != 0) {
      result = wait_for(entry->d_name, until, reason);
    }
  }
  if (result == 0 && errno) {
    result = memtrack_reason_set(reason, "cannot read " TASKS ": %s", strerror(errno));
  }
  closedir(tasks);
  return result;
}
