/* SPDX-License-Identifier: Apache-2.0
 * Permanently creates objects that its own library releases, with the operator delete that receives the size: whatever is
 * switched on meanwhile, each is released in the way it was allocated. The argument is the library's path. */
#include <dlfcn.h>
#include <unistd.h>

#include <vector>

#include "corpus.h"
#include "late_library.h"

static void (*destroy)(LateThing *);

static void *
churn(void *)
{
  for (;;) {
    std::vector<LateThing *> some;
    some.reserve(2000);
    for (int i = 0; i < 2000; ++i) {
      some.push_back(CORPUS_LAUNDER(new LateThing));
    }
    for (LateThing *thing : some) {
      destroy(thing);
    }
    usleep(100);
  }
  return nullptr;
}

extern "C" void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  TSReleaseAssert(argc == 2);
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  TSReleaseAssert(library);
  destroy = reinterpret_cast<void (*)(LateThing *)>(dlsym(library, "late_destroy"));
  TSThreadCreate(churn, nullptr);
  TSThreadCreate(churn, nullptr);
}
