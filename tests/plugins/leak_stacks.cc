/* SPDX-License-Identifier: Apache-2.0
 * Leaks whose callers only a call stack tells: behind a function of the plugin that allocates for others, behind std::string and
 * std::vector, in a lambda, deep in a recursion; memory, and objects of the API. Others use the same functions and forget nothing.
 */
#include <functional>
#include <string>
#include <vector>
#include "corpus.h"

struct record {
  char bytes[120];
};

CORPUS_NOINLINE static record *
make_record()
{
  record *made = static_cast<record *>(malloc(sizeof(record))); // SITE make_record: heap +6 -3 =360
  CORPUS_KEEP(made);
  return made;
}

CORPUS_NOINLINE static void
forgets()
{
  CORPUS_KEEP(make_record());
}

CORPUS_NOINLINE static void
remembers()
{
  for (int i = 0; i < 3; ++i) {
    record *mine = make_record();
    CORPUS_KEEP(mine);
    free(mine);
  }
}

CORPUS_NOINLINE static void
fill(std::string &text)
{
  text.assign(200, 'x'); // SITE fill: heap +2 -1 =201
  CORPUS_KEEP(&text);
}

CORPUS_NOINLINE static void
forgets_text()
{
  std::string *text = new std::string; // SITE forgets_text: heap +1 -0 =32
  fill(*text);
  CORPUS_KEEP(text);
}

CORPUS_NOINLINE static void
remembers_text()
{
  std::string text;
  fill(text);
  CORPUS_KEEP(text.data());
}

CORPUS_NOINLINE static void
forgets_items()
{
  std::vector<record> *items = new std::vector<record>; // SITE forgets_items: heap +1 -0 =24
  items->resize(10);                                    // SITE forgets_items: heap +1 -0 =1200
  CORPUS_KEEP(items);
}

CORPUS_NOINLINE static TSCont
make_cont()
{
  TSCont made = TSContCreate(corpus_never_called, nullptr); // SITE make_cont: TSCont +2 -1
  CORPUS_KEEP(made);
  return made;
}

CORPUS_NOINLINE static void
forgets_cont()
{
  CORPUS_KEEP(make_cont());
}

CORPUS_NOINLINE static void
remembers_cont()
{
  TSCont mine = make_cont();
  CORPUS_KEEP(mine);
  TSContDestroy(mine);
}

CORPUS_NOINLINE static void
descend(int depth)
{
  if (depth == 0) {
    forgets();
  } else {
    descend(depth - 1);
  }
  CORPUS_KEEP(&depth);
}

CORPUS_NOINLINE static void
behave(TSHttpTxn)
{
  static const std::function<void()> calls_back = [] { CORPUS_KEEP(make_record()); };
  forgets();
  remembers();
  forgets_text();
  remembers_text();
  forgets_items();
  remembers_cont();
  forgets_cont();
  calls_back();
  descend(100);
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
