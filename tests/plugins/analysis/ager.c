/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin whose memory has known ages: a block and an object from the start, another block at the end of each transaction that it
 * never releases, and a block that it replaces each time.
 */
#include <stdlib.h>

#include <ts/ts.h>

static void *volatile from_the_start;
static void *volatile kept;
static void *replaced;

static int
on_transaction(TSCont cont, TSEvent event, void *data)
{
  (void)cont;
  (void)event;
  kept = TSmalloc(1000);
  TSfree(__atomic_exchange_n(&replaced, TSmalloc(300), __ATOMIC_ACQ_REL));
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  TSPluginRegistrationInfo info = {.plugin_name = "ager", .vendor_name = "memtrack", .support_email = "none"};
  (void)argc;
  (void)argv;
  TSPluginRegister(&info);
  from_the_start = TSmalloc(5000);
  TSHttpHookAdd(TS_HTTP_TXN_CLOSE_HOOK, TSContCreate(on_transaction, NULL));
}
