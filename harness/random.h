/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers for the C programs of tests and benchmarks: xorshift64*, so that a printed seed reproduces a run. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

static inline uint64_t
random_next(uint64_t *state)
{
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 0x2545f4914f6cdd1du;
}

#endif
