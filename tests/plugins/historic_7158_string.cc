/* SPDX-License-Identifier: Apache-2.0
 * Issues 7158, 7160 and 6986: an object with a std::string is made for each transaction and forgotten. */
#include <string>
#include "corpus.h"

namespace
{
struct Header {
  std::string value;
};

CORPUS_NOINLINE void
behave(TSHttpTxn)
{
  auto *header = new Header;                  // SITE behave: heap +1 -0 =32
  header->value.assign(std::size_t{99}, 'v'); // SITE behave: heap +1 -0 =100
  CORPUS_KEEP(header);
}
} // namespace

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
