/* SPDX-License-Identifier: Apache-2.0
 *
 * Multiplicative hashing: 2^64 divided by the golden ratio, and odd. A product's upper bits spread best, even of addresses that lie
 * at regular distances. (Knuth, TAOCP 3, section 6.4.)
 */
#ifndef MEMTRACK_HASH_H
#define MEMTRACK_HASH_H

#include <stdint.h>

#define MEMTRACK_HASH_FACTOR 0x9e3779b97f4a7c15u

#endif
