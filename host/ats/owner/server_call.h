/* SPDX-License-Identifier: Apache-2.0
 *
 * The call to which the server's own memory is charged, and the memory that a library takes while no plugin's code runs: the
 * innermost one that is not in a function which allocates for its caller (ats_malloc, CRYPTO_malloc, functions of the C++ library).
 *
 * Other rows have some of this memory already: the chunks of the server's freelists, and what a plugin's TSMBuffer grows by. It is
 * recognised by the function that takes it, whose code the tables for exceptions tell, also where it has no symbol.
 */
#ifndef MEMTRACK_SERVER_CALL_H
#define MEMTRACK_SERVER_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "server/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Finds those functions. Returns 0, or -1 with a reason. Not hook-safe. */
int memtrack_server_call_open(const struct memtrack_server *server, struct memtrack_reason *reason);

/* The call that the stack leads to; `otherwise` if there is none; 0 if another row has the memory. hook-safe. */
uintptr_t memtrack_server_call_find(uintptr_t otherwise);

#ifdef __cplusplus
}
#endif

#endif
