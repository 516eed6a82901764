/* SPDX-License-Identifier: Apache-2.0
 *
 * Not part of the corpus, but its tool: a request for a path that begins with "reload" makes the server load remap.config again.
 * Afterwards the request goes on to the origin; on failure it is answered with status 500. It calls the same function as the server
 * when that file has changed, also on a task thread; it only bypasses traffic_manager, which takes seconds to notice a change.
 */
#include "corpus.h"

/* Of traffic_server (proxy/ReverseProxy.h): the second from 10.2 on. Its argument (mgmt/config/ConfigContext.h) is no larger. */
class ConfigContext
{
public:
  __attribute__((weak)) ConfigContext();
  __attribute__((weak)) ~ConfigContext();

private:
  alignas(16) char content[512];
};
__attribute__((weak)) bool reloadUrlRewrite();
__attribute__((weak)) bool reloadUrlRewrite(ConfigContext);

namespace
{
int
reload(TSCont cont, TSEvent, void *)
{
  auto txn          = static_cast<TSHttpTxn>(TSContDataGet(cont));
  bool (*without)() = reloadUrlRewrite;
  bool good         = without ? without() : reloadUrlRewrite(ConfigContext());
  TSContDestroy(cont);
  TSHttpTxnReenable(txn, good ? TS_EVENT_HTTP_CONTINUE : TS_EVENT_HTTP_ERROR);
  return 0;
}

TSMutex one_at_a_time;

int
pass(TSCont cont, TSEvent, void *)
{
  TSContDestroy(cont);
  return 0;
}

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
  // Task threads take turns. An event more at every second reload, and all of them serve reloads, whatever else takes turns.
  static bool more;
  more = !more;
  if (more) {
    TSContScheduleOnPool(TSContCreate(pass, one_at_a_time), 0, TS_THREAD_POOL_TASK);
  }
  return 0;
}
} // namespace

CORPUS_EXPORT void
TSPluginInit(int, const char *[])
{
  corpus_register();
  one_at_a_time = TSMutexCreate();
  // Needs an owner, otherwise it ends with the first continuation.
  TSCont cont = TSContCreate(handler, one_at_a_time);
  (void)cont;
  TSHttpHookAdd(TS_HTTP_READ_REQUEST_HDR_HOOK, TSContCreate(handler, nullptr));
}
