/* SPDX-License-Identifier: Apache-2.0
 * A std::vector that grows forever, by 16 integers of 4 bytes per transaction. All of its code is in the plugin, inlined from
 * headers.
 */
#include <mutex>
#include <vector>
#include "corpus.h"

namespace
{
std::mutex mutex;
std::vector<int> grown;

CORPUS_NOINLINE void
behave(TSHttpTxn)
{
  std::lock_guard<std::mutex> lock(mutex);
  for (int i = 0; i < 16; ++i) {
    grown.push_back(i); // SITE behave: heap grows
  }
}
} // namespace

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
