/* SPDX-License-Identifier: Apache-2.0
 * Leaks 16 bytes from each of 6,000 lines, more than memtrack has room for by default: an eighth of them per transaction, in turn.
 */
#include <stdatomic.h>
#include "corpus.h"

static void *volatile last;

#include "many_sites.h" // made by the Makefile: part_0() to part_7() of 750 lines each, and parts[]

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  static atomic_uint turn;
  (void)txn;
  parts[atomic_fetch_add(&turn, 1) % 8]();
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
