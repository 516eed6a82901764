/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of the server's plugin API that memtrack calls or replaces. None is linked: the loader refuses a module with an
 * unknown symbol, and a server whose plugin is refused ends. They are looked up at the start, by the C name of 9.2 or by the C++
 * name of 10 (whose ts.h has no extern "C").
 *
 * ts.h is not included: in 10 it is C++, and a single build serves all versions. The declarations needed are repeated here and are
 * the same in 9.2 and in 10.0 to 10.2: server objects are void *, enumerations int (tests/native/api_test.c compares them with the
 * ts.h of 9.2).
 */
#ifndef MEMTRACK_API_H
#define MEMTRACK_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What depends on a function, and is therefore lost without it. */
enum memtrack_api_use {
  MEMTRACK_API_CALL,     /* memtrack as a whole: it does nothing */
  MEMTRACK_API_HOOK,     /* the plugin hooks: they are not installed */
  MEMTRACK_API_OPTIONAL, /* a single hook, which is left out */
};

/* Plugin structs of ts.h. */
struct memtrack_api_registration {
  const char *plugin_name, *vendor_name, *support_email;
};
struct memtrack_api_message {
  const char *tag;
  const void *data;
  size_t data_size;
};

struct memtrack_api_fetch_event {
  int success, failure, timeout;
};

typedef int (*memtrack_api_handler)(void *cont, int event, void *data);

/* Name in 9.2, use, whether plugins' calls go to a hook (hook/plugin.c), name in 10 or NULL, result, parameters. Functions
   called in each request come first, so that they share few cache lines. 9.2 does not know the third parameter of
   TSMgmtUpdateRegister and ignores it. */
#define MEMTRACK_API(X)                                                                                                           \
  X(_TSmalloc, HOOK, HOOKED, "_Z9_TSmallocmPKc", void *, (size_t, const char *))                                                  \
  X(_TSrealloc, HOOK, HOOKED, "_Z10_TSreallocPvmPKc", void *, (void *, size_t, const char *))                                     \
  X(_TSstrdup, HOOK, HOOKED, "_Z9_TSstrdupPKclS0_", char *, (const char *, int64_t, const char *))                                \
  X(_TSfree, HOOK, HOOKED, "_Z6TSfreePv", void, (void *))                                                                         \
  X(TSContCreate, CALL, HOOKED, "_Z12TSContCreatePFiP10tsapi_cont7TSEventPvEP11tsapi_mutex", void *,                              \
    (memtrack_api_handler, void *))                                                                                               \
  X(TSContDestroy, HOOK, HOOKED, "_Z13TSContDestroyP10tsapi_cont", void, (void *))                                                \
  X(TSContMutexGet, HOOK, PLAIN, "_Z14TSContMutexGetP10tsapi_cont", void *, (void *))                                             \
  X(TSTransformCreate, HOOK, HOOKED, "_Z17TSTransformCreatePFiP10tsapi_cont7TSEventPvEP13tsapi_httptxn", void *,                  \
    (memtrack_api_handler, void *))                                                                                               \
  X(TSVConnCreate, HOOK, HOOKED, "_Z13TSVConnCreatePFiP10tsapi_cont7TSEventPvEP11tsapi_mutex", void *,                            \
    (memtrack_api_handler, void *))                                                                                               \
  X(TSMutexCreate, CALL, HOOKED, "_Z13TSMutexCreatev", void *, (void))                                                            \
  X(TSMutexDestroy, HOOK, HOOKED, "_Z14TSMutexDestroyP11tsapi_mutex", void, (void *))                                             \
  X(TSMBufferCreate, HOOK, HOOKED, "_Z15TSMBufferCreatev", void *, (void))                                                        \
  X(TSMBufferDestroy, HOOK, HOOKED, "_Z16TSMBufferDestroyP13tsapi_mbuffer", int, (void *))                                        \
  X(TSIOBufferCreate, HOOK, HOOKED, "_Z16TSIOBufferCreatev", void *, (void))                                                      \
  X(TSIOBufferSizedCreate, HOOK, HOOKED, "_Z21TSIOBufferSizedCreate19TSIOBufferSizeIndex", void *, (int))                         \
  X(TSIOBufferDestroy, HOOK, HOOKED, "_Z17TSIOBufferDestroyP14tsapi_iobuffer", void, (void *))                                    \
  X(TSIOBufferReaderAlloc, HOOK, HOOKED, "_Z21TSIOBufferReaderAllocP14tsapi_iobuffer", void *, (void *))                          \
  X(TSIOBufferReaderClone, HOOK, HOOKED, "_Z21TSIOBufferReaderCloneP18tsapi_bufferreader", void *, (void *))                      \
  X(TSIOBufferReaderFree, HOOK, HOOKED, "_Z20TSIOBufferReaderFreeP18tsapi_bufferreader", void, (void *))                          \
  X(TSIOBufferStart, HOOK, PLAIN, "_Z15TSIOBufferStartP14tsapi_iobuffer", void *, (void *))                                       \
  X(TSIOBufferBlockWriteAvail, HOOK, PLAIN, "_Z25TSIOBufferBlockWriteAvailP17tsapi_bufferblock", int64_t, (void *))               \
  X(TSCacheKeyCreate, HOOK, HOOKED, "_Z16TSCacheKeyCreatev", void *, (void))                                                      \
  X(TSCacheKeyDestroy, HOOK, HOOKED, "_Z17TSCacheKeyDestroyP14tsapi_cachekey", int, (void *))                                     \
  X(TSMimeParserCreate, HOOK, HOOKED, "_Z18TSMimeParserCreatev", void *, (void))                                                  \
  X(TSMimeParserDestroy, HOOK, HOOKED, "_Z19TSMimeParserDestroyP16tsapi_mimeparser", void, (void *))                              \
  X(TSHttpParserCreate, HOOK, HOOKED, "_Z18TSHttpParserCreatev", void *, (void))                                                  \
  X(TSHttpParserDestroy, HOOK, HOOKED, "_Z19TSHttpParserDestroyP16tsapi_httpparser", void, (void *))                              \
  X(TSUuidCreate, HOOK, HOOKED, "_Z12TSUuidCreatev", void *, (void))                                                              \
  X(TSUuidDestroy, HOOK, HOOKED, "_Z13TSUuidDestroyP10tsapi_uuid", void, (void *))                                                \
  X(TSTextLogObjectCreate, HOOK, HOOKED, "_Z21TSTextLogObjectCreatePKciPP19tsapi_textlogobject", int,                             \
    (const char *, int, void **))                                                                                                 \
  X(TSTextLogObjectDestroy, HOOK, HOOKED, "_Z22TSTextLogObjectDestroyP19tsapi_textlogobject", int, (void *))                      \
  X(TSfopen, HOOK, HOOKED, "_Z7TSfopenPKcS0_", void *, (const char *, const char *))                                              \
  X(TSfclose, HOOK, HOOKED, "_Z8TSfcloseP10tsapi_file", void, (void *))                                                           \
  X(TSHttpTxnReenable, HOOK, HOOKED, "_Z17TSHttpTxnReenableP13tsapi_httptxn7TSEvent", void, (void *, int))                        \
  X(TSHttpSsnReenable, HOOK, HOOKED, "_Z17TSHttpSsnReenableP13tsapi_httpssn7TSEvent", void, (void *, int))                        \
  X(TSVConnReenable, HOOK, HOOKED, "_Z15TSVConnReenableP10tsapi_cont", void, (void *))                                            \
  X(TSVConnReenableEx, HOOK, HOOKED, "_Z17TSVConnReenableExP10tsapi_cont7TSEvent", void, (void *, int))                           \
  X(TSVIOReenable, HOOK, HOOKED, "_Z13TSVIOReenableP9tsapi_vio", void, (void *))                                                  \
  X(TSHttpTxnHookRegisteredFor, OPTIONAL, HOOKED, NULL, int, (void *, int, memtrack_api_handler))                                 \
  X(TSFetchUrl, OPTIONAL, HOOKED, "_Z10TSFetchUrlPKciPK8sockaddrP10tsapi_cont20TSFetchWakeUpOptions12TSFetchEvent", void *,       \
    (const char *, int, const void *, void *, int, struct memtrack_api_fetch_event))                                              \
  X(TSFetchPages, OPTIONAL, HOOKED, "_Z12TSFetchPagesP16TSFetchUrlParams", void, (void *))                                        \
  X(TSFetchLaunch, OPTIONAL, HOOKED, "_Z13TSFetchLaunchP13tsapi_fetchsm", void, (void *))                                         \
  X(TSFetchWriteData, OPTIONAL, HOOKED, "_Z16TSFetchWriteDataP13tsapi_fetchsmPKvm", void, (void *, const void *, size_t))         \
  X(TSHttpTxnIntercept, OPTIONAL, HOOKED, "_Z18TSHttpTxnInterceptP10tsapi_contP13tsapi_httptxn", void, (void *, void *))          \
  X(TSHttpTxnServerIntercept, OPTIONAL, HOOKED, "_Z24TSHttpTxnServerInterceptP10tsapi_contP13tsapi_httptxn", void,                \
    (void *, void *))                                                                                                             \
  X(TSThreadCreate, HOOK, HOOKED, "_Z14TSThreadCreatePFPvS_ES_", void *, (void *(*)(void *), void *))                             \
  X(TSThreadInit, HOOK, HOOKED, "_Z12TSThreadInitv", void *, (void))                                                              \
  X(TSThreadDestroy, HOOK, HOOKED, "_Z15TSThreadDestroyP12tsapi_thread", void, (void *))                                          \
  X(TSUrlStringGet, OPTIONAL, HOOKED, "_Z14TSUrlStringGetP13tsapi_mbufferP10tsapi_mlocPi", char *, (void *, void *, int *))       \
  X(TSHttpTxnEffectiveUrlStringGet, OPTIONAL, HOOKED, "_Z30TSHttpTxnEffectiveUrlStringGetP13tsapi_httptxnPi", char *,             \
    (void *, int *))                                                                                                              \
  X(TSSslSecretGet, OPTIONAL, HOOKED, "_Z14TSSslSecretGetPKciPi", char *, (const char *, int, int *))                             \
  X(TSMatcherReadIntoBuffer, OPTIONAL, HOOKED, NULL, char *, (char *, int *))                                                     \
  X(TSMatcherLineCreate, OPTIONAL, HOOKED, NULL, void *, (void))                                                                  \
  X(TSMatcherLineDestroy, OPTIONAL, HOOKED, NULL, void, (void *))                                                                 \
  X(TSHttpConnect, HOOK, HOOKED, "_Z13TSHttpConnectPK8sockaddr", void *, (const void *))                                          \
  X(TSHttpConnectWithPluginId, HOOK, HOOKED, "_Z25TSHttpConnectWithPluginIdPK8sockaddrPKcl", void *,                              \
    (const void *, const char *, int64_t))                                                                                        \
  X(TSHttpConnectPlugin, HOOK, HOOKED, "_Z19TSHttpConnectPluginP20TSHttpConnectOptions", void *, (void *))                        \
  X(TSHttpConnectTransparent, HOOK, HOOKED, "_Z24TSHttpConnectTransparentPK8sockaddrS1_", void *, (const void *, const void *))   \
  X(TSVConnFdCreate, HOOK, HOOKED, "_Z15TSVConnFdCreatei", void *, (int))                                                         \
  X(TSVConnClose, HOOK, HOOKED, "_Z12TSVConnCloseP10tsapi_cont", void, (void *))                                                  \
  X(TSVConnAbort, HOOK, HOOKED, "_Z12TSVConnAbortP10tsapi_conti", void, (void *, int))                                            \
  X(TSFetchCreate, HOOK, HOOKED, "_Z13TSFetchCreateP10tsapi_contPKcS2_S2_PK8sockaddri", void *,                                   \
    (void *, const char *, const char *, const char *, const void *, int))                                                        \
  X(TSFetchDestroy, HOOK, HOOKED, "_Z14TSFetchDestroyP13tsapi_fetchsm", void, (void *))                                           \
  X(TSCacheHttpInfoCreate, HOOK, HOOKED, "_Z21TSCacheHttpInfoCreatev", void *, (void))                                            \
  X(TSCacheHttpInfoCopy, HOOK, HOOKED, "_Z19TSCacheHttpInfoCopyP19tsapi_cachehttpinfo", void *, (void *))                         \
  X(TSCacheHttpInfoDestroy, HOOK, HOOKED, "_Z22TSCacheHttpInfoDestroyP19tsapi_cachehttpinfo", void, (void *))                     \
  X(TSMimeHdrFieldFind, HOOK, HOOKED, "_Z18TSMimeHdrFieldFindP13tsapi_mbufferP10tsapi_mlocPKci", void *,                          \
    (void *, void *, const char *, int))                                                                                          \
  X(TSMimeHdrFieldGet, HOOK, HOOKED, "_Z17TSMimeHdrFieldGetP13tsapi_mbufferP10tsapi_mloci", void *, (void *, void *, int))        \
  X(TSMimeHdrFieldNext, HOOK, HOOKED, "_Z18TSMimeHdrFieldNextP13tsapi_mbufferP10tsapi_mlocS2_", void *, (void *, void *, void *)) \
  X(TSMimeHdrFieldNextDup, HOOK, HOOKED, "_Z21TSMimeHdrFieldNextDupP13tsapi_mbufferP10tsapi_mlocS2_", void *,                     \
    (void *, void *, void *))                                                                                                     \
  X(TSMimeHdrFieldCreate, HOOK, HOOKED, "_Z20TSMimeHdrFieldCreateP13tsapi_mbufferP10tsapi_mlocPS2_", int,                         \
    (void *, void *, void **))                                                                                                    \
  X(TSMimeHdrFieldCreateNamed, HOOK, HOOKED, "_Z25TSMimeHdrFieldCreateNamedP13tsapi_mbufferP10tsapi_mlocPKciPS2_", int,           \
    (void *, void *, const char *, int, void **))                                                                                 \
  X(TSMimeHdrFieldClone, HOOK, HOOKED, "_Z19TSMimeHdrFieldCloneP13tsapi_mbufferP10tsapi_mlocS0_S2_S2_PS2_", int,                  \
    (void *, void *, void *, void *, void *, void **))                                                                            \
  X(TSHandleMLocRelease, HOOK, HOOKED, "_Z19TSHandleMLocReleaseP13tsapi_mbufferP10tsapi_mlocS2_", int, (void *, void *, void *))  \
  X(TSUrlCreate, OPTIONAL, PLAIN, "_Z11TSUrlCreateP13tsapi_mbufferPP10tsapi_mloc", int, (void *, void **))                        \
  X(TSUrlPathSet, OPTIONAL, PLAIN, "_Z12TSUrlPathSetP13tsapi_mbufferP10tsapi_mlocPKci", int, (void *, void *, const char *, int)) \
  X(TSUrlClone, OPTIONAL, PLAIN, "_Z10TSUrlCloneP13tsapi_mbufferS0_P10tsapi_mlocPS2_", int, (void *, void *, void *, void **))    \
  X(TSPluginRegister, CALL, PLAIN, "_Z16TSPluginRegisterPK24TSPluginRegistrationInfo", int,                                       \
    (const struct memtrack_api_registration *))                                                                                   \
  X(TSTrafficServerVersionGet, CALL, PLAIN, "_Z25TSTrafficServerVersionGetv", const char *, (void))                               \
  X(TSError, CALL, PLAIN, "_Z7TSErrorPKcz", void, (const char *, ...))                                                            \
  X(TSWarning, CALL, PLAIN, "_Z9TSWarningPKcz", void, (const char *, ...))                                                        \
  X(TSNote, CALL, PLAIN, "_Z6TSNotePKcz", void, (const char *, ...))                                                              \
  X(TSConfigDirGet, CALL, PLAIN, "_Z14TSConfigDirGetv", const char *, (void))                                                     \
  X(TSMgmtIntCreate, CALL, PLAIN,                                                                                                 \
    "_Z15TSMgmtIntCreate12TSRecordTypePKcl18TSRecordUpdateType17TSRecordCheckTypeS1_18TSRecordAccessType", int,                   \
    (int, const char *, int64_t, int, int, const char *, int))                                                                    \
  X(TSMgmtStringCreate, CALL, PLAIN,                                                                                              \
    "_Z18TSMgmtStringCreate12TSRecordTypePKcPc18TSRecordUpdateType17TSRecordCheckTypeS1_18TSRecordAccessType", int,               \
    (int, const char *, char *, int, int, const char *, int))                                                                     \
  X(TSMgmtStringGet, CALL, HOOKED, "_Z15TSMgmtStringGetPKcPPc", int, (const char *, char **))                                     \
  X(TSMgmtIntGet, CALL, PLAIN, "_Z12TSMgmtIntGetPKcPl", int, (const char *, int64_t *))                                           \
  X(TSMgmtCounterGet, CALL, PLAIN, "_Z16TSMgmtCounterGetPKcPl", int, (const char *, int64_t *))                                   \
  X(TSMgmtUpdateRegister, CALL, PLAIN, "_Z20TSMgmtUpdateRegisterP10tsapi_contPKcS2_", void, (void *, const char *, const char *)) \
  X(TSLifecycleHookAdd, CALL, PLAIN, "_Z18TSLifecycleHookAdd17TSLifecycleHookIDP10tsapi_cont", void, (int, void *))               \
  X(TSContScheduleOnPool, CALL, PLAIN, "_Z20TSContScheduleOnPoolP10tsapi_contl12TSThreadPool", void *, (void *, int64_t, int))    \
  X(TSContScheduleEveryOnPool, CALL, PLAIN, "_Z25TSContScheduleEveryOnPoolP10tsapi_contl12TSThreadPool", void *,                  \
    (void *, int64_t, int))                                                                                                       \
  X(TSStatCreate, CALL, PLAIN, "_Z12TSStatCreatePKc16TSRecordDataType17TSStatPersistence10TSStatSync", int,                       \
    (const char *, int, int, int))                                                                                                \
  X(TSStatIntSet, CALL, PLAIN, "_Z12TSStatIntSetil", void, (int, int64_t))

/* Enumerators of ts.h, without TS_. */
#define MEMTRACK_API_CONSTANTS(X)              \
  X(SUCCESS, 0)                                \
  X(ERROR, -1)                                 \
  X(EVENT_LIFECYCLE_MSG, 60105)                \
  X(EVENT_LIFECYCLE_TASK_THREADS_READY, 60106) \
  X(LIFECYCLE_PORTS_READY_HOOK, 1)             \
  X(LIFECYCLE_MSG_HOOK, 5)                     \
  X(LIFECYCLE_TASK_THREADS_READY_HOOK, 6)      \
  X(THREAD_POOL_TASK, 1)                       \
  X(RECORDTYPE_CONFIG, 1)                      \
  X(RECORDUPDATE_DYNAMIC, 1)                   \
  X(RECORDUPDATE_RESTART_TS, 2)                \
  X(RECORDCHECK_NULL, 0)                       \
  X(RECORDCHECK_INT, 2)                        \
  X(RECORDACCESS_NULL, 0)                      \
  X(RECORDDATATYPE_INT, 1)                     \
  X(STAT_NON_PERSISTENT, 2)                    \
  X(STAT_SYNC_SUM, 0)

enum {
#define X(name, value) MEMTRACK_TS_##name = value,
  MEMTRACK_API_CONSTANTS(X)
#undef X
};

enum memtrack_api_function {
#define X(name, use, hooked, name_in_10, result, parameters) MEMTRACK_API_##name,
  MEMTRACK_API(X)
#undef X
    MEMTRACK_API_COUNT,
};

/* The functions; NULL if the server does not have the function. */
struct memtrack_api {
#define X(name, use, hooked, name_in_10, result, parameters) result(*name) parameters;
  MEMTRACK_API(X)
#undef X
};

extern struct memtrack_api memtrack_api MT_ALIGNED(64) MT_HIDDEN;

/* Called by the server; the only function that memtrack.so exports. 10 also looks it up by its C name. init-only. */
void TSPluginInit(int argc, const char *argv[]);

/* Looks up all functions. init-only: the loader takes its lock. */
void memtrack_api_open(void);

/* Name under which a function was found, which is also the name of plugins' slots for it; NULL if it was not found. Any thread. */
const char *memtrack_api_name(enum memtrack_api_function function);

/* Whether ts.h has inline functions that call these: then a plugin can contain copies of them. Any thread. */
bool memtrack_api_is_inline(void);

/* The first function of a use that was not found, by its name in 9.2; NULL if all were found. Any thread. */
const char *memtrack_api_lacks(enum memtrack_api_use use);

#ifdef __cplusplus
}
#endif

#endif
