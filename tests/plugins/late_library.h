/* SPDX-License-Identifier: Apache-2.0
 * What late_loader.so and the library that it loads hand to each other. */
#ifndef LATE_LIBRARY_H
#define LATE_LIBRARY_H

struct LateThing {
  char body[72];
};

#endif
