/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that stand in for the plugin API in plugins' calls, one file for each kind, and what all of them use. The site of a
 * call is its return address.
 */
#ifndef MEMTRACK_HOOK_PLUGIN_HOOKS_H
#define MEMTRACK_HOOK_PLUGIN_HOOKS_H

#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <threads.h>
#include <time.h>

#include "base/compiler.h"
#include "core/key.h"
#include "hook/state.h"
#include "owner/context.h"
#include "server/api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* hook-safe, each. */
#define HOOKED(name, result, parameters) result hook_##name parameters MT_HIDDEN;
#define PLAIN(name, result, parameters)
#define X(name, use, hooked, name_in_10, result, parameters) hooked(name, result, parameters)
MEMTRACK_API(X)
#undef X
#undef PLAIN
#undef HOOKED

/* The same, for a plugin that has functions of the plugin API compiled into it. hook-safe, each. */
void *memtrack_inlined__TSmalloc(size_t size, const char *path) MT_HIDDEN;
void *memtrack_inlined__TSrealloc(void *block, size_t size, const char *path) MT_HIDDEN;
char *memtrack_inlined__TSstrdup(const char *text, int64_t length, const char *path) MT_HIDDEN;

/* Starts of threads. hook-safe, each. */
struct gaicb;
int hook_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *data) MT_HIDDEN;
int hook_thrd_create(thrd_t *thread, thrd_start_t function, void *data) MT_HIDDEN;
int hook_timer_create(clockid_t clock, struct sigevent *event, timer_t *timer) MT_HIDDEN;
int hook_mq_notify(mqd_t queue, const struct sigevent *event) MT_HIDDEN;
int hook_getaddrinfo_a(int mode, struct gaicb *requests[], int count, struct sigevent *event) MT_HIDDEN;

/* Whether plugins' calls are counted. hook-safe. */
static inline bool
memtrack_plugin_is_armed(void)
{
  return MT_LIKELY(memtrack_hooks_get(armed));
}

/* Attributes of a site of the plugin whose code runs. hook-safe. */
static inline uint64_t
memtrack_plugin_attributes(uint32_t cls, uint32_t kind)
{
  return memtrack_attributes(cls, kind, memtrack_context.owner);
}

/* A plugin's function that will run on the plugin's behalf. */
#define MEMTRACK_WRAP(function)        ((__typeof__(function))memtrack_context_wrap((void *)(uintptr_t)(function)))
#define MEMTRACK_WRAP_HANDLER(handler) ((__typeof__(handler))memtrack_context_wrap_handler((void *)(uintptr_t)(handler)))

#ifdef __cplusplus
}
#endif

#endif
