/* SPDX-License-Identifier: Apache-2.0
 * Not a plugin: a C++ library that late_loader.so loads while it runs. */
#include <cstdlib>
#include "late_library.h"

extern "C" __attribute__((visibility("default"))) LateThing *
late_make()
{
  return new LateThing;
}

extern "C" __attribute__((visibility("default"))) void
late_destroy(LateThing *thing)
{
  delete thing; // tells operator delete the size
}

extern "C" __attribute__((visibility("default"))) void *
late_take()
{
  return malloc(40);
}

extern "C" __attribute__((visibility("default"))) void
late_give(void *block)
{
  free(block);
}
