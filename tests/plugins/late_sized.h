/* SPDX-License-Identifier: Apache-2.0
 * Interface between late_sized.so and the library that it loads: objects that one makes and the other releases. Eight bytes more
 * than their sizes are another size class of jemalloc, tcmalloc and mimalloc. */
#ifndef LATE_SIZED_H
#define LATE_SIZED_H

#include <cstddef>

#define LATE_STRINGS 200 /* in the library's constructor */
#define LATE_ROUNDS  10

struct LateObject {
  char body[80];
};

struct LateElement {
  char body[24];
  ~LateElement() { body[0] = 0; } // so that delete[] has a size
};

struct alignas(64) LateAligned {
  char body[320];
};

struct alignas(64) LateAlignedElement {
  char body[128];
  ~LateAlignedElement() { body[0] = 0; }
};

struct LateBlocks {
  LateObject *object;
  LateElement *array; // of three
  LateAligned *aligned;
  LateAlignedElement *alignedArray; // of two
  void *plain;                      // of 80 bytes, from malloc()
  void *full;                       // of 80 bytes, from malloc(): all usable bytes are written
};

#endif
