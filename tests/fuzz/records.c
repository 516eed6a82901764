// SPDX-License-Identifier: Apache-2.0
//
// Records: values that the server passes, and a records.config or records.yaml of any bytes. Every value that memtrack uses is
// within its range.
#define _GNU_SOURCE
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "control/records.h"

static struct input rest;

static bool
read_any(const char *name, int64_t *value)
{
  CLAIM(strncmp(name, "proxy.config.", 13) == 0);
  if (take(&rest, 1) & 1) {
    return false;
  }
  *value = (int64_t)take(&rest, 8);
  return true;
}

static void
check_values(void)
{
  static const struct {
    uint32_t which;
    int64_t least, most;
  } ranges[] = {
    {MEMTRACK_SETTING_LEVEL, 0, 2},
    {MEMTRACK_SETTING_FREQUENCY, 0, UINT32_MAX}, // as the server reads it
    {MEMTRACK_SETTING_SITES, MEMTRACK_SITES_MIN, MEMTRACK_SITES_MAX},
    {MEMTRACK_SETTING_VERIFY, 0, 1},
    {MEMTRACK_SETTING_HEAP, 0, 1},
    {MEMTRACK_SETTING_INTERVAL, 0, 3600},
  };
  for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); ++i) {
    int64_t value = memtrack_setting_read(ranges[i].which, read_any);
    CLAIM(value >= ranges[i].least && value <= ranges[i].most);
  }
  memtrack_setting_set_level((int)take(&rest, 1) % 3);
}

static void
check_file(bool is_yaml)
{
  char path[64];
  static int fd = -1;
  if (fd < 0) {
    fd = memfd_create("records", 0);
  }
  CLAIM(ftruncate(fd, 0) == 0 && pwrite(fd, rest.at, rest.size, 0) == (ssize_t)rest.size);
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  unsigned lines = fuzz_lines;
  int bad        = is_yaml ? memtrack_records_check_yaml(path) : memtrack_records_check_file(path, read_any);
  CLAIM(bad >= 0 && fuzz_lines - lines == (unsigned)bad);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  rest          = (struct input){data, size};
  unsigned kind = (unsigned)take(&rest, 1);
  if (kind & 1) {
    check_file(kind & 4);
  } else {
    check_values();
  }
  return 0;
}
