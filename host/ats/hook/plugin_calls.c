/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins' calls of the API by which control passes: a function that later runs on the plugin's behalf, and calls back into the
 * server's own work.
 */
#include "hook/behalf.h"
#include "hook/held.h"
#include "hook/plugin_hooks.h"
#include "hook/stack.h"

/* The plugin passes its own function; the continuation has the thunk, unless it is older than memtrack. */
int
hook_TSHttpTxnHookRegisteredFor(void *transaction, int hook, memtrack_api_handler function)
{
  memtrack_api_handler thunk = MEMTRACK_WRAP_HANDLER(function);
  int result                 = memtrack_api.TSHttpTxnHookRegisteredFor(transaction, hook, thunk);
  return result == MEMTRACK_TS_SUCCESS || thunk == function ? result
                                                            : memtrack_api.TSHttpTxnHookRegisteredFor(transaction, hook, function);
}

/* Inside these calls the server continues with its own work, and perhaps calls other plugins: that is not on the caller's
   behalf. `before` is done first: afterwards the object may be gone. */
#define RESUMES(name, parameters, arguments, before)                                           \
  MT_HOT void hook_##name parameters                                                           \
  {                                                                                            \
    before;                                                                                    \
    MT_CLEANUP(memtrack_context_restore) const uint32_t owner_before = memtrack_context.owner; \
    memtrack_context.owner                                           = MEMTRACK_OWNER_CORE;    \
    memtrack_api.name arguments;                                                               \
  }

RESUMES(TSHttpTxnReenable, (void *transaction, int event), (transaction, event), memtrack_held_reenable(transaction))
RESUMES(TSHttpSsnReenable, (void *session, int event), (session, event), memtrack_held_reenable(session))
RESUMES(TSVConnReenable, (void *connection), (connection), )
RESUMES(TSVConnReenableEx, (void *connection, int event), (connection, event), )
RESUMES(TSVIOReenable, (void *operation), (operation), )

/* The server begins work for the plugin, with buffers that the plugin gets no handle of. Returns are passed on: in 9.2 TSFetchUrl
   returns nothing. */
void *
hook_TSFetchUrl(const char *request, int length, const void *address, void *cont, int options,
                struct memtrack_api_fetch_event event)
{
  MEMTRACK_ON_BEHALF;
  return memtrack_api.TSFetchUrl(request, length, address, cont, options, event);
}

#define ON_BEHALF(name, parameters, arguments) \
  void hook_##name parameters                  \
  {                                            \
    MEMTRACK_ON_BEHALF;                        \
    memtrack_api.name arguments;               \
  }

ON_BEHALF(TSFetchPages, (void *pages), (pages))
ON_BEHALF(TSFetchLaunch, (void *fetch), (fetch))
ON_BEHALF(TSFetchWriteData, (void *fetch, const void *data, size_t size), (fetch, data, size))
ON_BEHALF(TSHttpTxnIntercept, (void *cont, void *transaction), (cont, transaction))
ON_BEHALF(TSHttpTxnServerIntercept, (void *cont, void *transaction), (cont, transaction))
