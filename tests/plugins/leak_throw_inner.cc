/* SPDX-License-Identifier: Apache-2.0
 * Offers a continuation to leak_throw_outer.so, which leaks and then throws. */
#include <stdexcept>
#include <openssl/crypto.h>
#include "corpus.h"

namespace
{
CORPUS_NOINLINE int
called(TSCont, TSEvent, void *)
{
  CORPUS_KEEP(OPENSSL_malloc(51)); // SITE called: openssl +1 -0 =51
  throw std::runtime_error("thrown");
}
} // namespace

CORPUS_EXPORT void
TSPluginInit(int, const char *[])
{
  int arg;
  corpus_register();
  TSReleaseAssert(TSUserArgIndexReserve(TS_USER_ARGS_GLB, "corpus throw", "one calls it", &arg) == TS_SUCCESS);
  TSUserArgSet(nullptr, arg, TSContCreate(called, nullptr)); // SITE TSPluginInit: TSCont +1 -0 once
}
