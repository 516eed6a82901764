/* SPDX-License-Identifier: Apache-2.0
 * Closes a descriptor that is not its own: memtrack's, of its own file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "corpus.h"

void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc;
  (void)argv;
  corpus_register();
  for (int fd = 3; fd < 1024; ++fd) {
    char link[64], target[4096];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length                  = readlink(link, target, sizeof(target) - 1);
    target[length > 0 ? length : 0] = '\0';
    if (strstr(target, "/memtrack.so")) {
      close(fd);
    }
  }
}
