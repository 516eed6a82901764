/* SPDX-License-Identifier: Apache-2.0
 * Interface between late_loader.so and the library that it loads. */
#ifndef LATE_LIBRARY_H
#define LATE_LIBRARY_H

struct LateThing {
  char body[72];
};

#endif
