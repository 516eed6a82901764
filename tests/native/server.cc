// SPDX-License-Identifier: Apache-2.0
//
// The plugin API of a server that memtrack does not know, as far as memtrack.so asks for it: after 10.2, whose functions have C++
// names (its ts.h says no extern "C"), or with -DNAMES_IN_C of one before 9.2. What is called is said on stdout, a line each.
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

struct TSPluginRegistrationInfo {
  const char *plugin_name, *vendor_name, *support_email;
};
enum TSEvent : int {};
enum TSFetchWakeUpOptions : int {};
enum TSIOBufferSizeIndex : int {};
enum TSLifecycleHookID : int {};
enum TSRecordAccessType : int {};
enum TSRecordCheckType : int {};
enum TSRecordDataType : int {};
enum TSRecordType : int {};
enum TSRecordUpdateType : int {};
enum TSStatPersistence : int {};
enum TSStatSync : int {};
enum TSThreadPool : int {};
struct TSFetchEvent {
  int success, failure, timeout;
};
struct TSHttpConnectOptions;
using Cont       = struct tsapi_cont *;
using Mutex      = struct tsapi_mutex *;
using Buffer     = struct tsapi_iobuffer *;
using Reader     = struct tsapi_bufferreader *;
using Txn        = struct tsapi_httptxn *;
using MBuffer    = struct tsapi_mbuffer *;
using Loc        = struct tsapi_mloc *;
using Address    = const struct sockaddr *;
using HttpInfo   = struct tsapi_cachehttpinfo *;
using EventFunc  = int (*)(Cont, TSEvent, void *);
using ThreadFunc = void *(*)(void *);

#define SAYS(name, parameters) \
  void *name parameters        \
  {                            \
    puts(#name);               \
    return nullptr;            \
  }
#define SAYS_LINE(name)              \
  void name(const char *format, ...) \
  {                                  \
    va_list list;                    \
    printf("%s ", #name);            \
    va_start(list, format);          \
    vprintf(format, list);           \
    va_end(list);                    \
    puts("");                        \
  }

#ifdef NAMES_IN_C
#define VERSION "9.1.4"
extern "C" {
SAYS(_TSfree, (void *))
SAYS(TSHttpTxnHookRegisteredFor, (Txn, int, EventFunc))
SAYS(TSMatcherReadIntoBuffer, (char *, int *))
SAYS(TSMatcherLineCreate, ())
SAYS(TSMatcherLineDestroy, (void *))
#else
#define VERSION "10.3.0"
SAYS(TSfree, (void *))
#endif

int
TSPluginRegister(const TSPluginRegistrationInfo *info)
{
  printf("TSPluginRegister %s\n", info->plugin_name);
  return 0;
}

const char *
TSTrafficServerVersionGet()
{
  const char *said = getenv("TEST_SERVER_VERSION");
  return said ? said : VERSION;
}

SAYS_LINE(TSError)
SAYS_LINE(TSNote)
SAYS_LINE(TSWarning)
SAYS(TSConfigDirGet, ())
SAYS(TSContScheduleEveryOnPool, (Cont, int64_t, TSThreadPool))
SAYS(TSContScheduleOnPool, (Cont, int64_t, TSThreadPool))
SAYS(TSLifecycleHookAdd, (TSLifecycleHookID, Cont))
SAYS(TSMgmtCounterGet, (const char *, int64_t *))
SAYS(TSMgmtIntCreate,
     (TSRecordType, const char *, int64_t, TSRecordUpdateType, TSRecordCheckType, const char *, TSRecordAccessType))
SAYS(TSMgmtStringCreate,
     (TSRecordType, const char *, char *const, TSRecordUpdateType, TSRecordCheckType, const char *, TSRecordAccessType))
SAYS(TSMgmtStringGet, (const char *, char **))
SAYS(TSMgmtIntGet, (const char *, int64_t *))
SAYS(TSMgmtUpdateRegister, (Cont, const char *, const char *))
SAYS(TSStatCreate, (const char *, TSRecordDataType, TSStatPersistence, TSStatSync))
SAYS(TSStatIntSet, (int, int64_t))

SAYS(_TSmalloc, (size_t, const char *))
SAYS(_TSrealloc, (void *, size_t, const char *))
SAYS(_TSstrdup, (const char *, int64_t, const char *))
SAYS(TSContCreate, (EventFunc, Mutex))
SAYS(TSContDestroy, (Cont))
SAYS(TSContMutexGet, (Cont))
SAYS(TSTransformCreate, (EventFunc, Txn))
SAYS(TSVConnCreate, (EventFunc, Mutex))
SAYS(TSMutexCreate, ())
SAYS(TSMutexDestroy, (Mutex))
SAYS(TSMBufferCreate, ())
SAYS(TSMBufferDestroy, (MBuffer))
SAYS(TSIOBufferCreate, ())
SAYS(TSIOBufferSizedCreate, (TSIOBufferSizeIndex))
SAYS(TSIOBufferDestroy, (Buffer))
SAYS(TSIOBufferReaderAlloc, (Buffer))
SAYS(TSIOBufferReaderClone, (Reader))
SAYS(TSIOBufferReaderFree, (Reader))
SAYS(TSIOBufferStart, (Buffer))
SAYS(TSIOBufferBlockWriteAvail, (struct tsapi_bufferblock *))
SAYS(TSUrlCreate, (struct tsapi_mbuffer *, struct tsapi_mloc **))
SAYS(TSUrlPathSet, (struct tsapi_mbuffer *, struct tsapi_mloc *, const char *, int))
SAYS(TSUrlClone, (struct tsapi_mbuffer *, struct tsapi_mbuffer *, struct tsapi_mloc *, struct tsapi_mloc **))
SAYS(TSCacheKeyCreate, ())
SAYS(TSCacheKeyDestroy, (struct tsapi_cachekey *))
SAYS(TSMimeParserCreate, ())
SAYS(TSMimeParserDestroy, (struct tsapi_mimeparser *))
SAYS(TSHttpParserCreate, ())
SAYS(TSHttpParserDestroy, (struct tsapi_httpparser *))
SAYS(TSUuidCreate, ())
SAYS(TSUuidDestroy, (struct tsapi_uuid *))
SAYS(TSTextLogObjectCreate, (const char *, int, struct tsapi_textlogobject **))
SAYS(TSTextLogObjectDestroy, (struct tsapi_textlogobject *))
SAYS(TSfopen, (const char *, const char *))
SAYS(TSfclose, (struct tsapi_file *))
SAYS(TSHttpTxnReenable, (Txn, TSEvent))
SAYS(TSHttpSsnReenable, (struct tsapi_httpssn *, TSEvent))
SAYS(TSVConnReenable, (Cont))
SAYS(TSVConnReenableEx, (Cont, TSEvent))
SAYS(TSVIOReenable, (struct tsapi_vio *))
SAYS(TSFetchUrl, (const char *, int, const struct sockaddr *, Cont, TSFetchWakeUpOptions, TSFetchEvent))
SAYS(TSFetchPages, (struct TSFetchUrlParams *))
SAYS(TSFetchLaunch, (struct tsapi_fetchsm *))
SAYS(TSFetchWriteData, (struct tsapi_fetchsm *, const void *, size_t))
SAYS(TSHttpTxnIntercept, (Cont, Txn))
SAYS(TSHttpTxnServerIntercept, (Cont, Txn))
SAYS(TSThreadCreate, (ThreadFunc, void *))
SAYS(TSThreadInit, ())
SAYS(TSThreadDestroy, (struct tsapi_thread *))
SAYS(TSUrlStringGet, (MBuffer, Loc, int *))
SAYS(TSHttpTxnEffectiveUrlStringGet, (Txn, int *))
SAYS(TSSslSecretGet, (const char *, int, int *))
SAYS(TSHttpConnect, (Address))
SAYS(TSHttpConnectWithPluginId, (Address, const char *, int64_t))
SAYS(TSHttpConnectPlugin, (TSHttpConnectOptions *))
SAYS(TSHttpConnectTransparent, (Address, Address))
SAYS(TSVConnFdCreate, (int))
SAYS(TSVConnClose, (Cont))
SAYS(TSVConnAbort, (Cont, int))
SAYS(TSFetchCreate, (Cont, const char *, const char *, const char *, Address, int))
SAYS(TSFetchDestroy, (struct tsapi_fetchsm *))
SAYS(TSCacheHttpInfoCreate, ())
SAYS(TSCacheHttpInfoCopy, (HttpInfo))
SAYS(TSCacheHttpInfoDestroy, (HttpInfo))
SAYS(TSMimeHdrFieldFind, (MBuffer, Loc, const char *, int))
SAYS(TSMimeHdrFieldGet, (MBuffer, Loc, int))
SAYS(TSMimeHdrFieldNext, (MBuffer, Loc, Loc))
SAYS(TSMimeHdrFieldNextDup, (MBuffer, Loc, Loc))
SAYS(TSMimeHdrFieldCreate, (MBuffer, Loc, Loc *))
SAYS(TSMimeHdrFieldCreateNamed, (MBuffer, Loc, const char *, int, Loc *))
SAYS(TSMimeHdrFieldClone, (MBuffer, Loc, MBuffer, Loc, Loc, Loc *))
SAYS(TSHandleMLocRelease, (MBuffer, Loc, Loc))
#ifdef NAMES_IN_C
}
#endif
