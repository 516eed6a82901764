/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by all plugins of the corpus. Each plugin is one behavior in one file, performed once per transaction, so that its
 * expected allocations are the number of transactions times a constant. The constant is written beside the call, for tests to read:
 *
 *    CORPUS_KEEP(TSmalloc(100)); // SITE behave: tsapi +1 -0 =100
 *
 *      behave   the function that holds the call
 *      tsapi    the class (iobuffer, openssl, tsapi, heap, mapped) or, for objects, their kind (TSCont, TSMutex, ...)
 *      +1 -0    allocations and releases, per transaction; "once" at the end: in all, and not per transaction
 *      =100     bytes in use afterwards; for objects, those of the objects that are alive
 *
 * A line with several marks separates them by "; ". Allocations without a mark must all have been released.
 */
#ifndef CORPUS_H
#define CORPUS_H

#include <stdlib.h>
#include <string.h>
#include <ts/ts.h>

/* Prevents the compiler from optimizing an allocation away, and from turning the call into a jump without a return address. */
#define CORPUS_KEEP(pointer)                         \
  do {                                               \
    void *kept_ = (void *)(pointer);                 \
    __asm__ volatile("" : "+r"(kept_) : : "memory"); \
  } while (0)

/* The same pointer, with an origin unknown to the compiler. */
#define CORPUS_LAUNDER(pointer)                           \
  ({                                                      \
    __typeof__(pointer) laundered_ = (pointer);           \
    __asm__ volatile("" : "+r"(laundered_) : : "memory"); \
    laundered_;                                           \
  })

/* A separate function in the debug information, regardless of the optimizer. */
#define CORPUS_NOINLINE __attribute__((noinline, noclone, unused))

#ifdef __cplusplus
#define CORPUS_EXPORT extern "C"
#else
#define CORPUS_EXPORT
#endif

static inline void
corpus_register(void)
{
  TSPluginRegistrationInfo info;
  memset(&info, 0, sizeof(info));
  info.plugin_name   = "memtrack's corpus";
  info.vendor_name   = "memtrack";
  info.support_email = "none";
  TSPluginRegister(&info);
}

/* One in so many transactions behaves. */
static unsigned corpus_every __attribute__((unused)) = 1;

static inline int
corpus_is_due(void)
{
  static unsigned transactions;
  return __atomic_fetch_add(&transactions, 1, __ATOMIC_RELAXED) % corpus_every == 0;
}

/* Defines corpus_handler, which calls `behave(TSHttpTxn)` and re-enables the transaction. */
#define CORPUS_HANDLER(behave)                                                           \
  static int corpus_handler(TSCont corpus_cont, TSEvent corpus_event, void *corpus_data) \
  {                                                                                      \
    (void)corpus_cont;                                                                   \
    (void)corpus_event;                                                                  \
    if (corpus_is_due()) {                                                               \
      behave((TSHttpTxn)corpus_data);                                                    \
    }                                                                                    \
    TSHttpTxnReenable((TSHttpTxn)corpus_data, TS_EVENT_HTTP_CONTINUE);                   \
    return 0;                                                                            \
  }

/* A handler for continuations that nothing calls. */
static inline int
corpus_never_called(TSCont cont, TSEvent event, void *data)
{
  (void)cont;
  (void)event;
  (void)data;
  return 0;
}

/* A global plugin that calls `behave(TSHttpTxn)` at a hook of each transaction, or with the argument N of one in N. */
#define CORPUS_PLUGIN(HOOK, behave)                             \
  CORPUS_HANDLER(behave)                                        \
  CORPUS_EXPORT void TSPluginInit(int argc, const char *argv[]) \
  {                                                             \
    corpus_register();                                          \
    if (argc > 1) {                                             \
      corpus_every = strtoul(argv[1], NULL, 10);                \
    }                                                           \
    TSHttpHookAdd(HOOK, TSContCreate(corpus_handler, NULL));    \
  }

#define CORPUS_AT_REQUEST TS_HTTP_READ_REQUEST_HDR_HOOK
#define CORPUS_AT_CLOSE   TS_HTTP_TXN_CLOSE_HOOK

/* Whether the path requested by the client begins with this text (without a leading slash). */
static inline int
corpus_path_begins(TSHttpTxn txn, const char *with)
{
  TSMBuffer buffer;
  TSMLoc header, url;
  int begins = 0;
  if (TSHttpTxnClientReqGet(txn, &buffer, &header) == TS_SUCCESS) {
    if (TSHttpHdrUrlGet(buffer, header, &url) == TS_SUCCESS) {
      int length       = 0;
      const char *path = TSUrlPathGet(buffer, url, &length);
      begins           = path && (size_t)length >= strlen(with) && memcmp(path, with, strlen(with)) == 0;
      TSHandleMLocRelease(buffer, header, url);
    }
    TSHandleMLocRelease(buffer, TS_NULL_MLOC, header);
  }
  return begins;
}

#endif
