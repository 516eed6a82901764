/* SPDX-License-Identifier: Apache-2.0
 * Connections and fetches that the API gives: for each request of /size/11 one of each is ended, and one of each kind is not. Its
 * own requests, which come through the connections, are left alone. Argument: the origin's host and port. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include "corpus.h"
#if TS_VERSION_MAJOR < 10
#include <ts/experimental.h>
#endif

static char host[200];

static int
on_fetch(TSCont cont, TSEvent event, void *data)
{
  if (event == (TSEvent)TS_FETCH_EVENT_EXT_BODY_DONE) {
    if (TSContDataGet(cont)) {
      TSFetchDestroy((TSFetchSM)data);
    }
  }
  return 0;
}

static TSFetchSM
launch(TSFetchSM fetch)
{
  TSFetchHeaderAdd(fetch, "Host", 4, host, strlen(host));
  TSFetchLaunch(fetch);
  return fetch;
}

CORPUS_NOINLINE static void
connect_all(const struct sockaddr *from)
{
  TSVConnClose(TSHttpConnect(from));                             // SITE connect_all: TSVConn +1 -1
  TSVConnAbort(TSHttpConnectWithPluginId(from, "handed", 7), 1); // SITE connect_all: TSVConn +1 -1
  TSHttpConnectOptions options = TSHttpConnectOptionsGet(TS_CONNECT_PLUGIN);
  options.addr                 = from;
  TSVConnClose(TSHttpConnectPlugin(&options)); // SITE connect_all: TSVConn +1 -1
  CORPUS_KEEP(TSHttpConnect(from));            // SITE connect_all: TSVConn +1 -0

  // A continuation of the plugin's own ends by TSContDestroy alone.
  TSVConn own = TSVConnCreate(corpus_never_called, TSMutexCreate()); // SITE connect_all: TSCont +1 -1; TSMutex +1 -1
  TSContDestroy(own);
}

CORPUS_NOINLINE static void
fetch_all(const struct sockaddr *from)
{
  TSCont ends  = TSContCreate(on_fetch, TSMutexCreate()); // SITE fetch_all: TSCont +1 -0; TSMutex +1 -0
  TSCont keeps = TSContCreate(on_fetch, TSMutexCreate()); // SITE fetch_all: TSCont +1 -0; TSMutex +1 -0
  TSContDataSet(ends, host);
  launch(TSFetchCreate(ends, "GET", "/size/10", "HTTP/1.1", from, 0));  // SITE fetch_all: TSFetchSM +1 -1
  launch(TSFetchCreate(keeps, "GET", "/size/10", "HTTP/1.1", from, 0)); // SITE fetch_all: TSFetchSM +1 -0
}

CORPUS_NOINLINE static void *
use_server(void *nothing)
{
  TSThread thread = TSThreadInit(); // SITE use_server: TSThread +1 -1
  TSThreadDestroy(thread);
  return nothing;
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  struct sockaddr_in from;
  memset(&from, 0, sizeof(from));
  from.sin_family      = AF_INET;
  from.sin_port        = htons(4321);
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (TSHttpTxnIsInternal(txn) || !corpus_path_begins(txn, "size/11")) {
    return;
  }
  connect_all((const struct sockaddr *)&from);
  fetch_all((const struct sockaddr *)&from);
  pthread_t thread;
  TSReleaseAssert(pthread_create(&thread, NULL, use_server, NULL) == 0);
  pthread_join(thread, NULL);
  TSfclose(TSfopen("/dev/null", "r"));    // SITE behave: TSFile +1 -1
  CORPUS_KEEP(TSfopen("/dev/null", "r")); // SITE behave: TSFile +1 -0
}

CORPUS_HANDLER(behave)

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  TSReleaseAssert(argc == 2);
  snprintf(host, sizeof(host), "%s", argv[1]);
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(corpus_handler, NULL)); // SITE TSPluginInit: TSCont +1 -0 once
}
