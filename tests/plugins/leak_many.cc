/* SPDX-License-Identifier: Apache-2.0
 * The same plugin loaded several times: its argument is the number of bytes that this load leaks per transaction, so the rows of
 * foo.so and foo.so#2 differ. */
#include <cstdlib>
#include "corpus.h"

namespace
{
CORPUS_NOINLINE void
behave(size_t size)
{
  CORPUS_KEEP(malloc(size)); // SITE behave: heap +1 -0 =size
}

int
handler(TSCont cont, TSEvent, void *data)
{
  behave(reinterpret_cast<size_t>(TSContDataGet(cont)));
  TSHttpTxnReenable(static_cast<TSHttpTxn>(data), TS_EVENT_HTTP_CONTINUE);
  return 0;
}
} // namespace

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  TSCont cont = TSContCreate(handler, nullptr); // SITE TSPluginInit: TSCont +1 -0 once
  TSContDataSet(cont, reinterpret_cast<void *>(argc > 1 ? strtoul(argv[1], nullptr, 10) : 1));
  TSHttpHookAdd(CORPUS_AT_REQUEST, cont);
}
