// SPDX-License-Identifier: Apache-2.0
//
// Shared by the programs: arguments, a clock, the sites of IOBuffer events and their order.
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../../harness/random.h"
#include "variants.h"

// Arguments have the form name=value. The command line must contain all arguments that the program asked for, and no others;
// arguments_done() checks that.
void arguments(int argc, char **argv);
uint64_t argument_number(const char *name);
const char *argument_word(const char *name);
void arguments_done(void);

// Prints an error, and ends the program.
void fail(const char *what) __attribute__((noreturn));

// Nanoseconds, CLOCK_MONOTONIC.
uint64_t now(void);

// Pins the calling thread to a core; a number beyond the last core is the last.
void pin(unsigned core);

// Resident memory of this process in bytes.
uint64_t resident(void);

// The C library's allocator called like libcrypto's: through a pointer, with a file and a line.
void *bare_allocate(size_t size, const char *file, int line);
void *bare_reallocate(void *block, size_t size, const char *file, int line);
void bare_release(void *block, const char *file, int line);

// The present target of the built-in's slots: the built-in tracker, or memtrack's hook after its installation.
event_function increment_now(void);

// The built-in's dump through its slot: the installation expects a slot of each.
void dump_builtin(FILE *file);

// The order of the sites: a transaction allocates four buffers, each for a different site if there are enough, and releases them.
// The order repeats after mask + 1 transactions.
struct sequence {
  uint32_t mask;
  uint32_t *places;
};

#define EVENT_SIZE         4096
#define TRANSACTION        4 // buffers
#define TRANSACTION_EVENTS (2 * TRANSACTION)

// Creates the texts of `sites` sites, at the same addresses in every run (for equal hashes), and a sequence over all of them.
void make_sequence(struct sequence *sequence, uint32_t sites);
const char *place_of(uint32_t site);

// Runs transactions, from number `from` of the sequence on.
void run_events(event_function event, const struct sequence *sequence, uint64_t from, uint64_t transactions);

#endif
