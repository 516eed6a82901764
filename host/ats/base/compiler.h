/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiler extensions used by the host. The only file with attributes (tests/structure/contracts.test.ts).
 */
#ifndef MEMTRACK_COMPILER_H
#define MEMTRACK_COMPILER_H

#include <stdint.h>

#define MT_LIKELY(x)   __builtin_expect(!!(x), 1)
#define MT_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Places hot code in one section. Between two of its calls the server evicts it from the caches, so fewer lines and pages matter
   more than fewer instructions. */
#define MT_HOT __attribute__((section(".text.hot")))

/* The bare attribute, for lambdas and templates; and with `inline`, for functions. */
#define MT_ALWAYS_INLINE __attribute__((always_inline))
#define MT_INLINE        static inline MT_ALWAYS_INLINE
#define MT_NOINLINE      __attribute__((noinline))
#define MT_NORETURN      __attribute__((noreturn))
#define MT_UNUSED        __attribute__((unused))

/* Argument numbers, from 1: of the format, and of the first formatted argument. */
#define MT_PRINTF(format_number, first) __attribute__((format(printf, format_number, first)))

#define MT_ALIGNED(bytes) __attribute__((aligned(bytes)))

/* Visible only inside memtrack.so, so accesses need no slot; and visible to the loader. */
#define MT_HIDDEN   __attribute__((visibility("hidden")))
#define MT_EXPORTED __attribute__((visibility("default")))

/* For thread-locals: with the general model, the first access in a dlopened module may call malloc. */
#define MT_INITIAL_EXEC __attribute__((tls_model("initial-exec")))

/* Calls function(&variable) at the end of the variable's scope, on exceptions too. The variable may exist only for this call. */
#define MT_CLEANUP(function) __attribute__((cleanup(function), unused))

/* In a hook: the address to which the hook returns in its caller. */
#define MT_RETURN_ADDRESS ((uintptr_t)__builtin_return_address(0))

/* 1 with a sanitizer, which has an allocator of its own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MT_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MT_SANITIZED 1
#endif
#ifndef MT_SANITIZED
#define MT_SANITIZED 0
#endif

/* Suppresses a false report of the sanitizer; the function's comment explains why it is false. */
#define MT_NO_ADDRESS_SANITIZER __attribute__((no_sanitize("address")))
#define MT_NO_THREAD_SANITIZER  __attribute__((no_sanitize("thread")))

#endif
