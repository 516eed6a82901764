/* SPDX-License-Identifier: Apache-2.0
 * A std::map that gets another element in each transaction: a cache without a limit. */
#include <map>
#include <mutex>
#include "corpus.h"

namespace
{
std::mutex mutex;
std::map<int, int> cache;
static_assert(sizeof(std::_Rb_tree_node<std::pair<const int, int>>) == 40, "what the site below says");

CORPUS_NOINLINE void
behave(TSHttpTxn)
{
  std::lock_guard<std::mutex> lock(mutex);
  cache.emplace(static_cast<int>(cache.size()), 0); // SITE behave: heap +1 -0 =40
}
} // namespace

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
