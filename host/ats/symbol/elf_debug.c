/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/elf_debug.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "core_abi.h"
#include "symbol/elfutils.h"
#include "symbol/place_text.h"

/* An old-style compressed section has an old-style name. */
static bool
has_debug_information(Elf *elf)
{
  GElf_Shdr header;
  return (memtrack_elf_section(elf, SHT_PROGBITS, ".debug_info", &header) ||
          memtrack_elf_section(elf, SHT_PROGBITS, ".zdebug_info", &header)) &&
         header.sh_size > 0;
}

/* The checksum of .gnu_debuglink: CRC-32 of the whole file. */
static bool
file_crc(int fd, uint32_t *crc)
{
  unsigned char *chunk = malloc(MEMTRACK_QUESTION_MAX);
  ssize_t length       = -1;
  off_t at             = 0;
  *crc                 = 0;
  while (chunk && (length = pread(fd, chunk, MEMTRACK_QUESTION_MAX, at)) > 0) {
    *crc = memtrack_checksum(*crc, chunk, length);
    at += length;
  }
  free(chunk);
  return length == 0;
}

static bool
open_path(struct memtrack_elf *file, const char *path, enum memtrack_elf_kind kind)
{
  /* Opening a FIFO must not block. */
  int fd = memtrack_limit_descriptor(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return fd >= 0 && !memtrack_elf_open(file, fd, kind);
}

/* Opens `path` as the debug information of `elf`: if both have a build id they must be equal, otherwise the CRC must match. */
static bool
open_debug(struct memtrack_elf *debug, const char *path, Elf *elf, bool has_crc, uint32_t crc)
{
  const void *wanted, *found;
  uint32_t sum;
  if (!open_path(debug, path, MEMTRACK_ELF_MODULE)) {
    return false;
  }
  ssize_t length       = elfutils->dwelf_elf_gnu_build_id(elf, &wanted);
  ssize_t found_length = elfutils->dwelf_elf_gnu_build_id(debug->elf, &found);
  bool is_same         = length > 0 && found_length > 0 ? length == found_length && memcmp(wanted, found, length) == 0
                                                        : has_crc && file_crc(debug->fd, &sum) && sum == crc;
  if (!is_same || !has_debug_information(debug->elf)) {
    memtrack_elf_close(debug);
    return false;
  }
  return true;
}

/* Path of the file with this build id. Returns false for an invalid build id. */
static bool
path_of_id(char path[PATH_MAX], const unsigned char *id, ssize_t length, const char *root)
{
  char below[160];
  memtrack_debug_path(id, length > 0 ? length : 0, below, sizeof(below));
  return below[0] && snprintf(path, PATH_MAX, "%s/%s", root, below) < PATH_MAX;
}

static bool
find_by_build_id(struct memtrack_elf *debug, Elf *elf, const char *root)
{
  char path[PATH_MAX];
  const unsigned char *id = NULL;
  ssize_t length          = elfutils->dwelf_elf_gnu_build_id(elf, (const void **)&id);
  return path_of_id(path, id, length, root) && open_debug(debug, path, elf, false, 0);
}

static bool
find_by_debuglink(struct memtrack_elf *debug, Elf *elf, const char *module, const char *root)
{
  char path[PATH_MAX], folder[PATH_MAX];
  GElf_Word crc;
  const char *name = elfutils->dwelf_elf_gnu_debuglink(elf, &crc);
  if (!name || strchr(name, '/') || !realpath(module, folder)) {
    return false;
  }
  *strrchr(folder, '/') = '\0';
  const struct {
    const char *root, *sub;
  } places[] = {{"", ""}, {"", "/.debug"}, {root, ""}};
  for (size_t i = 0; i < sizeof(places) / sizeof(*places); ++i) {
    int length = snprintf(path, sizeof(path), "%s%s%s/%s", places[i].root, folder, places[i].sub, name);
    if (length < PATH_MAX && open_debug(debug, path, elf, true, crc)) {
      return true;
    }
  }
  return false;
}

bool
memtrack_elf_find_debug(struct memtrack_elf *debug, Elf *elf, const char *path, const char *root)
{
  *debug = (struct memtrack_elf){.fd = -1};
  return !has_debug_information(elf) && (find_by_build_id(debug, elf, root) || find_by_debuglink(debug, elf, path, root));
}

static bool
open_shared(struct memtrack_elf *shared, const char *path, const unsigned char *id, size_t length)
{
  const void *found;
  if (!open_path(shared, path, MEMTRACK_ELF_SHARED)) {
    return false;
  }
  if (elfutils->dwelf_elf_gnu_build_id(shared->elf, &found) != (ssize_t)length || memcmp(found, id, length) != 0) {
    memtrack_elf_close(shared);
    return false;
  }
  return true;
}

/* Path of an open file's folder. Returns false if there is none. */
static bool
folder_of(int fd, char folder[PATH_MAX])
{
  char link[64];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t length                  = readlink(link, folder, PATH_MAX - 1);
  folder[length > 0 ? length : 0] = '\0';
  char *slash                     = strrchr(folder, '/');
  if (slash) {
    *slash = '\0';
  }
  return slash != NULL;
}

bool
memtrack_elf_find_shared(struct memtrack_elf *shared, const struct memtrack_elf *from, const char *name, const unsigned char *id,
                         size_t length, const char *root)
{
  char path[PATH_MAX], folder[PATH_MAX];
  *shared = (struct memtrack_elf){.fd = -1};
  if (path_of_id(path, id, (ssize_t)length, root) && open_shared(shared, path, id, length)) {
    return true;
  }
  if (name[0] == '/') {
    return open_shared(shared, name, id, length);
  }
  return folder_of(from->fd, folder) && snprintf(path, sizeof(path), "%s/%s", folder, name) < PATH_MAX &&
         open_shared(shared, path, id, length);
}
