/* SPDX-License-Identifier: Apache-2.0
 * Throws and catches within its handler, through frames that own memory. */
#include <stdexcept>
#include <string>
#include <vector>
#include "corpus.h"

namespace
{
CORPUS_NOINLINE void
deeper(int depth, const std::string &text)
{
  std::vector<char> held(1000 + depth); // SITE deeper: heap +6 -6 =0
  if (depth == 0) {
    throw std::runtime_error("thrown with a text that is allocated: " + text);
  }
  std::string longer = text + " and a frame more";
  deeper(depth - 1, longer);
  CORPUS_KEEP(held.data());
}

CORPUS_NOINLINE void
behave(TSHttpTxn)
{
  std::string caught;
  try {
    deeper(5, "where the stack begins");
  } catch (const std::exception &exception) {
    caught = exception.what();
  }
  TSReleaseAssert(caught.size() > 100);
}
} // namespace

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
