/* SPDX-License-Identifier: Apache-2.0
 *
 * Factor for multiplicative hashing: 2^64 divided by the golden ratio, and odd. The upper bits of the product spread best, even for
 * addresses at regular distances. (Knuth, TAOCP 3, section 6.4.)
 */
#ifndef MEMTRACK_HASH_H
#define MEMTRACK_HASH_H

#include <stdint.h>

#define MEMTRACK_HASH_FACTOR 0x9e3779b97f4a7c15u

#endif
