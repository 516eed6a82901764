// SPDX-License-Identifier: Apache-2.0
//
// Between fault_server.c and its plugin, fault_plugin.cc: the plugin API as far as it is used, with its names in ts.h.
#ifndef FAULT_SERVER_H
#define FAULT_SERVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int (*handler)(void *cont, int event, void *data);

void *_TSmalloc(size_t size, const char *path);
void *_TSrealloc(void *block, size_t size, const char *path);
char *_TSstrdup(const char *text, int64_t length, const char *path);
void _TSfree(void *block);
void *TSContCreate(handler function, void *mutex);
void TSContDestroy(void *cont);
void *TSContMutexGet(void *cont);
void *TSMutexCreate(void);
void TSMutexDestroy(void *mutex);
void *TSIOBufferCreate(void);
void *TSIOBufferSizedCreate(int index);
void *TSIOBufferReaderAlloc(void *buffer);
void TSIOBufferReaderFree(void *reader);
void TSIOBufferDestroy(void *buffer);
char *TSHttpTxnEffectiveUrlStringGet(void *transaction, int *length);
char *TSUrlStringGet(void *buffer, void *url, int *length);

// Events.
enum fault_event {
  FAULT_WORK,
  FAULT_RELEASE, // what it holds
  FAULT_LEVEL_OFF,
  FAULT_LEVEL_ON,
  FAULT_HEAP_ON,
  FAULT_HEAP_OFF,
};

// What a plugin says of itself at the end: allocations, releases, and bytes in use of a class.
void fault_truth(const char *owner, const char *cls, long allocs, long frees, long bytes);
// Allocations that failed as they do without memtrack.
void fault_denied(int count);
// A call went wrong: ends the server with a message.
void fault_wrong(const char *what);

#ifdef __cplusplus
}
#endif

#endif
