/* SPDX-License-Identifier: Apache-2.0
 * Allocates memory that innocent_handover_to.so frees at the transaction's end. Must be loaded first. */
#include <cstdlib>
#include "innocent_handover.h"
#include "corpus.h"

namespace
{
int arg;

CORPUS_NOINLINE void
behave(TSHttpTxn txn)
{
  auto *given   = new Handover;     // SITE behave: heap +1 -1 =0
  given->server = TSmalloc(400);    // SITE behave: tsapi +1 -1 =0
  given->heap   = malloc(500);      // SITE behave: heap +1 -1 =0
  given->text.assign(600, 'h');     // SITE behave: heap +1 -1 =0
  given->numbers.reset(new int[7]); // SITE behave: heap +1 -1 =0
  TSUserArgSet(txn, arg, given);
}

int
handler(TSCont, TSEvent, void *data)
{
  behave(static_cast<TSHttpTxn>(data));
  TSHttpTxnReenable(static_cast<TSHttpTxn>(data), TS_EVENT_HTTP_CONTINUE);
  return 0;
}
} // namespace

CORPUS_EXPORT void
TSPluginInit(int, const char *[])
{
  corpus_register();
  TSReleaseAssert(TSUserArgIndexReserve(TS_USER_ARGS_TXN, HANDOVER_ARG, "one frees it", &arg) == TS_SUCCESS);
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(handler, nullptr)); // SITE TSPluginInit: TSCont +1 -0 once
}
