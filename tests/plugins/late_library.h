/* SPDX-License-Identifier: Apache-2.0
 * Interface between late_loader.so and the library that it loads. */
#ifndef LATE_LIBRARY_H
#define LATE_LIBRARY_H

/* Eight bytes more are another size class of other allocators. */
struct LateThing {
  char body[80];
};

#endif
