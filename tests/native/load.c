// SPDX-License-Identifier: Apache-2.0
//
// Loads a plugin like the server, with all its symbols at once, and calls its TSPluginInit a given number of times. On failure it
// exits with the server's status. By itself it has no plugin API; linked with server.cc it has the API of a server version that
// memtrack does not support.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char *argv[])
{
  void *handle                     = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
  void (*init)(int, const char **) = handle ? (void (*)(int, const char **))(uintptr_t)dlsym(handle, "TSPluginInit") : NULL;
  if (!init) {
    fprintf(stderr, "%s\n", argc == 3 ? dlerror() : "usage: load PLUGIN TIMES");
    return 70;
  }
  const char *line[] = {argv[1], "argument", NULL};
  for (int i = atoi(argv[2]); i > 0; --i) {
    init(2, line);
  }
  return 0;
}
