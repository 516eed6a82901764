/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host asks of the compiler beyond the language: the one file with attributes (tests/structure/contracts.test.ts).
 */
#ifndef MEMTRACK_COMPILER_H
#define MEMTRACK_COMPILER_H

#include <stdint.h>

#define MT_LIKELY(x)   __builtin_expect(!!(x), 1)
#define MT_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Code that runs many times in each request stands side by side. Between two of its calls the server runs so much of its own code
   that neither the page nor the line is still cached, and fewer of them are fewer to fetch again. */
#define MT_HOT __attribute__((section(".text.hot")))

/* The attribute alone, for lambdas and templates; and a function. */
#define MT_ALWAYS_INLINE __attribute__((always_inline))
#define MT_INLINE        static inline MT_ALWAYS_INLINE
#define MT_NOINLINE      __attribute__((noinline))
#define MT_NORETURN      __attribute__((noreturn))
#define MT_UNUSED        __attribute__((unused))

/* The arguments' numbers, from 1: the format, and the first that it formats. */
#define MT_PRINTF(format_number, first) __attribute__((format(printf, format_number, first)))

#define MT_ALIGNED(bytes) __attribute__((aligned(bytes)))

/* In memtrack.so alone: an access needs no slot. And what the loader is to find. */
#define MT_HIDDEN   __attribute__((visibility("hidden")))
#define MT_EXPORTED __attribute__((visibility("default")))

/* Of a thread-local: the general model's first access in a dlopened module may call malloc. */
#define MT_INITIAL_EXEC __attribute__((tls_model("initial-exec")))

/* Calls function(&variable) where the variable's scope ends, by an exception too. The variable may be there for that alone. */
#define MT_CLEANUP(function) __attribute__((cleanup(function), unused))

/* Of the function that it stands in: where its caller goes on. */
#define MT_RETURN_ADDRESS ((uintptr_t)__builtin_return_address(0))

/* Reads what the sanitizer takes for a mistake; the function's comment says why it is none. */
#define MT_NO_ADDRESS_SANITIZER __attribute__((no_sanitize("address")))
#define MT_NO_THREAD_SANITIZER  __attribute__((no_sanitize("thread")))

#endif
