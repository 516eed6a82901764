/* SPDX-License-Identifier: Apache-2.0
 *
 * Atomic accesses to plain words, in one notation for C and C++, because _Atomic exists only in C. The unsuffixed operations are
 * relaxed; a suffix names the ordering; `ordered` is sequentially consistent. A word accessed through these macros must not be
 * accessed otherwise while a second thread can see it.
 */
#ifndef MEMTRACK_ATOMIC_H
#define MEMTRACK_ATOMIC_H

#define memtrack_load(from)         __atomic_load_n(from, __ATOMIC_RELAXED)
#define memtrack_load_acquire(from) __atomic_load_n(from, __ATOMIC_ACQUIRE)
#define memtrack_load_ordered(from) __atomic_load_n(from, __ATOMIC_SEQ_CST)

#define memtrack_store(to, value)         __atomic_store_n(to, value, __ATOMIC_RELAXED)
#define memtrack_store_release(to, value) __atomic_store_n(to, value, __ATOMIC_RELEASE)
#define memtrack_store_ordered(to, value) __atomic_store_n(to, value, __ATOMIC_SEQ_CST)

/* Each returns the previous value. */
#define memtrack_add(to, value)              __atomic_fetch_add(to, value, __ATOMIC_RELAXED)
#define memtrack_add_ordered(to, value)      __atomic_fetch_add(to, value, __ATOMIC_SEQ_CST)
#define memtrack_or_ordered(to, value)       __atomic_fetch_or(to, value, __ATOMIC_SEQ_CST)
#define memtrack_exchange_ordered(to, value) __atomic_exchange_n(to, value, __ATOMIC_SEQ_CST)
#define memtrack_exchange_acquire(to, value) __atomic_exchange_n(to, value, __ATOMIC_ACQUIRE)

/* Whether *to was *expected and is now `value`; otherwise *expected becomes the present value. */
#define memtrack_replace_ordered(to, expected, value) \
  __atomic_compare_exchange_n(to, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#define memtrack_fence_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define memtrack_fence_release() __atomic_thread_fence(__ATOMIC_RELEASE)

/* Between a thread and its own signal handlers. */
#define memtrack_fence_signal() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#endif
