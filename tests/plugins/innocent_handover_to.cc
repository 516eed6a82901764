/* SPDX-License-Identifier: Apache-2.0
 * Frees memory allocated by innocent_handover_from.so, after taking over its string: memory of one plugin, freed by another. */
#include <cstdlib>
#include <utility>
#include "innocent_handover.h"
#include "corpus.h"

namespace
{
int arg;

CORPUS_NOINLINE void
behave(TSHttpTxn txn)
{
  auto *given = static_cast<Handover *>(TSUserArgGet(txn, arg));
  if (!given) {
    return;
  }
  std::string taken = std::move(given->text);
  TSReleaseAssert(taken.size() == 600);
  TSfree(given->server);
  free(given->heap);
  delete given;
}
} // namespace

static int
handler(TSCont, TSEvent, void *data)
{
  behave(static_cast<TSHttpTxn>(data));
  TSHttpTxnReenable(static_cast<TSHttpTxn>(data), TS_EVENT_HTTP_CONTINUE);
  return 0;
}

CORPUS_EXPORT void
TSPluginInit(int, const char *[])
{
  corpus_register();
  TSReleaseAssert(TSUserArgIndexNameLookup(TS_USER_ARGS_TXN, HANDOVER_ARG, &arg, nullptr) == TS_SUCCESS);
  TSHttpHookAdd(CORPUS_AT_CLOSE, TSContCreate(handler, nullptr)); // SITE TSPluginInit: TSCont +1 -0 once
}
