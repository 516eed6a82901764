// SPDX-License-Identifier: Apache-2.0
//
// Shared by the tests of hooks with hostile arguments (hooks_*_test.c). A scenario calls a function in the ways that are allowed,
// and answers what the caller sees: results, errno, bytes. It runs with the plain function and with each hook of the function, in
// each state of the tracking, each time in a new thread, whose first event is among the calls. All answers must be equal.
#ifndef HOSTILE_H
#define HOSTILE_H

#include "support.h"

#include "base/compiler.h"
#include "module/slots.h"

// An address that no access survives, and a value of errno that no function sets.
#define POISON    ((void *)0xdeadbeefdeadbeefu)
#define UNTOUCHED 4711

#define FOR_EACH(index, list) for (size_t index = 0; (index) < sizeof(list) / sizeof(*(list)); ++(index))

typedef void (*function)(void); // of any type
typedef void (*scenario)(function tested);

// Adds to the answers of the running scenario.
void answer(const char *what, int64_t value);

// Calls the tested function, and answers errno.
#define WITH_ERRNO(call) \
  errno = UNTOUCHED;     \
  call;                  \
  answer("errno of " #call, errno)

// Releases a block as the caller of the tested function would: with the plain function, or with the hook of the same table.
void give_back(void *block);

// A block of `size` bytes as a function for it makes one: the C library's functions first, which the plain ones stand for, then
// hooks, which tag what they count. NULL is of the last kind.
#define KINDS 7
void *make_block(unsigned kind, size_t size);

// Memory of `size` bytes directly before a page that cannot be accessed, and directly after one; filled with a copy of `bytes`,
// or with 0x5a. Released when the scenario ends.
void *before_guard(const void *bytes, size_t size);
void *after_guard(const void *bytes, size_t size);

// Opens the accounting, the names of sites and the list of modules. A setup function of cmocka.
int open_hostile(void **state);

// A function of the process, whose declaration C does not have.
function plain_of(const char *symbol);

// The hook of a table; NULL if the table has none.
function hook_of(const struct memtrack_redirect *table, const char *symbol);

// Compares the scenario's answers for a function and its hooks in these tables, of which at least one has one. `tables` ends with
// NULL. give_back() uses the hook of `releases` in the same table.
void compare_hooks(const char *symbol, function plain, const char *releases, const struct memtrack_redirect *const *tables,
                   scenario run);

// Compares the answers of two functions.
void compare(function plain, function hook, scenario run);

// Same, for a scenario that ends the process with the plain function: the hook must end it in the same way. Runs in a child.
void compare_ends(function plain, function hook, scenario run);

// The scenario of dlclose, which has two hooks.
void close_modules(function tested);

// throws.cc: calls a function. Returns 0, or 1 if it threw std::bad_alloc; and std::set_new_handler().
int throws_bad_alloc(void (*body)(void *), void *data);
void set_new_handler(void (*handler)(void));

#endif
