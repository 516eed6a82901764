// SPDX-License-Identifier: Apache-2.0
//
// Plays a traffic_server of version 9.2, or with -DVERSION of another, in milliseconds: loads memtrack.so and plugins, buffers come
// and go, records change, plugins are unloaded, children are forked. For fault.test.ts, which makes one call of memtrack.so fail in
// it. Says on stdout what memtrack logs, what the plugins hold, which slots lead to memtrack.so, how each module is mapped, and how
// many descriptors are open; the dumps go to files.
//
//   fault_server MEMTRACK EARLY PLUGIN REMAP FOLDER
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "fault_server.h"

#ifndef VERSION
#define VERSION "9.2.5"
#endif

// ---- libtscore ----

extern int res_track_memory;
void increment(const char *location, int64_t size) __asm__("_ZN15ResourceTracker9incrementEPKcl");
void dump_tracker(FILE *file) __asm__("_ZN15ResourceTracker4dumpEP8_IO_FILE");

static void
buffer_event(const char *location, int64_t size)
{
  if (res_track_memory) {
    increment(location, size);
  }
}

// ---- records ----

static struct {
  const char *name;
  int64_t value;
} numbers[] = {
  {"proxy.config.res_track_memory", 1},        {"proxy.config.dump_mem_info_frequency", 0},
  {"proxy.config.plugin.memtrack.sites", 256}, {"proxy.config.plugin.memtrack.heap", 0},
  {"proxy.config.plugin.memtrack.verify", 0},  {"proxy.config.plugin.memtrack.sample_interval", 1},
};
static char output[4096];

#define EXPORT __attribute__((visibility("default")))

static int64_t *
number(const char *name)
{
  for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); ++i) {
    if (strcmp(numbers[i].name, name) == 0) {
      return &numbers[i].value;
    }
  }
  return NULL;
}

EXPORT int
TSMgmtIntGet(const char *name, int64_t *value)
{
  if (!number(name)) {
    return -1;
  }
  *value = *number(name);
  return 0;
}

EXPORT int
TSMgmtCounterGet(const char *name, int64_t *value)
{
  return TSMgmtIntGet(name, value);
}

EXPORT int
TSMgmtStringGet(const char *name, char **text)
{
  (void)name;
  *text = strdup(output);
  return *text ? 0 : -1;
}

// ---- the plugin API ----

struct cont {
  const void *cls; // NULL: free
  void *mutex;
  handler function;
  bool of_plugin;
};

// From one place, as from a freelist, so that a continuation's neighbours are continuations.
static struct cont conts[64];
static bool loads_memtrack;
static const char cont_class[] = "the class of continuations";
static struct cont *queue[16], *poller, *hooks[8];
static int queued;

EXPORT void *
_TSmalloc(size_t size, const char *path)
{
  (void)path;
  return malloc(size);
}

EXPORT void *
_TSrealloc(void *block, size_t size, const char *path)
{
  (void)path;
  return realloc(block, size);
}

EXPORT char *
_TSstrdup(const char *text, int64_t length, const char *path)
{
  (void)path;
  return length < 0 ? strdup(text) : strndup(text, length);
}

EXPORT void
_TSfree(void *block)
{
  free(block);
}

EXPORT void *
TSContCreate(handler function, void *mutex)
{
  struct cont *cont = conts;
  while (cont->cls) {
    ++cont;
  }
  *cont = (struct cont){cont_class, mutex, function, !loads_memtrack && !mutex};
  return cont;
}

EXPORT void
TSContDestroy(void *cont)
{
  memset(cont, 0, sizeof(struct cont));
}

EXPORT void *
TSContMutexGet(void *cont)
{
  return ((struct cont *)cont)->mutex;
}

static int mutexes[64];

EXPORT void *
TSMutexCreate(void)
{
  int *mutex = mutexes;
  while (*mutex) {
    ++mutex;
  }
  *mutex = 1;
  return mutex;
}

EXPORT void
TSMutexDestroy(void *mutex)
{
  *(int *)mutex = 0;
}

// A buffer and its block hold a location, and the block's data holds it too. The server allocates a block when it needs one.
struct data {
  uintptr_t words[16];
};
struct block {
  uintptr_t words[24];
};
struct buffer {
  uintptr_t words[64];
  struct block block;
  struct data data;
};
enum { AT = 3, BLOCK_AT = 2, DATA_AT = 4, DATA_LOCATION_AT = 1, BLOCK_SIZE = 4096 };

static struct buffer buffers[64];

EXPORT void *
TSIOBufferStart(void *buffer)
{
  struct buffer *of = buffer;
  if (!of->block.words[DATA_AT]) {
    of->block.words[BLOCK_AT]        = of->words[AT];
    of->block.words[DATA_AT]         = (uintptr_t)&of->data;
    of->data.words[DATA_LOCATION_AT] = of->words[AT];
    buffer_event((const char *)of->words[AT], BLOCK_SIZE);
  }
  return &of->block;
}

EXPORT void *
TSIOBufferCreate(void)
{
  struct buffer *buffer = buffers;
  while (buffer->words[AT]) {
    ++buffer;
  }
  buffer->words[AT] = (uintptr_t) "memory/IOBuffer/InkAPI.cc:1";
  return buffer;
}

EXPORT void *
TSIOBufferSizedCreate(int index)
{
  (void)index;
  void *buffer = TSIOBufferCreate();
  TSIOBufferStart(buffer);
  return buffer;
}

EXPORT void
TSIOBufferDestroy(void *buffer)
{
  struct buffer *of = buffer;
  if (of->block.words[DATA_AT]) {
    buffer_event((const char *)of->data.words[DATA_LOCATION_AT], -BLOCK_SIZE);
  }
  memset(of, 0, sizeof(*of));
}

EXPORT void *
TSIOBufferReaderAlloc(void *buffer)
{
  return &((struct buffer *)buffer)->words[40];
}

EXPORT void
TSIOBufferReaderFree(void *reader)
{
  (void)reader;
}

EXPORT int64_t
TSIOBufferBlockWriteAvail(void *block)
{
  (void)block;
  return BLOCK_SIZE;
}

EXPORT void *
TSContScheduleOnPool(void *cont, int64_t after, int pool)
{
  (void)after;
  (void)pool;
  queue[queued++] = cont;
  return cont;
}

EXPORT void *
TSContScheduleEveryOnPool(void *cont, int64_t every, int pool)
{
  (void)every;
  (void)pool;
  poller = cont;
  return cont;
}

EXPORT void
TSLifecycleHookAdd(int hook, void *cont)
{
  hooks[hook] = cont;
}

static char *
text_of(int length)
{
  char *text = malloc(length + 1);
  if (text) {
    memset(text, 'u', length);
    text[length] = '\0';
  }
  return text;
}

// Texts that the plugin must release: malloc gives the first 40 bytes of 40, the second 56 of 46.
EXPORT char *
TSHttpTxnEffectiveUrlStringGet(void *transaction, int *length)
{
  (void)transaction;
  *length = 39;
  return text_of(*length);
}

EXPORT char *
TSUrlStringGet(void *buffer, void *url, int *length)
{
  (void)buffer;
  (void)url;
  *length = 45;
  return text_of(*length);
}

EXPORT const char *
TSTrafficServerVersionGet(void)
{
  return VERSION;
}

EXPORT const char *
TSConfigDirGet(void)
{
  return "/nonexistent";
}

#define LOGS(name)                          \
  EXPORT void name(const char *format, ...) \
  {                                         \
    va_list list;                           \
    printf("%s ", #name);                   \
    va_start(list, format);                 \
    vprintf(format, list);                  \
    va_end(list);                           \
    puts("");                               \
  }
void TSNote(const char *format, ...);
void TSWarning(const char *format, ...);
void TSError(const char *format, ...);
LOGS(TSNote)
LOGS(TSWarning)
LOGS(TSError)

// The others are looked up, and not called with any effect.
#define STAND_IN(name)     \
  EXPORT void *name(void); \
  EXPORT void *name(void)  \
  {                        \
    return NULL;           \
  }
STAND_IN(TSPluginRegister)
STAND_IN(TSMgmtIntCreate)
STAND_IN(TSMgmtStringCreate)
STAND_IN(TSMgmtUpdateRegister)
STAND_IN(TSStatCreate)
STAND_IN(TSStatIntSet)
STAND_IN(TSTransformCreate)
STAND_IN(TSVConnCreate)
STAND_IN(TSMBufferCreate)
STAND_IN(TSMBufferDestroy)
STAND_IN(TSIOBufferReaderClone)
STAND_IN(TSCacheKeyCreate)
STAND_IN(TSCacheKeyDestroy)
STAND_IN(TSMimeParserCreate)
STAND_IN(TSMimeParserDestroy)
STAND_IN(TSHttpParserCreate)
STAND_IN(TSHttpParserDestroy)
STAND_IN(TSUuidCreate)
STAND_IN(TSUuidDestroy)
STAND_IN(TSTextLogObjectCreate)
STAND_IN(TSTextLogObjectDestroy)
STAND_IN(TSfopen)
STAND_IN(TSfclose)
STAND_IN(TSHttpTxnReenable)
STAND_IN(TSHttpSsnReenable)
STAND_IN(TSVConnReenable)
STAND_IN(TSVConnReenableEx)
STAND_IN(TSVIOReenable)
STAND_IN(TSThreadCreate)
STAND_IN(TSThreadInit)
STAND_IN(TSThreadDestroy)
STAND_IN(TSHttpConnect)
STAND_IN(TSHttpConnectWithPluginId)
STAND_IN(TSHttpConnectPlugin)
STAND_IN(TSHttpConnectTransparent)
STAND_IN(TSVConnFdCreate)
STAND_IN(TSVConnClose)
STAND_IN(TSVConnAbort)
STAND_IN(TSFetchCreate)
STAND_IN(TSFetchDestroy)
STAND_IN(TSCacheHttpInfoCreate)
STAND_IN(TSCacheHttpInfoCopy)
STAND_IN(TSCacheHttpInfoDestroy)
STAND_IN(TSMimeHdrFieldFind)
STAND_IN(TSMimeHdrFieldGet)
STAND_IN(TSMimeHdrFieldNext)
STAND_IN(TSMimeHdrFieldNextDup)
STAND_IN(TSMimeHdrFieldCreate)
STAND_IN(TSMimeHdrFieldCreateNamed)
STAND_IN(TSMimeHdrFieldClone)
STAND_IN(TSHandleMLocRelease)

EXPORT void
fault_truth(const char *owner, const char *cls, long allocs, long frees, long bytes)
{
  printf("TRUTH %s %s %ld %ld %ld\n", owner, cls, allocs, frees, bytes);
}

EXPORT void
fault_denied(int count)
{
  printf("DENIED %d\n", count);
}

EXPORT void
fault_wrong(const char *what)
{
  printf("WRONG %s\n", what);
  fflush(stdout);
  _exit(1);
}

// ---- the server's work ----

enum { PORTS_READY = 1, MESSAGE = 5, TASK_THREADS_READY = 6, EVENT_TASK_THREADS_READY = 60106, EVENT_MESSAGE = 60105 };

static FILE *standard_error;

static void
run_queue(void)
{
  for (int i = 0; i < queued; ++i) {
    queue[i]->function(queue[i], 0, NULL);
  }
  queued = 0;
}

// A second of the task threads.
static void
poll(void)
{
  if (poller) {
    poller->function(poller, 0, NULL);
  }
  run_queue();
}

static void
send(const char *text)
{
  struct {
    const char *tag;
    const void *data;
    size_t size;
  } message = {"memtrack", text, strlen(text)};
  if (hooks[MESSAGE]) {
    hooks[MESSAGE]->function(hooks[MESSAGE], EVENT_MESSAGE, &message);
  }
  run_queue();
}

static void
signal_dump(void)
{
  dump_tracker(standard_error);
  run_queue();
}

static const char *const locations[] = {"memory/IOBuffer/HttpSM.cc:1", "memory/IOBuffer/HttpSM.cc:2", "memory/IOBuffer/Cache.cc:3"};

static void *
network_thread(void *nothing)
{
  (void)nothing;
  for (int i = 0; i < 30; ++i) {
    buffer_event(locations[i % 3], 4096);
    if (i % 2) {
      buffer_event(locations[i % 3], -4096);
    }
  }
  return NULL;
}

static void
handshake(void)
{
  void *block = CRYPTO_malloc(100, "ssl/ssl_lib.c", 10);
  block       = block ? CRYPTO_realloc(block, 200, "ssl/ssl_lib.c", 11) : NULL;
  CRYPTO_free(block, "ssl/ssl_lib.c", 12);
}

// Twice, because MEMTRACK_FAULT may have hit the first.
static void *
find(void *handle, const char *name)
{
  void *function = dlsym(handle, name);
  function       = function ? function : dlsym(handle, name);
  if (!function) {
    fault_wrong(name);
  }
  return function;
}

static handler
load(const char *path, const char *entry, void **handle)
{
  *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!*handle) {
    fault_wrong(dlerror());
  }
  return (handler)(uintptr_t)find(*handle, entry);
}

// To all continuations of plugins.
static void
tell(int event)
{
  for (size_t i = 0; i < sizeof(conts) / sizeof(*conts); ++i) {
    if (conts[i].cls && conts[i].of_plugin) {
      conts[i].function(&conts[i], event, NULL);
    }
  }
}

static void
serve(void)
{
  pthread_t thread;
  tell(FAULT_WORK);
  if (pthread_create(&thread, NULL, network_thread, NULL)) {
    fault_wrong("no thread");
  }
  pthread_join(thread, NULL);
  handshake();
}

static void
fork_a_child(void)
{
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    tell(FAULT_WORK);
    tell(FAULT_RELEASE);
    _exit(0);
  }
  int status;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fault_wrong("a forked child did not end well");
  }
}

// ---- what is left ----

static uintptr_t memtrack_from, memtrack_to;

static int
look_at_module(struct dl_phdr_info *info, size_t size, void *nothing)
{
  int count = 0;
  (void)size;
  (void)nothing;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_W) || info->dlpi_addr == memtrack_from) {
      continue;
    }
    const uintptr_t *word = (const uintptr_t *)((info->dlpi_addr + part->p_vaddr + 7) & ~(uintptr_t)7);
    for (; (uintptr_t)(word + 1) <= info->dlpi_addr + part->p_vaddr + part->p_memsz; ++word) {
      count +=
        memtrack_from && *word - memtrack_from < memtrack_to - memtrack_from && word != &memtrack_from && word != &memtrack_to;
    }
  }
  const char *slash = strrchr(info->dlpi_name, '/');
  if (count) {
    printf("WORDS %s %d\n", *info->dlpi_name ? (slash ? slash + 1 : info->dlpi_name) : "server", count);
  }
  return 0;
}

static void
look_at_maps(void)
{
  char line[1024], mode[8], path[512];
  unsigned long from, to, offset;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps && fgets(line, sizeof(line), maps)) {
    if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %511s", &from, &to, mode, &offset, path) == 5 && path[0] == '/' &&
        (strstr(path, "fault") || strstr(path, "tscore") || strstr(path, "libcrypto") || strstr(path, "libstdc++"))) {
      printf("MAP %s %s %lx %lx\n", strrchr(path, '/') + 1, mode, offset, to - from);
    }
  }
  fclose(maps);
}

static void
count_descriptors(void)
{
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    count += fcntl(fd, F_GETFD) >= 0;
  }
  printf("DESCRIPTORS %d\n", count);
}

static void
look_around(void *memtrack)
{
  struct link_map *map;
  Dl_info info;
  if (dlinfo(memtrack, RTLD_DI_LINKMAP, &map) == 0 && dladdr((const void *)map->l_ld, &info)) {
    memtrack_from = map->l_addr;
    memtrack_to   = (uintptr_t)map->l_ld; // code and constants are before its dynamic section
  }
  dl_iterate_phdr(look_at_module, NULL);
  look_at_maps();
  count_descriptors();
}

static void
set_level(int level)
{
  bool on = level > 0, was_on = *number("proxy.config.res_track_memory") > 0;
  if (!on) {
    tell(FAULT_LEVEL_OFF);
  }
  *number("proxy.config.res_track_memory") = level;
  poll();
  if (on && !was_on) {
    tell(FAULT_LEVEL_ON);
  }
}

static void
set_heap(bool on)
{
  if (!on) {
    tell(FAULT_HEAP_OFF);
  }
  *number("proxy.config.plugin.memtrack.heap") = on;
  poll();
  if (on) {
    tell(FAULT_HEAP_ON);
  }
}

static void
start(void)
{
  if (hooks[TASK_THREADS_READY]) {
    hooks[TASK_THREADS_READY]->function(hooks[TASK_THREADS_READY], EVENT_TASK_THREADS_READY, NULL);
  }
  if (hooks[PORTS_READY]) {
    hooks[PORTS_READY]->function(hooks[PORTS_READY], 0, NULL);
  }
  poll();
}

// What an operator does, and reloads.
static void
live(const char *remap)
{
  void *handle;
  handler remap_plugin = load(remap, "TSRemapInit", &handle);
  remap_plugin(NULL, FAULT_WORK, NULL);
  start();
  serve();
  signal_dump();
  set_level(2);
  serve();
  *number("proxy.config.plugin.memtrack.verify") = 1;
  poll();
  serve();
  poll();
  serve();
  send("mark one");
  set_heap(true);
  serve();
  send("diff one");
  *number("proxy.config.plugin.memtrack.verify") = 0;
  fork_a_child();
  remap_plugin(NULL, FAULT_RELEASE, NULL);
  dlclose(handle);
  poll();
  load(remap, "TSRemapInit", &handle)(NULL, FAULT_WORK, NULL);
  set_heap(false);
  serve();
  set_heap(true);
  serve();
  send("status");
  send("reset");
  set_level(0);
  serve();
  set_level(2);
  serve();
}

// MEMTRACK_FAULT may have hit the first.
static void
dump_twice(void)
{
  send("dump");
  signal_dump();
}

int
main(int argc, char *argv[])
{
  char path[4096];
  void *memtrack, *early, *plugin;
  if (argc != 6) {
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 1 << 12);
  alarm(60);
  snprintf(path, sizeof(path), "%s/standard.error", argv[5]);
  standard_error = fopen(path, "w");
  handshake();
  load(argv[2], "TSPluginInit", &early)(NULL, 0, NULL);
  loads_memtrack = true;
  load(argv[1], "TSPluginInit", &memtrack)(NULL, 0, NULL);
  loads_memtrack = false;
  snprintf(output, sizeof(output), "%s/memtrack.out", argv[5]);
  load(argv[3], "TSPluginInit", &plugin)(NULL, 0, NULL);
  live(argv[4]);
  dump_twice();
  ((void (*)(const char *))(uintptr_t)find(early, "say_truth"))("fault_early.so");
  ((void (*)(const char *))(uintptr_t)find(plugin, "say_truth"))("fault_plugin.so");
  look_around(memtrack);
  puts("END");
  fflush(stdout);
  _exit(0);
}
