/* SPDX-License-Identifier: Apache-2.0
 * Issue 6614: data of a session is released at the session's end, and sessions last: memory follows the number of open connections.
 */
#include "corpus.h"

static int session_data;

CORPUS_NOINLINE static void
begin(TSHttpSsn session)
{
  TSUserArgSet(session, session_data, TSmalloc(4000)); // SITE begin: tsapi +n -n
}

static int
handler(TSCont cont, TSEvent event, void *data)
{
  TSHttpSsn session = (TSHttpSsn)data;
  (void)cont;
  if (event == TS_EVENT_HTTP_SSN_START) {
    begin(session);
  } else {
    TSfree(TSUserArgGet(session, session_data));
    TSUserArgSet(session, session_data, NULL);
  }
  TSHttpSsnReenable(session, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc;
  (void)argv;
  corpus_register();
  TSUserArgIndexReserve(TS_USER_ARGS_SSN, "historic_6614_sessions", "", &session_data);
  TSCont cont = TSContCreate(handler, NULL); // SITE TSPluginInit: TSCont +1 -0 once
  TSHttpHookAdd(TS_HTTP_SSN_START_HOOK, cont);
  TSHttpHookAdd(TS_HTTP_SSN_CLOSE_HOOK, cont);
}
