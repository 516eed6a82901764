/* SPDX-License-Identifier: Apache-2.0
 * Balanced: operator new and delete in all their forms, and the containers. */
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>
#include "corpus.h"

namespace
{
struct Thing {
  virtual ~Thing() = default;
  char body[100];
};

struct alignas(128) Aligned {
  char body[256];
};

CORPUS_NOINLINE void
forms()
{
  Thing *thing = new Thing; // SITE forms: heap +1 -1 =0
  CORPUS_KEEP(thing);
  delete thing;
  thing = new Thing[5]; // SITE forms: heap +1 -1 =0
  CORPUS_KEEP(thing);
  delete[] thing;
  Aligned *aligned = new Aligned; // SITE forms: heap +1 -1 =0
  CORPUS_KEEP(aligned);
  delete aligned;
  aligned = new Aligned[3]; // SITE forms: heap +1 -1 =0
  CORPUS_KEEP(aligned);
  delete[] aligned;
  thing = new (std::nothrow) Thing; // SITE forms: heap +1 -1 =0
  CORPUS_KEEP(thing);
  delete thing;
}

CORPUS_NOINLINE void
containers()
{
  std::map<std::string, std::vector<int>> map;
  std::unordered_map<int, std::shared_ptr<Thing>> table;
  for (int i = 0; i < 20; ++i) {
    map["a key that does not fit into the string itself " + std::to_string(i)].assign(10 * i, i);
    table[i] = std::make_shared<Thing>();
  }
  std::ostringstream stream;
  for (const auto &[key, values] : map) {
    stream << key << values.size() << '\n';
  }
  std::string text                         = stream.str();
  std::function<size_t(std::string)> count = [text, map](std::string with) { return text.size() + map.size() + with.size(); };
  TSReleaseAssert(count("a string that is moved into a function's argument") > 100);
}
} // namespace

CORPUS_NOINLINE static void
behave(TSHttpTxn)
{
  forms();
  containers();
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
