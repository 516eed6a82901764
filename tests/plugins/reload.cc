/* SPDX-License-Identifier: Apache-2.0
 *
 * Not of the corpus, but its tool: a request for a path that begins with "reload" has the server load remap.config anew. When that
 * is done the request goes on to the origin; where it failed, it is answered with status 500. It calls what the server itself calls
 * when that file has changed, on a task thread as it does; what it leaves out is traffic_manager, which takes seconds to notice a
 * change.
 */
#include "corpus.h"

bool reloadUrlRewrite(); // of traffic_server (proxy/ReverseProxy.h)

namespace
{
int
reload(TSCont cont, TSEvent, void *)
{
  auto txn  = static_cast<TSHttpTxn>(TSContDataGet(cont));
  bool good = reloadUrlRewrite();
  TSContDestroy(cont);
  TSHttpTxnReenable(txn, good ? TS_EVENT_HTTP_CONTINUE : TS_EVENT_HTTP_ERROR);
  return 0;
}

TSMutex one_at_a_time;

int
handler(TSCont, TSEvent, void *data)
{
  auto txn = static_cast<TSHttpTxn>(data);
  if (!corpus_path_begins(txn, "reload")) {
    TSHttpTxnReenable(txn, TS_EVENT_HTTP_CONTINUE);
    return 0;
  }
  TSCont cont = TSContCreate(reload, one_at_a_time);
  TSContDataSet(cont, txn);
  TSContScheduleOnPool(cont, 0, TS_THREAD_POOL_TASK);
  return 0;
}
} // namespace

CORPUS_EXPORT void
TSPluginInit(int, const char *[])
{
  corpus_register();
  one_at_a_time = TSMutexCreate();
  // Something must own it, or it ends with the first continuation.
  TSCont cont = TSContCreate(handler, one_at_a_time);
  (void)cont;
  TSHttpHookAdd(TS_HTTP_READ_REQUEST_HDR_HOOK, TSContCreate(handler, nullptr));
}
