/* SPDX-License-Identifier: Apache-2.0
 *
 * The events after which the server waits for a call by a plugin: TSHttpTxnReenable for those of a transaction, TSHttpSsnReenable
 * for those of a session. Their numbers are the same in 9.2 and in 10.0 to 10.2 (tests/native/api_test.c compares them with the
 * ts.h of 9.2); TUNNEL_START exists since 10.
 *
 * For no other event does the server keep its object until the plugin says so:
 *   SELECT_ALT, and events of transforms, intercepts, the life cycle, tasks and timers   there is nothing to reenable
 *   TLS_..., SSL_..., VCONN_...   TSVConnReenable continues a handshake, but a connection whose client goes, or whose time is over,
 *                                 ends without it, and without a sign that a plugin could see
 */
#ifndef MEMTRACK_AWAITED_H
#define MEMTRACK_AWAITED_H

/* The first and the last, for thunk.S. */
#define MEMTRACK_AWAITED_FIRST 60002
#define MEMTRACK_AWAITED_LAST  60021

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_AWAITED_OF_TRANSACTION(X) \
  X(HTTP_READ_REQUEST_HDR, 60002)          \
  X(HTTP_OS_DNS, 60003)                    \
  X(HTTP_SEND_REQUEST_HDR, 60004)          \
  X(HTTP_READ_CACHE_HDR, 60005)            \
  X(HTTP_READ_RESPONSE_HDR, 60006)         \
  X(HTTP_SEND_RESPONSE_HDR, 60007)         \
  X(HTTP_TXN_START, 60011)                 \
  X(HTTP_TXN_CLOSE, 60012)                 \
  X(HTTP_CACHE_LOOKUP_COMPLETE, 60015)     \
  X(HTTP_PRE_REMAP, 60016)                 \
  X(HTTP_POST_REMAP, 60017)                \
  X(HTTP_REQUEST_BUFFER_COMPLETE, 60018)
#define MEMTRACK_AWAITED_OF_TRANSACTION_IN_10(X) X(HTTP_TUNNEL_START, 60021)
#define MEMTRACK_AWAITED_OF_SESSION(X) \
  X(HTTP_SSN_START, 60013)             \
  X(HTTP_SSN_CLOSE, 60014)

#define MEMTRACK_AWAITED_BIT_(name, event) 1u << ((event)-MEMTRACK_AWAITED_FIRST) |

/* Of an event's data: what the server waits with. */
enum memtrack_awaited { MEMTRACK_AWAITED_NOTHING, MEMTRACK_AWAITED_TRANSACTION, MEMTRACK_AWAITED_SESSION };

/* hook-safe. */
static inline enum memtrack_awaited
memtrack_awaited(int event)
{
  const uint32_t transaction =
    MEMTRACK_AWAITED_OF_TRANSACTION(MEMTRACK_AWAITED_BIT_) MEMTRACK_AWAITED_OF_TRANSACTION_IN_10(MEMTRACK_AWAITED_BIT_) 0;
  const uint32_t session = MEMTRACK_AWAITED_OF_SESSION(MEMTRACK_AWAITED_BIT_) 0;
  if (event < MEMTRACK_AWAITED_FIRST || event > MEMTRACK_AWAITED_LAST) {
    return MEMTRACK_AWAITED_NOTHING;
  }
  uint32_t bit = 1u << (event - MEMTRACK_AWAITED_FIRST);
  return transaction & bit ? MEMTRACK_AWAITED_TRANSACTION : session & bit ? MEMTRACK_AWAITED_SESSION : MEMTRACK_AWAITED_NOTHING;
}

#ifdef __cplusplus
}
#endif

#endif

#endif
