// SPDX-License-Identifier: Apache-2.0
//
// The hooks of the plugin API and of pthread_create(), with hostile arguments. The server here accepts every argument and looks at
// none, so a hook that reads more than it may ends the test. A hook passes on the arguments, the result and errno. One test for
// each function.
#define _GNU_SOURCE
#include "hostile.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hook/objects.h"
#include "hook/plugin.h"
#include "server/api.h"

#define TABLE_OF_ONE          \
  {                           \
    memtrack_plugin_api, NULL \
  }

static const size_t POSSIBLE[] = {0, 1, 8, 24, 40, 1000, 1033, 200000};
// ---- the server ----

static intptr_t given; // what its functions return
static bool muted;     // while a scenario prepares something

static intptr_t
serve(const char *name, int count, intptr_t a, intptr_t b, intptr_t c)
{
  if (!muted) {
    answer(name, count > 0 ? a : 0);
    answer(name, count > 1 ? b : 0);
    answer(name, count > 2 ? c : 0);
  }
  errno = 77; // a hook keeps it
  return given;
}

// Called by plugins, with that many arguments.
#define SERVES_(name, count)                         \
  intptr_t name(intptr_t a, intptr_t b, intptr_t c); \
  intptr_t name(intptr_t a, intptr_t b, intptr_t c)  \
  {                                                  \
    return serve(#name, count, a, b, c);             \
  }
// Called by plugins with a function, which may arrive as a thunk, and with one more argument.
#define WRAPS_(name)                      \
  intptr_t name(intptr_t a, intptr_t b);  \
  intptr_t name(intptr_t a, intptr_t b)   \
  {                                       \
    return serve(#name, 2, a != 0, b, 0); \
  }
// Called by memtrack, or more often than by the plugin.
#define HELPS_(name)   \
  intptr_t name(void); \
  intptr_t name(void)  \
  {                    \
    return given;      \
  }

WRAPS_(TSContCreate)
WRAPS_(TSVConnCreate)
WRAPS_(TSTransformCreate)
SERVES_(TSContDestroy, 1)
SERVES_(TSMutexCreate, 0)
SERVES_(TSMutexDestroy, 1)
SERVES_(TSMBufferCreate, 0)
SERVES_(TSMBufferDestroy, 1)
SERVES_(TSIOBufferCreate, 0)
SERVES_(TSIOBufferSizedCreate, 1)
SERVES_(TSIOBufferDestroy, 1)
SERVES_(TSIOBufferReaderAlloc, 1)
SERVES_(TSIOBufferReaderClone, 1)
SERVES_(TSIOBufferReaderFree, 1)
SERVES_(TSCacheKeyCreate, 0)
SERVES_(TSCacheKeyDestroy, 1)
SERVES_(TSMimeParserCreate, 0)
SERVES_(TSMimeParserDestroy, 1)
SERVES_(TSHttpParserCreate, 0)
SERVES_(TSHttpParserDestroy, 1)
SERVES_(TSUuidCreate, 0)
SERVES_(TSUuidDestroy, 1)
SERVES_(TSTextLogObjectDestroy, 1)
SERVES_(TSfopen, 2)
SERVES_(TSfclose, 1)
SERVES_(TSHttpTxnReenable, 2)
SERVES_(TSHttpSsnReenable, 2)
SERVES_(TSVConnReenable, 1)
SERVES_(TSVConnReenableEx, 2)
SERVES_(TSVIOReenable, 1)
SERVES_(TSThreadInit, 0)
SERVES_(TSThreadDestroy, 1)
SERVES_(TSHttpConnect, 1)
SERVES_(TSHttpConnectWithPluginId, 3)
SERVES_(TSHttpConnectPlugin, 1)
SERVES_(TSHttpConnectTransparent, 2)
SERVES_(TSVConnFdCreate, 1)
SERVES_(TSVConnClose, 1)
SERVES_(TSVConnAbort, 2)
SERVES_(TSFetchCreate, 3)
SERVES_(TSFetchDestroy, 1)
SERVES_(TSCacheHttpInfoCreate, 0)
SERVES_(TSCacheHttpInfoCopy, 1)
SERVES_(TSCacheHttpInfoDestroy, 1)
SERVES_(TSMatcherLineCreate, 0)
SERVES_(TSMatcherLineDestroy, 1)
SERVES_(TSMimeHdrFieldFind, 3)
SERVES_(TSMimeHdrFieldGet, 3)
SERVES_(TSMimeHdrFieldNext, 3)
SERVES_(TSMimeHdrFieldNextDup, 3)
SERVES_(TSHandleMLocRelease, 3)
HELPS_(TSHttpTxnHookRegisteredFor)
SERVES_(TSFetchUrl, 5)
SERVES_(TSFetchPages, 1)
SERVES_(TSFetchLaunch, 1)
SERVES_(TSFetchWriteData, 3)
SERVES_(TSHttpTxnIntercept, 2)
SERVES_(TSHttpTxnServerIntercept, 2)
WRAPS_(TSThreadCreate)
HELPS_(TSContMutexGet)
HELPS_(TSIOBufferStart)
HELPS_(TSIOBufferBlockWriteAvail)

int TSTextLogObjectCreate(const char *name, int mode, void **object);
int TSMimeHdrFieldCreate(void *buffer, void *header, void **handle);
int TSMimeHdrFieldCreateNamed(void *buffer, void *header, const char *name, int length, void **handle);
int TSMimeHdrFieldClone(void *to, void *to_header, void *from, void *from_header, void *field, void **handle);
char *TSUrlStringGet(void *buffer, void *url, int *length);
char *TSHttpTxnEffectiveUrlStringGet(void *transaction, int *length);
char *TSMatcherReadIntoBuffer(char *file, int *length);
char *TSSslSecretGet(const char *name, int name_length, int *length);
int TSMgmtStringGet(const char *record, char **text);
void *_TSmalloc(size_t size, const char *path);
void *_TSrealloc(void *block, size_t size, const char *path);
char *_TSstrdup(const char *text, int64_t length, const char *path);
void _TSfree(void *block);

int
TSTextLogObjectCreate(const char *name, int mode, void **object)
{
  serve("TSTextLogObjectCreate", 2, (intptr_t)name, mode, 0);
  *object = given ? NULL : POISON;
  return given ? MEMTRACK_TS_ERROR : MEMTRACK_TS_SUCCESS;
}

// Like the server, these leave the variable alone if they refuse.
int
TSMimeHdrFieldCreate(void *buffer, void *header, void **handle)
{
  int result =
    (int)serve("TSMimeHdrFieldCreate", 2, (intptr_t)buffer, (intptr_t)header, 0) == -1 ? MEMTRACK_TS_ERROR : MEMTRACK_TS_SUCCESS;
  if (result == MEMTRACK_TS_SUCCESS) {
    *handle = (void *)given;
  }
  return result;
}

int
TSMimeHdrFieldCreateNamed(void *buffer, void *header, const char *name, int length, void **handle)
{
  answer("name", (intptr_t)name);
  answer("length", length);
  return TSMimeHdrFieldCreate(buffer, header, handle);
}

int
TSMimeHdrFieldClone(void *to, void *to_header, void *from, void *from_header, void *field, void **handle)
{
  serve("TSMimeHdrFieldClone", 3, (intptr_t)from, (intptr_t)from_header, (intptr_t)field);
  return TSMimeHdrFieldCreate(to, to_header, handle);
}

// The text that the plugin must release: `text_size` bytes, of which some are zeros. Without one, the length is not written.
static int text_size;

static char *
make_text(int *length, int behind)
{
  if (text_size < 0) {
    return NULL;
  }
  char *text = malloc(text_size + behind);
  memset(text, 0, text_size + behind);
  for (int i = 0; i < text_size; ++i) {
    text[i] = (char)(i % 5 ? 'a' + i % 26 : 0);
  }
  *length = text_size;
  return text;
}

char *
TSUrlStringGet(void *buffer, void *url, int *length)
{
  serve("TSUrlStringGet", 2, (intptr_t)buffer, (intptr_t)url, 0);
  return make_text(length, 1);
}

char *
TSHttpTxnEffectiveUrlStringGet(void *transaction, int *length)
{
  serve("TSHttpTxnEffectiveUrlStringGet", 1, (intptr_t)transaction, 0, 0);
  return make_text(length, 1);
}

char *
TSMatcherReadIntoBuffer(char *file, int *length)
{
  int own;
  serve("TSMatcherReadIntoBuffer", 1, (intptr_t)file, 0, 0);
  return make_text(length ? length : &own, 1);
}

char *
TSSslSecretGet(const char *name, int name_length, int *length)
{
  serve("TSSslSecretGet", 2, (intptr_t)name, name_length, 0);
  return make_text(length, 0);
}

int
TSMgmtStringGet(const char *record, char **text)
{
  serve("TSMgmtStringGet", 1, (intptr_t)record, 0, 0);
  if (text_size < 0) {
    return MEMTRACK_TS_ERROR;
  }
  *text = malloc(text_size + 1);
  memset(*text, 'x', text_size);
  (*text)[text_size] = '\0';
  return MEMTRACK_TS_SUCCESS;
}

// The memory functions behave as those of 9.2 and 10: a failure ends the process, and a length is an int.
void *
_TSmalloc(size_t size, const char *path)
{
  (void)path;
  void *block = size ? malloc(size) : NULL;
  if (size && !block) {
    abort();
  }
  return block;
}

void *
_TSrealloc(void *block, size_t size, const char *path)
{
  (void)path;
  void *moved = realloc(block, size);
  if (!moved) {
    abort();
  }
  return moved;
}

char *
_TSstrdup(const char *text, int64_t length64, const char *path)
{
  int length = (int)length64;
  if (!text) {
    return NULL;
  }
  length     = length < 0 ? (int)strlen(text) : length;
  char *copy = _TSmalloc((int)((unsigned)length + 1), path);
  if (length) {
    strncpy(copy, text, length);
  }
  copy[length] = '\0';
  return copy;
}

void
_TSfree(void *block)
{
  free(block);
}

// ---- functions that pass on what they get ----

// An object, none, or the code of a failure.
static const intptr_t GIVEN[] = {(intptr_t)0xdeadbeefdeadbeef, 0, -1};

#define RETURNS_(name, arguments)                                                               \
  static void pass_##name(function tested)                                                      \
  {                                                                                             \
    FOR_EACH (i, GIVEN) {                                                                       \
      given = GIVEN[i];                                                                         \
      WITH_ERRNO(answer("result", (intptr_t)((__typeof__(memtrack_api.name))tested)arguments)); \
    }                                                                                           \
  }
#define PASSES_(name, arguments)                                    \
  static void pass_##name(function tested)                          \
  {                                                                 \
    FOR_EACH (i, GIVEN) {                                           \
      given = GIVEN[i];                                             \
      WITH_ERRNO(((__typeof__(memtrack_api.name))tested)arguments); \
    }                                                               \
  }

#define HANDLER ((memtrack_api_handler)POISON)

RETURNS_(TSContCreate, (HANDLER, POISON))
RETURNS_(TSVConnCreate, (HANDLER, POISON))
RETURNS_(TSTransformCreate, (HANDLER, POISON))
RETURNS_(TSMutexCreate, ())
RETURNS_(TSMBufferCreate, ())
RETURNS_(TSIOBufferCreate, ())
RETURNS_(TSIOBufferSizedCreate, (INT_MAX))
RETURNS_(TSIOBufferReaderAlloc, (POISON))
RETURNS_(TSIOBufferReaderClone, (POISON))
RETURNS_(TSCacheKeyCreate, ())
RETURNS_(TSMimeParserCreate, ())
RETURNS_(TSHttpParserCreate, ())
RETURNS_(TSUuidCreate, ())
RETURNS_(TSfopen, (POISON, POISON))
RETURNS_(TSHttpTxnHookRegisteredFor, (POISON, INT_MAX, HANDLER))
RETURNS_(TSThreadCreate, ((void *(*)(void *))POISON, POISON))
RETURNS_(TSThreadInit, ())
RETURNS_(TSHttpConnect, (POISON))
RETURNS_(TSHttpConnectWithPluginId, (POISON, POISON, INT64_MIN))
RETURNS_(TSHttpConnectPlugin, (POISON))
RETURNS_(TSHttpConnectTransparent, (POISON, NULL))
RETURNS_(TSVConnFdCreate, (INT_MIN))
RETURNS_(TSFetchCreate, (POISON, POISON, NULL, POISON, POISON, INT_MAX))
RETURNS_(TSCacheHttpInfoCreate, ())
RETURNS_(TSCacheHttpInfoCopy, (POISON))
RETURNS_(TSMatcherLineCreate, ())
RETURNS_(TSMimeHdrFieldFind, (POISON, NULL, POISON, INT_MIN))
RETURNS_(TSMimeHdrFieldGet, (POISON, POISON, INT_MAX))
RETURNS_(TSMimeHdrFieldNext, (POISON, POISON, POISON))
RETURNS_(TSMimeHdrFieldNextDup, (POISON, NULL, POISON))
PASSES_(TSHttpTxnReenable, (POISON, INT_MAX))
PASSES_(TSHttpSsnReenable, (POISON, INT_MAX))
PASSES_(TSVConnReenable, (POISON))
PASSES_(TSVConnReenableEx, (POISON, INT_MAX))
PASSES_(TSVIOReenable, (POISON))
RETURNS_(TSFetchUrl, (POISON, INT_MAX, POISON, POISON, INT_MAX, (struct memtrack_api_fetch_event){0}))
PASSES_(TSFetchPages, (POISON))
PASSES_(TSFetchLaunch, (POISON))
PASSES_(TSFetchWriteData, (POISON, POISON, SIZE_MAX))
PASSES_(TSHttpTxnIntercept, (POISON, POISON))
PASSES_(TSHttpTxnServerIntercept, (POISON, POISON))

// Destroys an object that a plugin created, an unknown one, and none.
static void
destroy_with(intptr_t (*destroy)(function, void *), function tested, const char *creates)
{
  function create = hook_of(memtrack_plugin_api, creates);
  FOR_EACH (i, GIVEN) {
    muted = true;
    given = (intptr_t)POISON;
    // Arguments behind those that it takes do no harm.
    ((void *(*)(void *, void *))create)(POISON, POISON);
    muted = false;
    given = GIVEN[i];
    WITH_ERRNO(answer("known", destroy(tested, POISON)));
    WITH_ERRNO(answer("again", destroy(tested, POISON)));
    WITH_ERRNO(answer("unknown", destroy(tested, (void *)8)));
    WITH_ERRNO(answer("none", destroy(tested, NULL)));
  }
}

static intptr_t
destroy_void(function tested, void *object)
{
  ((void (*)(void *))tested)(object);
  return 0;
}

static intptr_t
destroy_int(function tested, void *object)
{
  return ((int (*)(void *))tested)(object);
}

static intptr_t
destroy_abort(function tested, void *object)
{
  ((void (*)(void *, int))tested)(object, INT_MIN);
  return 0;
}

static intptr_t
destroy_handle(function tested, void *object)
{
  return ((int (*)(void *, void *, void *))tested)(POISON, NULL, object);
}

#define DESTROYS_(name, result, creates)              \
  static void pass_##name(function tested)            \
  {                                                   \
    destroy_with(destroy_##result, tested, #creates); \
  }

DESTROYS_(TSContDestroy, void, TSContCreate)
DESTROYS_(TSMutexDestroy, void, TSMutexCreate)
DESTROYS_(TSMBufferDestroy, int, TSMBufferCreate)
DESTROYS_(TSIOBufferDestroy, void, TSIOBufferCreate)
DESTROYS_(TSIOBufferReaderFree, void, TSIOBufferReaderAlloc)
DESTROYS_(TSCacheKeyDestroy, int, TSCacheKeyCreate)
DESTROYS_(TSMimeParserDestroy, void, TSMimeParserCreate)
DESTROYS_(TSHttpParserDestroy, void, TSHttpParserCreate)
DESTROYS_(TSUuidDestroy, void, TSUuidCreate)
DESTROYS_(TSfclose, void, TSfopen)
DESTROYS_(TSTextLogObjectDestroy, int, TSUuidCreate)
DESTROYS_(TSThreadDestroy, void, TSThreadInit)
DESTROYS_(TSFetchDestroy, void, TSFetchCreate)
DESTROYS_(TSCacheHttpInfoDestroy, void, TSCacheHttpInfoCopy)
DESTROYS_(TSMatcherLineDestroy, void, TSMatcherLineCreate)
DESTROYS_(TSVConnClose, void, TSVConnFdCreate)

static void
pass_TSVConnAbort(function tested)
{
  destroy_with(destroy_abort, tested, "TSHttpConnect");
}

static void
pass_TSHandleMLocRelease(function tested)
{
  destroy_with(destroy_handle, tested, "TSMimeHdrFieldFind");
}

// The variable is the last before a page without access. It is not initialised, and read only after success.
#define STORES_(name, call)                                                  \
  static void pass_##name(function tested)                                   \
  {                                                                          \
    __typeof__(memtrack_api.name) f = (__typeof__(memtrack_api.name))tested; \
    FOR_EACH (i, GIVEN) {                                                    \
      void **handle = before_guard(NULL, sizeof(*handle));                   \
      given         = GIVEN[i];                                              \
      WITH_ERRNO(answer("result", call));                                    \
      answer("handle", (intptr_t)*handle);                                   \
    }                                                                        \
    given         = -1;                                                      \
    void **handle = POISON; /* which a call that fails does not touch */     \
    WITH_ERRNO(answer("result", call));                                      \
  }

STORES_(TSMimeHdrFieldCreate, f(POISON, POISON, handle))
STORES_(TSMimeHdrFieldCreateNamed, f(POISON, NULL, POISON, INT_MIN, handle))
STORES_(TSMimeHdrFieldClone, f(POISON, POISON, NULL, POISON, POISON, handle))

// The variable is the last before a page without access.
static void
pass_TSTextLogObjectCreate(function tested)
{
  void **object = before_guard(NULL, sizeof(*object));
  FOR_EACH (i, GIVEN) {
    given = GIVEN[i];
    WITH_ERRNO(answer("result", ((__typeof__(memtrack_api.TSTextLogObjectCreate))tested)(POISON, INT_MAX, object)));
    answer("object", (intptr_t)*object);
  }
}

static void
create_a_log_nowhere(function tested)
{
  muted = true;
  ((__typeof__(memtrack_api.TSTextLogObjectCreate))tested)(POISON, 0, NULL);
}

// ---- memory ----

// Nobody reads the path: the server ignores it.
static const char *const PATHS[] = {NULL, POISON, "", "/", "memory/a.c:1", "memory/no/file/after/it/"};

static void
pass__TSmalloc(function tested)
{
  void *(*f)(size_t, const char *) = (void *(*)(size_t, const char *))tested;
  FOR_EACH (p, PATHS) {
    FOR_EACH (i, POSSIBLE) {
      void *block;
      WITH_ERRNO(block = f(POSSIBLE[i], PATHS[p]));
      answer("allocated", block != NULL);
      if (block) {
        memset(block, 0xff, POSSIBLE[i]);
      }
      give_back(block);
    }
  }
  // A path whose end cannot be read.
  const char *cut = before_guard("memory/cut.c:1", 14);
  give_back(f(24, cut));
}

static void
allocate_too_much(function tested)
{
  ((void *(*)(size_t, const char *))tested)(SIZE_MAX - 8, "");
}

typedef void *(*realloc_like)(void *, size_t, const char *);

static void
pass__TSrealloc(function tested)
{
  realloc_like f = (realloc_like)tested;
  FOR_EACH (p, PATHS) {
    FOR_EACH (from, POSSIBLE) {
      FOR_EACH (to, POSSIBLE) {
        size_t old = POSSIBLE[from], size = POSSIBLE[to] + (to == 0);
        void *block =
          from % 2 ? malloc(old) : ((void *(*)(size_t, const char *))hook_of(memtrack_plugin_api, "_TSmalloc"))(old, "");
        if (block) {
          memset(block, 7, old);
        }
        uint8_t *moved;
        WITH_ERRNO(moved = f(block, size, PATHS[p]));
        size_t kept = 0, least = old < size ? old : size;
        while (kept < least && moved[kept] == 7) {
          ++kept;
        }
        answer("kept", kept);
        memset(moved, 0xff, size);
        give_back(moved);
      }
    }
  }
}

static void
resize_to_nothing(function tested)
{
  ((realloc_like)tested)(malloc(24), 0, "");
}

static void
resize_to_too_much(function tested)
{
  ((realloc_like)tested)(malloc(24), SIZE_MAX - 4, "");
}

static void
resize_from_nowhere(function tested)
{
  ((realloc_like)tested)(POISON, 24, "");
}

typedef char *(*strdup_like)(const char *, int64_t, const char *);

static void
answer_copy(strdup_like f, const char *text, int64_t length, const char *path)
{
  char *copy;
  WITH_ERRNO(copy = f(text, length, path));
  answer("copied", copy != NULL);
  if (copy) {
    size_t copied = strlen(copy);
    answer("length", copied);
    answer("same", memcmp(copy, text, copied) == 0);
  }
  give_back(copy);
}

// The server takes the low 32 bits of a length: -1 as an unsigned int means the whole text.
static void
pass__TSstrdup(function tested)
{
  strdup_like f     = (strdup_like)tested;
  const char *text  = before_guard("a text", 7);
  const char *array = before_guard("an array", 8);
  FOR_EACH (p, PATHS) {
    static const int64_t WHOLE[] = {-1, INT64_MIN + INT_MAX + 1LL, INT_MIN, UINT_MAX, (int64_t)INT_MAX + 1, -2 - (int64_t)UINT_MAX};
    FOR_EACH (i, WHOLE) {
      answer_copy(f, text, WHOLE[i], PATHS[p]);
    }
    static const int64_t PARTS[] = {0, 1, 8, 1LL << 32, (1LL << 32) + 3, INT64_MIN + 8};
    FOR_EACH (i, PARTS) {
      answer_copy(f, array, PARTS[i], PATHS[p]);
    }
    answer_copy(f, text, 20, PATHS[p]); // the rest is padded
    answer_copy(f, POISON, 0, PATHS[p]);
    answer_copy(f, NULL, 5, PATHS[p]);
    answer_copy(f, NULL, -1, PATHS[p]);
  }
}

static void
copy_too_much(function tested)
{
  ((strdup_like)tested)("", INT_MAX, "");
}

static void
copy_from_nowhere(function tested)
{
  ((strdup_like)tested)(POISON, 5, "");
}

static void
pass__TSfree(function tested)
{
  void (*f)(void *) = (void (*)(void *))tested;
  FOR_EACH (i, POSSIBLE) {
    WITH_ERRNO(f(malloc(POSSIBLE[i])));
    WITH_ERRNO(f(((void *(*)(size_t, const char *))hook_of(memtrack_plugin_api, "_TSmalloc"))(POSSIBLE[i], "")));
  }
  WITH_ERRNO(f(NULL));
}

static void
release_nothing(function tested)
{
  ((void (*)(void *))tested)(POISON);
}

// ---- texts of the server ----

static const int TEXTS[] = {-1, 0, 1, 7, 8, 15, 16, 23, 24, 39, 40, 100, 1031, 5000, 200000};

static void
answer_text(const char *text, size_t size)
{
  uint64_t sum = 5381;
  for (size_t i = 0; text && i < size; ++i) {
    sum = sum * 33 + (uint8_t)text[i];
  }
  answer("text", text != NULL);
  answer("bytes", (int64_t)sum);
}

// The file's length need not be asked for.
static char *
read_file(char *(*read)(char *, int *), int *length, bool asks)
{
  char *text = read(POISON, asks ? length : NULL);
  *length    = asks ? *length : text_size;
  return text;
}

// The variable is the last before a page without access.
#define TAKES_(name, behind, call)                                           \
  static void pass_##name(function tested)                                   \
  {                                                                          \
    __typeof__(memtrack_api.name) f = (__typeof__(memtrack_api.name))tested; \
    int *length                     = before_guard(NULL, sizeof(*length));   \
    FOR_EACH (i, TEXTS) {                                                    \
      given = 0;                                                             \
      for (int times = 0; times < 3; ++times) {                              \
        char *text;                                                          \
        text_size = TEXTS[i];                                                \
        *length   = 0x5a5a5a5a;                                              \
        WITH_ERRNO(text = call);                                             \
        answer("length", *length);                                           \
        answer_text(text, (size_t)*length + (behind));                       \
        if (text && *length) {                                               \
          memset(text, 0xff, *length);                                       \
        }                                                                    \
        give_back(text);                                                     \
      }                                                                      \
    }                                                                        \
  }

TAKES_(TSUrlStringGet, 1, f(POISON, POISON, length))
TAKES_(TSHttpTxnEffectiveUrlStringGet, 1, f(POISON, length))
TAKES_(TSSslSecretGet, 0, f(POISON, INT_MIN, length))
TAKES_(TSMatcherReadIntoBuffer, 1, read_file(f, length, times > 0))

static void
pass_TSMgmtStringGet(function tested)
{
  __typeof__(memtrack_api.TSMgmtStringGet) f = (__typeof__(memtrack_api.TSMgmtStringGet))tested;
  char **text                                = before_guard(NULL, sizeof(*text));
  given                                      = 0;
  FOR_EACH (i, TEXTS) {
    text_size = TEXTS[i];
    *text     = POISON;
    WITH_ERRNO(answer("result", f(POISON, text)));
    answer("untouched", *text == POISON);
    if (text_size >= 0) {
      answer_text(*text, text_size + 1);
      give_back(*text);
    } else {
      WITH_ERRNO(answer("result", f(POISON, POISON)));
    }
  }
}

static void
take_a_text_without_a_length(function tested)
{
  muted     = true;
  text_size = 5;
  ((__typeof__(memtrack_api.TSUrlStringGet))tested)(POISON, POISON, NULL);
}

static void
take_a_record_without_a_text(function tested)
{
  muted     = true;
  text_size = 5;
  ((__typeof__(memtrack_api.TSMgmtStringGet))tested)(POISON, NULL);
}

static void
create_a_field_nowhere(function tested)
{
  muted = true;
  given = 0;
  ((__typeof__(memtrack_api.TSMimeHdrFieldCreate))tested)(POISON, POISON, NULL);
}

// ---- threads ----

typedef int (*pthread_create_like)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static void *
return_argument(void *argument)
{
  return argument;
}

static void
pass_pthread_create(function tested)
{
  pthread_create_like f = (pthread_create_like)tested;
  pthread_t *thread     = before_guard(NULL, sizeof(*thread));
  pthread_attr_t detached;
  void *result = NULL;
  WITH_ERRNO(answer("created", f(thread, NULL, return_argument, POISON)));
  pthread_join(*thread, &result);
  answer("argument", result == POISON);
  pthread_attr_init(&detached);
  pthread_attr_setstacksize(&detached, (size_t)1 << 46);
  memset(thread, 0x5a, sizeof(*thread));
  WITH_ERRNO(answer("no memory", f(thread, &detached, return_argument, POISON)));
  pthread_attr_destroy(&detached);
}

static void
create_a_thread_nowhere(function tested)
{
  ((pthread_create_like)tested)(POISON, NULL, return_argument, NULL);
}

// ---- the tests ----

static const struct memtrack_redirect *const tables[] = TABLE_OF_ONE;

#define TEST_(symbol)                                                            \
  static void hostile_##symbol(void **state)                                     \
  {                                                                              \
    (void)state;                                                                 \
    compare_hooks(#symbol, plain_of(#symbol), "_TSfree", tables, pass_##symbol); \
  }
// The same in an unusable call.
#define ENDS_(symbol, run) compare_ends(plain_of(#symbol), hook_of(memtrack_plugin_api, #symbol), run)

TEST_(TSContCreate)
TEST_(TSVConnCreate)
TEST_(TSTransformCreate)
TEST_(TSContDestroy)
TEST_(TSMutexCreate)
TEST_(TSMutexDestroy)
TEST_(TSMBufferCreate)
TEST_(TSMBufferDestroy)
TEST_(TSIOBufferCreate)
TEST_(TSIOBufferSizedCreate)
TEST_(TSIOBufferDestroy)
TEST_(TSIOBufferReaderAlloc)
TEST_(TSIOBufferReaderClone)
TEST_(TSIOBufferReaderFree)
TEST_(TSCacheKeyCreate)
TEST_(TSCacheKeyDestroy)
TEST_(TSMimeParserCreate)
TEST_(TSMimeParserDestroy)
TEST_(TSHttpParserCreate)
TEST_(TSHttpParserDestroy)
TEST_(TSUuidCreate)
TEST_(TSUuidDestroy)
TEST_(TSTextLogObjectCreate)
TEST_(TSTextLogObjectDestroy)
TEST_(TSfopen)
TEST_(TSfclose)
TEST_(TSHttpTxnReenable)
TEST_(TSHttpSsnReenable)
TEST_(TSVConnReenable)
TEST_(TSVConnReenableEx)
TEST_(TSVIOReenable)
TEST_(TSHttpTxnHookRegisteredFor)
TEST_(TSFetchUrl)
TEST_(TSFetchPages)
TEST_(TSFetchLaunch)
TEST_(TSFetchWriteData)
TEST_(TSHttpTxnIntercept)
TEST_(TSHttpTxnServerIntercept)
TEST_(TSThreadCreate)
TEST_(TSThreadInit)
TEST_(TSThreadDestroy)
TEST_(TSUrlStringGet)
TEST_(TSHttpTxnEffectiveUrlStringGet)
TEST_(TSSslSecretGet)
TEST_(TSMgmtStringGet)
TEST_(TSMatcherReadIntoBuffer)
TEST_(TSMatcherLineCreate)
TEST_(TSMatcherLineDestroy)
TEST_(TSHttpConnect)
TEST_(TSHttpConnectWithPluginId)
TEST_(TSHttpConnectPlugin)
TEST_(TSHttpConnectTransparent)
TEST_(TSVConnFdCreate)
TEST_(TSVConnClose)
TEST_(TSVConnAbort)
TEST_(TSFetchCreate)
TEST_(TSFetchDestroy)
TEST_(TSCacheHttpInfoCreate)
TEST_(TSCacheHttpInfoCopy)
TEST_(TSCacheHttpInfoDestroy)
TEST_(TSMimeHdrFieldFind)
TEST_(TSMimeHdrFieldGet)
TEST_(TSMimeHdrFieldNext)
TEST_(TSMimeHdrFieldNextDup)
TEST_(TSMimeHdrFieldCreate)
TEST_(TSMimeHdrFieldCreateNamed)
TEST_(TSMimeHdrFieldClone)
TEST_(TSHandleMLocRelease)
TEST_(_TSmalloc)
TEST_(_TSrealloc)
TEST_(_TSstrdup)
TEST_(_TSfree)
TEST_(pthread_create)

static void
what_ends_the_process_ends_it_in_the_same_way(void **state)
{
  (void)state;
  ENDS_(TSTextLogObjectCreate, create_a_log_nowhere);
  ENDS_(_TSmalloc, allocate_too_much);
  ENDS_(_TSrealloc, resize_to_nothing);
  ENDS_(_TSrealloc, resize_to_too_much);
  ENDS_(_TSrealloc, resize_from_nowhere);
  ENDS_(_TSstrdup, copy_too_much);
  ENDS_(_TSstrdup, copy_from_nowhere);
  ENDS_(_TSfree, release_nothing);
  ENDS_(pthread_create, create_a_thread_nowhere);
  ENDS_(TSUrlStringGet, take_a_text_without_a_length);
  ENDS_(TSMgmtStringGet, take_a_record_without_a_text);
  ENDS_(TSMimeHdrFieldCreate, create_a_field_nowhere);
}

static int
open_api(void **state)
{
  struct memtrack_reason reason;
  memtrack_api_open();
  return open_hostile(state) || memtrack_objects_open() || memtrack_hook_plugin_open(&reason);
}

static const struct CMUnitTest tests[] = {
  cmocka_unit_test(hostile_TSContCreate),
  cmocka_unit_test(hostile_TSVConnCreate),
  cmocka_unit_test(hostile_TSTransformCreate),
  cmocka_unit_test(hostile_TSContDestroy),
  cmocka_unit_test(hostile_TSMutexCreate),
  cmocka_unit_test(hostile_TSMutexDestroy),
  cmocka_unit_test(hostile_TSMBufferCreate),
  cmocka_unit_test(hostile_TSMBufferDestroy),
  cmocka_unit_test(hostile_TSIOBufferCreate),
  cmocka_unit_test(hostile_TSIOBufferSizedCreate),
  cmocka_unit_test(hostile_TSIOBufferDestroy),
  cmocka_unit_test(hostile_TSIOBufferReaderAlloc),
  cmocka_unit_test(hostile_TSIOBufferReaderClone),
  cmocka_unit_test(hostile_TSIOBufferReaderFree),
  cmocka_unit_test(hostile_TSCacheKeyCreate),
  cmocka_unit_test(hostile_TSCacheKeyDestroy),
  cmocka_unit_test(hostile_TSMimeParserCreate),
  cmocka_unit_test(hostile_TSMimeParserDestroy),
  cmocka_unit_test(hostile_TSHttpParserCreate),
  cmocka_unit_test(hostile_TSHttpParserDestroy),
  cmocka_unit_test(hostile_TSUuidCreate),
  cmocka_unit_test(hostile_TSUuidDestroy),
  cmocka_unit_test(hostile_TSTextLogObjectCreate),
  cmocka_unit_test(hostile_TSTextLogObjectDestroy),
  cmocka_unit_test(hostile_TSfopen),
  cmocka_unit_test(hostile_TSfclose),
  cmocka_unit_test(hostile_TSHttpTxnReenable),
  cmocka_unit_test(hostile_TSHttpSsnReenable),
  cmocka_unit_test(hostile_TSVConnReenable),
  cmocka_unit_test(hostile_TSVConnReenableEx),
  cmocka_unit_test(hostile_TSVIOReenable),
  cmocka_unit_test(hostile_TSHttpTxnHookRegisteredFor),
  cmocka_unit_test(hostile_TSFetchUrl),
  cmocka_unit_test(hostile_TSFetchPages),
  cmocka_unit_test(hostile_TSFetchLaunch),
  cmocka_unit_test(hostile_TSFetchWriteData),
  cmocka_unit_test(hostile_TSHttpTxnIntercept),
  cmocka_unit_test(hostile_TSHttpTxnServerIntercept),
  cmocka_unit_test(hostile_TSThreadCreate),
  cmocka_unit_test(hostile_TSThreadInit),
  cmocka_unit_test(hostile_TSThreadDestroy),
  cmocka_unit_test(hostile_TSUrlStringGet),
  cmocka_unit_test(hostile_TSHttpTxnEffectiveUrlStringGet),
  cmocka_unit_test(hostile_TSSslSecretGet),
  cmocka_unit_test(hostile_TSMgmtStringGet),
  cmocka_unit_test(hostile_TSMatcherReadIntoBuffer),
  cmocka_unit_test(hostile_TSMatcherLineCreate),
  cmocka_unit_test(hostile_TSMatcherLineDestroy),
  cmocka_unit_test(hostile_TSHttpConnect),
  cmocka_unit_test(hostile_TSHttpConnectWithPluginId),
  cmocka_unit_test(hostile_TSHttpConnectPlugin),
  cmocka_unit_test(hostile_TSHttpConnectTransparent),
  cmocka_unit_test(hostile_TSVConnFdCreate),
  cmocka_unit_test(hostile_TSVConnClose),
  cmocka_unit_test(hostile_TSVConnAbort),
  cmocka_unit_test(hostile_TSFetchCreate),
  cmocka_unit_test(hostile_TSFetchDestroy),
  cmocka_unit_test(hostile_TSCacheHttpInfoCreate),
  cmocka_unit_test(hostile_TSCacheHttpInfoCopy),
  cmocka_unit_test(hostile_TSCacheHttpInfoDestroy),
  cmocka_unit_test(hostile_TSMimeHdrFieldFind),
  cmocka_unit_test(hostile_TSMimeHdrFieldGet),
  cmocka_unit_test(hostile_TSMimeHdrFieldNext),
  cmocka_unit_test(hostile_TSMimeHdrFieldNextDup),
  cmocka_unit_test(hostile_TSMimeHdrFieldCreate),
  cmocka_unit_test(hostile_TSMimeHdrFieldCreateNamed),
  cmocka_unit_test(hostile_TSMimeHdrFieldClone),
  cmocka_unit_test(hostile_TSHandleMLocRelease),
  cmocka_unit_test(hostile__TSmalloc),
  cmocka_unit_test(hostile__TSrealloc),
  cmocka_unit_test(hostile__TSstrdup),
  cmocka_unit_test(hostile__TSfree),
  cmocka_unit_test(hostile_pthread_create),
  cmocka_unit_test(what_ends_the_process_ends_it_in_the_same_way),
};

int
main(void)
{
  return cmocka_run_group_tests(tests, open_api, NULL);
}
