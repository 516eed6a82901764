// SPDX-License-Identifier: Apache-2.0
// Closes everything that it opens: on another thread, by a pointer to the function, in the C++ library's destructor, after an
// exception; streams of the C++ library, too, which opens and closes them on the plugin's behalf.
#include <cstdio>
#include <fstream>
#include <memory>
#include <regex.h>
#include <stdexcept>
#include <thread>
#include <vector>
#include <dirent.h>
#include "corpus.h"

CORPUS_NOINLINE static void
close_elsewhere()
{
  FILE *file  = fopen("/dev/null", "r"); // SITE close_elsewhere: FILE +1 -1 =0
  DIR *folder = opendir("/");            // SITE close_elsewhere: DIR +1 -1 =0
  std::thread([=] {
    fclose(file);
    closedir(folder);
  }).join();
}

CORPUS_NOINLINE static void
close_by_pointer()
{
  int (*volatile close)(FILE *) = fclose;
  FILE *file                    = fopen("/dev/null", "r"); // SITE close_by_pointer: FILE +1 -1 =0
  close(file);
}

CORPUS_NOINLINE static void
close_in_library()
{
  std::ifstream file("/dev/zero"); // SITE close_in_library: FILE +1 -1 =0
  CORPUS_KEEP(&file);
  TSReleaseAssert(file.get() == 0);
}

CORPUS_NOINLINE static void
close_after_exception()
{
  struct Folder {
    DIR *folder = opendir("/");
    ~Folder() { closedir(folder); }
  };
  try {
    Folder folder; // SITE close_after_exception: DIR +1 -1 =0
    CORPUS_KEEP(&folder);
    throw std::runtime_error("on purpose");
  } catch (const std::runtime_error &) {
  }
}

CORPUS_NOINLINE static void
move_expressions()
{
  std::vector<regex_t> all;
  for (int i = 0; i < 5; ++i) {
    all.emplace_back();
    TSReleaseAssert(regcomp(&all.back(), "a.*b", 0) == 0); // SITE move_expressions: regex_t +5 -5 =0
  }
  for (regex_t &each : all) {
    regfree(&each);
  }
}

static void
behave(TSHttpTxn)
{
  close_elsewhere();
  close_by_pointer();
  close_in_library();
  close_after_exception();
  move_expressions();
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
