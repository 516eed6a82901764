/* SPDX-License-Identifier: Apache-2.0
 *
 * Passes 20,000 functions to the server, more than memtrack.so has thunks. Each runs once, and OpenSSL allocates 100 bytes in it,
 * at one line for a thousand functions.
 */
#include <openssl/crypto.h>
#include <stdatomic.h>
#include "corpus.h"

static int
allocate(int number)
{
  CORPUS_KEEP(CRYPTO_malloc(100, "many_handlers.c", 1 + number / 1000));
  return 0;
}

// clang-format off
#define HANDLER_(n)                                                  \
  static __attribute__((noinline, noclone, no_icf, unused)) int      \
  handler_##n(TSCont cont, TSEvent event, void *data)                \
  {                                                                  \
    (void)event;                                                     \
    (void)data;                                                      \
    TSContDestroy(cont);                                             \
    return allocate(1##n - 100000);                                  \
  }
#define NAME_(n)         handler_##n,
#define FOR_10_(M, n)    M(n##0) M(n##1) M(n##2) M(n##3) M(n##4) M(n##5) M(n##6) M(n##7) M(n##8) M(n##9)
#define FOR_100_(M, n) \
  FOR_10_(M, n##0) FOR_10_(M, n##1) FOR_10_(M, n##2) FOR_10_(M, n##3) FOR_10_(M, n##4) \
  FOR_10_(M, n##5) FOR_10_(M, n##6) FOR_10_(M, n##7) FOR_10_(M, n##8) FOR_10_(M, n##9)
#define FOR_1000_(M, n) \
  FOR_100_(M, n##0) FOR_100_(M, n##1) FOR_100_(M, n##2) FOR_100_(M, n##3) FOR_100_(M, n##4) \
  FOR_100_(M, n##5) FOR_100_(M, n##6) FOR_100_(M, n##7) FOR_100_(M, n##8) FOR_100_(M, n##9)
#define FOR_10000_(M, n) \
  FOR_1000_(M, n##0) FOR_1000_(M, n##1) FOR_1000_(M, n##2) FOR_1000_(M, n##3) FOR_1000_(M, n##4) \
  FOR_1000_(M, n##5) FOR_1000_(M, n##6) FOR_1000_(M, n##7) FOR_1000_(M, n##8) FOR_1000_(M, n##9)
#define FOR_ALL_(M) FOR_10000_(M, 0) FOR_10000_(M, 1)
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
    TSContScheduleOnPool(TSContCreate(handlers[i], TSMutexCreate()), 0, TS_THREAD_POOL_TASK);
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave)
