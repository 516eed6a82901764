// SPDX-License-Identifier: Apache-2.0
//
// Variants that an IOBuffer event is compared with, in their own module and called through a pointer like the others:
//
//   nothing    an empty function: what the driver itself costs
//   counter    a thread-local counter: the limit
//   by hand    the same table as the core's, written in C without Wasm: key (place, detail), u16 index at most half full,
//              48-byte records, a shard per thread, a seqlock for readers, bind on first sight, (other) once the registry is full.
//              Left out: traps, which it cannot have, and what happens at a thread's end and in a dump.
#ifndef VARIANTS_H
#define VARIANTS_H

#include <stdint.h>

typedef void (*event_function)(const char *location, int64_t size);

void nothing_event(const char *location, int64_t size);
void counter_event(const char *location, int64_t size);
void by_hand_event(const char *location, int64_t size);

// Opens the hand-written table for `sites`, once per program; and returns its number of events.
void by_hand_open(uint32_t sites);
uint64_t by_hand_total(void);

#endif
