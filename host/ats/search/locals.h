/* SPDX-License-Identifier: Apache-2.0
 *
 * Thread-local memory: which thread's variables are at an address. It lies in a thread's stack, in the allocator's memory, or where
 * the loader has put it, so that its address alone tells nothing. The loader's vector of each thread (dtv) says where it is:
 *
 *    thread pointer --> { ... vector ... descriptor of the C library, with the values of pthread_setspecific() }
 *    vector[-1]         number of its entries
 *    vector[module]     start of the module's variables of this thread
 *
 * The vector is that of glibc, as its libthread_db reads it too. It is read by calls that can fail. Only threads that have counted
 * something are known (core/shard.h).
 */
#ifndef MEMTRACK_LOCALS_H
#define MEMTRACK_LOCALS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Most spans of thread-local memory: of each thread one for each module that has such variables, and its descriptor. */
#define MEMTRACK_LOCALS_MAX 16384u

/* Lists the thread-local memory of this moment. Of one thread, the search's: not hook-safe. */
void memtrack_locals_list(void);

/* The number of the thread whose memory an address was then; 0 if it was no thread's. Of the same thread: not
   hook-safe. */
int32_t memtrack_locals_at(uint64_t address);

/* Learns how long the modules' variables are, if modules were loaded or unloaded since. Task-thread: waits while another thread
   loads or unloads. */
void memtrack_locals_poll(void);

#ifdef __cplusplus
}
#endif

#endif
