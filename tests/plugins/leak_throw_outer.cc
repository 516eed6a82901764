/* SPDX-License-Identifier: Apache-2.0
 * Calls a continuation of leak_throw_inner.so that throws, through the server's frames, and catches the exception. Its later
 * leaks are its own, although the other plugin's handler never returned. */
#include <stdexcept>
#include <openssl/crypto.h>
#include "corpus.h"

namespace
{
int arg = -1;

CORPUS_NOINLINE void
behave(TSHttpTxn txn)
{
  if (arg < 0 && TSUserArgIndexNameLookup(TS_USER_ARGS_GLB, "corpus throw", &arg, nullptr) != TS_SUCCESS) {
    return;
  }
  try {
    TSContCall(static_cast<TSCont>(TSUserArgGet(nullptr, arg)), TS_EVENT_NONE, txn);
    TSReleaseAssert(!"it throws");
  } catch (const std::runtime_error &error) {
    CORPUS_KEEP(TSstrdup(error.what())); // SITE behave: tsapi +1 -0 =7
    CORPUS_KEEP(OPENSSL_malloc(50));     // SITE behave: openssl +1 -0 =50
  }
}
} // namespace

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
