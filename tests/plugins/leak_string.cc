/* SPDX-License-Identifier: Apache-2.0
 * A std::string that grows forever, by 100 characters per transaction. libstdc++ allocates, within append(). */
#include <mutex>
#include <string>
#include "corpus.h"

namespace
{
std::mutex mutex;
std::string grown;

CORPUS_NOINLINE void
behave(TSHttpTxn)
{
  static const char text[101] =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";
  std::lock_guard<std::mutex> lock(mutex);
  grown.append(text, 100); // SITE behave: heap grows
}
} // namespace

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
