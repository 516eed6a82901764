/* SPDX-License-Identifier: Apache-2.0
 *
 * Stacks of the threads that plugins create: each is a range of the call that created the thread (hook/ranges.h), from the thread's
 * beginning until it is joined, or until it ends while it is detached. Then the C library keeps the stack for another thread, and
 * nobody holds it. The stack of a thread that is neither joined nor detached stays: that is the leak.
 *
 * Only the new thread knows its stack for certain: it may be detached and gone before pthread_create returns. A stack that the
 * program provides belongs to whoever took its memory.
 */
#ifndef MEMTRACK_HOOK_STACK_H
#define MEMTRACK_HOOK_STACK_H

#include <pthread.h>
#include <stdint.h>

#include "base/compiler.h"
#include "module/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Most threads that are being created at the same time. */
#define MEMTRACK_STARTS_MAX 1024u

/* What a new thread is to do. */
struct memtrack_start;

/* Prepares a thread whose stack is to be counted for the call with this return address. Returns NULL if it is not. hook-safe. */
struct memtrack_start *memtrack_stack_prepare(const pthread_attr_t *attributes, void *(*function)(void *), void *data,
                                              uintptr_t address) MT_HIDDEN;

/* What a prepared thread runs: calls the program's function. hook-safe: on the new thread alone. */
void *memtrack_stack_run(void *start) MT_HIDDEN;

/* The thread could not be created. hook-safe. */
void memtrack_stack_cancel(struct memtrack_start *start) MT_HIDDEN;

/* For all modules, while the heap is tracked: the functions after which a thread's stack is no longer its creator's. */
extern const struct memtrack_redirect memtrack_joins[];

#ifdef __cplusplus
}
#endif

#endif
