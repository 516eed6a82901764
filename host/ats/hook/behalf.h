/* SPDX-License-Identifier: Apache-2.0
 *
 * IOBuffers that the server allocates during a plugin's call, and therefore on the plugin's behalf: those of a fetch, of a
 * connection to itself, of an intercept. The plugin gets no handle of them. But while the server allocates a block, the object that
 * will hold it is under construction on the calling thread: its address is in a register or on the stack, and its location is the
 * one that the server reports. So that location is replaced there and then, by "memory/IOBuffer/FetchSM.h:46 [via esi.so]", before
 * any other thread knows the object. If no object, or more than one, proves to be it, the block is the server's.
 *
 * Inside such calls the thread's shard is parked (core/shard.h): other calls and other threads need no test.
 */
#ifndef MEMTRACK_BEHALF_H
#define MEMTRACK_BEHALF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "hook/state.h"
#include "owner/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Begins and ends such a call. The first returns whether it began: not while another goes on, or without a plugin's code. For the
   macro. hook-safe. */
bool memtrack_behalf_begin(const void *stack);
void memtrack_behalf_end(const bool *began);

/* Until the end of the scope the server allocates on the plugin's behalf; also ends on exceptions. hook-safe. */
#define MEMTRACK_ON_BEHALF        \
  MT_CLEANUP(memtrack_behalf_end) \
  const bool on_behalf_ = MT_LIKELY(memtrack_hooks_get(armed)) && memtrack_behalf_begin(__builtin_frame_address(0))

/* Asks to be told of events inside such calls. After memtrack_buffer_calibrate(). init-only. */
void memtrack_behalf_open(void);

#ifdef __cplusplus
}
#endif

#endif
