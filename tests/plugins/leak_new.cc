/* SPDX-License-Identifier: Apache-2.0
 * Leaks objects with operator new in all its forms. */
#include <new>
#include "corpus.h"

namespace
{
struct Thing {
  char body[120];
};

struct alignas(256) Aligned {
  char body[512];
};

CORPUS_NOINLINE void
behave(TSHttpTxn)
{
  CORPUS_KEEP(new Thing);                     // SITE behave: heap +1 -0 =120
  CORPUS_KEEP(new Thing[10]);                 // SITE behave: heap +1 -0 =1200
  CORPUS_KEEP(new (std::nothrow) Thing);      // SITE behave: heap +1 -0 =120
  CORPUS_KEEP(new (std::nothrow) Thing[3]);   // SITE behave: heap +1 -0 =360
  CORPUS_KEEP(new Aligned);                   // SITE behave: heap +1 -0 =512
  CORPUS_KEEP(new Aligned[2]);                // SITE behave: heap +1 -0 =1024
  CORPUS_KEEP(new (std::nothrow) Aligned);    // SITE behave: heap +1 -0 =512
  CORPUS_KEEP(new (std::nothrow) Aligned[4]); // SITE behave: heap +1 -0 =2048
}
} // namespace

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
