/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin that leaks: for each transaction it creates a buffer, writes to it and destroys it, but forgets to destroy every
 * thousandth. Its argument is that number; 0 leaks nothing.
 */
#include <stdlib.h>

#include <ts/ts.h>

static unsigned every;
static unsigned transactions;

static int
on_transaction(TSCont cont, TSEvent event, void *data)
{
  char text[3000]   = "leaky";
  TSIOBuffer buffer = TSIOBufferSizedCreate(TS_IOBUFFER_SIZE_INDEX_4K);
  (void)cont;
  (void)event;
  TSIOBufferWrite(buffer, text, sizeof(text));
  if (!every || __atomic_fetch_add(&transactions, 1, __ATOMIC_RELAXED) % every != every - 1) {
    TSIOBufferDestroy(buffer);
  }
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  TSPluginRegistrationInfo info = {.plugin_name = "leaky", .vendor_name = "memtrack", .support_email = "none"};
  TSPluginRegister(&info);
  every = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
  TSHttpHookAdd(TS_HTTP_TXN_CLOSE_HOOK, TSContCreate(on_transaction, NULL));
}
