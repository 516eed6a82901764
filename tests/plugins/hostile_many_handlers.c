/* SPDX-License-Identifier: Apache-2.0
 *
 * Passes 1,100 functions to the server, more than memtrack has thunks. The first and the last of them run once: OpenSSL allocates
 * 10 blocks in each.
 */
#include <openssl/crypto.h>
#include <stdatomic.h>
#include "corpus.h"

static int
allocate(int line)
{
  for (int i = 0; i < 10; ++i) {
    CORPUS_KEEP(CRYPTO_malloc(1000, "many_handlers.c", line));
  }
  return 0;
}

// clang-format off
#define HANDLER_(n)                                                  \
  static __attribute__((noinline, noclone, no_icf, unused)) int      \
  handler_##n(TSCont cont, TSEvent event, void *data)                \
  {                                                                  \
    (void)cont;                                                      \
    (void)event;                                                     \
    (void)data;                                                      \
    return allocate(0x##n);                                          \
  }
#define NAME_(n)       handler_##n,
#define FOR_10_(M, n)  M(n##0) M(n##1) M(n##2) M(n##3) M(n##4) M(n##5) M(n##6) M(n##7) M(n##8) M(n##9)
#define FOR_100_(M, n) \
  FOR_10_(M, n##0) FOR_10_(M, n##1) FOR_10_(M, n##2) FOR_10_(M, n##3) FOR_10_(M, n##4) \
  FOR_10_(M, n##5) FOR_10_(M, n##6) FOR_10_(M, n##7) FOR_10_(M, n##8) FOR_10_(M, n##9)
#define FOR_ALL_(M) \
  FOR_100_(M, 1) FOR_100_(M, 2) FOR_100_(M, 3) FOR_100_(M, 4) FOR_100_(M, 5) FOR_100_(M, 6) \
  FOR_100_(M, 7) FOR_100_(M, 8) FOR_100_(M, 9) FOR_100_(M, a) FOR_100_(M, b)
// clang-format on

FOR_ALL_(HANDLER_)
static const TSEventFunc handlers[] = {FOR_ALL_(NAME_)};

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  enum { COUNT = sizeof(handlers) / sizeof(*handlers) };
  static atomic_bool done;
  (void)txn;
  if (atomic_exchange(&done, true)) {
    return;
  }
  for (int i = 0; i < COUNT; ++i) {
    TSCont cont = TSContCreate(handlers[i], TSMutexCreate());
    if (i == 0 || i == COUNT - 1) {
      TSContScheduleOnPool(cont, 0, TS_THREAD_POOL_TASK);
    }
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave)
