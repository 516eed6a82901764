/* SPDX-License-Identifier: Apache-2.0
 * Issue 10091: everything is allocated by one wrapper, which a profiler then names for each leak. The site is the wrapper's caller.
 */
#include "corpus.h"

CORPUS_NOINLINE static void *
quiche_memalign(size_t alignment, size_t size)
{
  void *block = NULL;
  return posix_memalign(&block, alignment, size) == 0 ? block : NULL;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  CORPUS_KEEP(quiche_memalign(64, 640)); // SITE behave: heap +1 -0 =640
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
