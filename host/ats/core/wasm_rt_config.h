/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings for compiling wasm2c's output into a proxy. Included before everything else in each file that includes the generated
 * code. */
#ifndef MEMTRACK_WASM_RT_CONFIG_H
#define MEMTRACK_WASM_RT_CONFIG_H

/* SIGSEGV belongs to the server (its crash log). Every access is bounds-checked instead, which also saves 8 GiB of address space
   per instance. */
#define WASM_RT_MEMCHECK_SIGNAL_HANDLER 0

/* The depth counter is a plain global, written by every call of every thread: a data race that can drift into a false trap, and
   a cache line shared on the hot path. The core has no recursion (a test walks its call graph), so its depth is bounded by its
   code and needs no counter. */
#define WASM_RT_USE_STACK_DEPTH_COUNT 0

#endif
