/* SPDX-License-Identifier: Apache-2.0
 *
 * How wasm2c's output is compiled into a proxy. Included before everything else in each file that sees the generated code. */
#ifndef MEMTRACK_WASM_RT_CONFIG_H
#define MEMTRACK_WASM_RT_CONFIG_H

/* SIGSEGV is the server's (its crash log). Every access is bounds-checked instead, which also spares 8 GiB of address space per
   instance. */
#define WASM_RT_MEMCHECK_SIGNAL_HANDLER 0

/* The depth counter is one plain global, written by every call of every thread: a data race that can drift into a false trap,
   and a cache line shared on the hot path. The core has no recursion (a test walks its call graph), so its depth is bounded by
   its code and there is nothing to count. */
#define WASM_RT_USE_STACK_DEPTH_COUNT 0

#endif
