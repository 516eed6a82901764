/* SPDX-License-Identifier: Apache-2.0 */
#include "dump/output.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ask.h"

/* The group may read it: in Debian, logs are for the group adm. */
#define MODE 0640

static memtrack_text_record record;
static const char *log_folder_symbol;
static char path[MEMTRACK_ANSWER_MAX + 1];
static uint32_t state = MEMTRACK_OUTPUT_NONE; /* OUTPUT_USABLE if there is a path, else the reason */

/* Asks the server's function: proxy.config.log.logfile_dir can be relative, and is empty in a run root. "" without that function.
 */
static std::string
log_folder()
{
  std::string (*tell)();
  *(void **)&tell = log_folder_symbol ? dlsym(RTLD_DEFAULT, log_folder_symbol) : nullptr;
  return tell ? tell() : std::string();
}

static void
notice(uint32_t what, const char *reason)
{
  memtrack_answer answer;
  uint32_t lengths[] = {(uint32_t)strlen(record.value), (uint32_t)strlen(path), (uint32_t)strlen(reason)};
  memtrack_ask(&answer, {{record.value, lengths[0]}, {path, lengths[1]}, {reason, lengths[2]}},
               [=](memtrack_core *core) { return memtrack_call(core, outputNotice, what, lengths[0], lengths[1], lengths[2]); });
  memtrack_answer_log(&answer);
}

static uint32_t
state_of_error(int error)
{
  switch (error) {
  case ENOENT:
  case ENOTDIR:
    return MEMTRACK_OUTPUT_MISSING;
  case EACCES:
  case EPERM:
  case EROFS:
    return MEMTRACK_OUTPUT_DENIED;
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    return MEMTRACK_OUTPUT_FULL;
  case EISDIR:
    return MEMTRACK_OUTPUT_FOLDER;
  case ENAMETOOLONG:
    return MEMTRACK_OUTPUT_LONG;
  default:
    return MEMTRACK_OUTPUT_FAILED;
  }
}

/* Logs why the file is not used, with the system's reason if there is one. Returns -1. */
static int
refuse(uint32_t what, int error)
{
  bool told = what >= MEMTRACK_OUTPUT_MISSING;
  notice(what, told ? strerror(error) : "");
  return -1;
}

/* Opens the file, and creates it if there is none. Returns -1 if it cannot be used; the reason has been logged. */
static int
open_file()
{
  struct stat status;
  /* Checked before it is opened: opening a device can have effects, and opening a FIFO unblocks its reader. */
  if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
    return refuse(S_ISLNK(status.st_mode)   ? MEMTRACK_OUTPUT_LINK
                  : S_ISDIR(status.st_mode) ? MEMTRACK_OUTPUT_FOLDER
                                            : MEMTRACK_OUTPUT_SPECIAL,
                  0);
  }
  /* It may have been replaced since: do not follow a link, and do not wait for a FIFO's reader. */
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, MODE);
  if (fd < 0) {
    return refuse(state_of_error(errno), errno);
  }
  if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
    close(fd);
    return refuse(MEMTRACK_OUTPUT_SPECIAL, 0);
  }
  return fd;
}

/* Writes the whole text with one write(2). The file is open for appending, so lines of other writers come before or after the text.
   Returns 0 or an errno. `torn`: whether the last line before the text is incomplete; and after it. */
static int
write_text(int fd, const uint8_t *text, size_t size, bool *torn)
{
  if (*torn && write(fd, "\n", 1) == 1) {
    *torn = false;
  }
  while (size) {
    ssize_t written = write(fd, text, size);
    if (written < 0 && errno != EINTR) {
      return errno;
    }
    if (written > 0) {
      text += written;
      size -= written;
      *torn = text[-1] != '\n';
    }
  }
  return 0;
}

/* Whether the file may grow to this size (LimitFSIZE= of a service). Writing beyond it ends the server with SIGXFSZ. */
static bool
fits(off_t end)
{
  struct rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_cur == RLIM_INFINITY || (rlim_t)end <= limit.rlim_cur;
}

/* Returns false if the text, or a part of it, is not in the file; the reason has been logged. */
static bool
write_file(const uint8_t *text, size_t size)
{
  struct stat status = {};
  int fd             = open_file();
  if (fd < 0) {
    return false;
  }
  /* The last line may be incomplete: the disk was full, or a server ended while it was writing. */
  bool torn = fstat(fd, &status) == 0 && status.st_size > 0;
  int error = fits(status.st_size + 1 + (off_t)size) ? write_text(fd, text, size, &torn) : EFBIG;
  close(fd);
  if (error) {
    refuse(state_of_error(error), error);
    return false;
  }
  notice(MEMTRACK_OUTPUT_USABLE, "");
  return true;
}

/* Computes the path and opens the file once, so that the operator who sets the record sees a problem at once. */
static void
apply()
{
  memtrack_answer answer;
  std::string folder = log_folder();
  uint32_t length    = strlen(record.value);
  bool asked         = memtrack_ask(&answer, {{record.value, length}, {folder.data(), folder.size()}},
                                    [&](memtrack_core *core) { return memtrack_call(core, outputPath, length, folder.size()); });
  memtrack_answer_copy(&answer, path, sizeof(path));
  state = asked ? answer.number : MEMTRACK_OUTPUT_NONE;
  if (state != MEMTRACK_OUTPUT_USABLE) {
    notice(state, "");
    return;
  }
  int fd = open_file();
  if (fd >= 0) {
    close(fd);
    notice(state, "");
  }
}

void
memtrack_output_open(memtrack_text_reader read, const char *name, const char *log_folder)
{
  record            = {read, name, {}};
  log_folder_symbol = log_folder;
}

void
memtrack_output_poll()
{
  if (memtrack_text_record_poll(&record)) {
    apply();
  }
}

int
memtrack_output_write(int fd, const uint8_t *text, size_t size)
{
  static bool torn; /* the last text on the descriptor ended within a line */
  memtrack_output_poll();
  if (state == MEMTRACK_OUTPUT_USABLE && write_file(text, size)) {
    return 0;
  }
  return write_text(fd, text, size, &torn);
}
