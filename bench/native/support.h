// SPDX-License-Identifier: Apache-2.0
//
// What the programs share: arguments, a clock, the sites of IOBuffer events and the order in which they are met.
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../../harness/random.h"
#include "variants.h"

// Arguments are name=value. Every one that the program asked for must be there, and no other: arguments_done() checks that.
void arguments(int argc, char **argv);
uint64_t argument_number(const char *name);
const char *argument_word(const char *name);
void arguments_done(void);

// Prints what went wrong, and ends the program.
void fail(const char *what) __attribute__((noreturn));

// Nanoseconds, CLOCK_MONOTONIC.
uint64_t now(void);

// Keeps the calling thread on a core; one that does not exist is the last.
void pin(unsigned core);

// Resident memory of this process, bytes.
uint64_t resident(void);

// The C library's allocator as libcrypto calls its own: through a pointer, with a file and a line.
void *bare_allocate(size_t size, const char *file, int line);
void *bare_reallocate(void *block, size_t size, const char *file, int line);
void bare_release(void *block, const char *file, int line);

// Where the built-in's slots lead at present: the built-in itself, or our hook once that is installed.
event_function increment_now(void);

// The built-in's dump, through its slot: the installation wants one of each.
void dump_builtin(FILE *file);

// The order in which sites are met: a transaction takes four buffers, each of another site where there are as many, and gives them
// back. The order repeats after mask + 1 transactions.
struct sequence {
  uint32_t mask;
  uint32_t *places;
};

#define EVENT_SIZE         4096
#define TRANSACTION        4 // buffers
#define TRANSACTION_EVENTS (2 * TRANSACTION)

// The texts of `sites` sites, at the same addresses in every run (so that hashes fall alike), and a sequence over all of them.
void make_sequence(struct sequence *sequence, uint32_t sites);
const char *place_of(uint32_t site);

// Transactions, from number `from` of the sequence on.
void run_events(event_function event, const struct sequence *sequence, uint64_t from, uint64_t transactions);

#endif
