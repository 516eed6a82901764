/* SPDX-License-Identifier: Apache-2.0
 * Not a plugin: a C++ library that late_loader.so loads while it runs. */
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
