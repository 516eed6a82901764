/* SPDX-License-Identifier: Apache-2.0
 * Leaks behind functions that are inlined into one another, into a lambda in an algorithm of the C++ library, and into the handler:
 * a return address stands for all of them. Another caller of the same function forgets nothing.
 */
#include <algorithm>
#include "corpus.h"

#define INLINED inline __attribute__((always_inline))

static INLINED void *
make_item(size_t size)
{
  void *made = malloc(size); // SITE make_item: heap +4 -1 =300
  CORPUS_KEEP(made);
  return made;
}

static INLINED void
keep_item(size_t size)
{
  CORPUS_KEEP(make_item(size)); // call in keep_item
}

CORPUS_NOINLINE static void
forgets()
{
  keep_item(100); // call in forgets
  CORPUS_KEEP(nullptr);
}

CORPUS_NOINLINE static void
forgets_each()
{
  static const size_t sizes[] = {100, 100};
  const size_t *from = CORPUS_LAUNDER(&sizes[0]), *to = CORPUS_LAUNDER(&sizes[2]);
  std::for_each(from, to, [](size_t size) { // call in forgets_each
    keep_item(size);                        // call in forgets_each::{lambda}::operator()
  });
  CORPUS_KEEP(nullptr);
}

CORPUS_NOINLINE static void
remembers()
{
  void *mine = make_item(100); // call in remembers
  free(mine);
  CORPUS_KEEP(nullptr);
}

static INLINED void
behave(TSHttpTxn)
{
  forgets();      // forgets in behave
  forgets_each(); // forgets_each in behave
  remembers();    // remembers in behave
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
