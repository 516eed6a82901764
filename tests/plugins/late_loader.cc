/* SPDX-License-Identifier: Apache-2.0
 * Loads a C++ library itself, at the first transaction; the library then releases memory of the plugin, and allocates memory
 * that the plugin releases. */
#include <dlfcn.h>
#include <cstdlib>
#include <string>
#include "corpus.h"
#include "late_library.h"

CORPUS_NOINLINE static void *
load()
{
  Dl_info self;
  TSReleaseAssert(dladdr(reinterpret_cast<void *>(load), &self));
  std::string path(self.dli_fname);
  path.replace(path.rfind("late_loader"), std::string::npos, "late_library.so");
  return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
}

CORPUS_NOINLINE static void
behave(TSHttpTxn)
{
  static void *library = load();
  TSReleaseAssert(library);
  auto make    = reinterpret_cast<LateThing *(*)()>(dlsym(library, "late_make"));
  auto destroy = reinterpret_cast<void (*)(LateThing *)>(dlsym(library, "late_destroy"));
  destroy(CORPUS_LAUNDER(new LateThing));
  delete CORPUS_LAUNDER(make());
  auto take = reinterpret_cast<void *(*)()>(dlsym(library, "late_take"));
  auto give = reinterpret_cast<void (*)(void *)>(dlsym(library, "late_give"));
  give(CORPUS_LAUNDER(malloc(50)));
  free(CORPUS_LAUNDER(take()));
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
