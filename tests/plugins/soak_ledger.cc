/* SPDX-License-Identifier: Apache-2.0
 * Keeps books of its own: it allocates and releases memory and objects of every class at random, on every thread that runs a
 * transaction and on short threads, and counts each at the line that made it. A plugin message makes it write the counts to the
 * file argv[1]:
 *
 *    traffic_ctl plugin msg soak_ledger 'report 7'   ->   soak_ledger 7
 *    traffic_ctl plugin msg soak_ledger 'drain 8'         CLASS LINE ALLOCS FREES BYTES    (for each line)
 *
 * `drain` releases everything first. The numbers are exact while there is no traffic. */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <openssl/crypto.h>
#include "corpus.h"

namespace
{
enum { KINDS = 15, KINDS_OF_MEMORY = 11 };
enum { SLOTS = 512, SITES = 64, STEPS = 16, SIZE_LIMIT = 3000, TRANSACTIONS_PER_THREAD = 64 };

struct site {
  const char *name;
  int line;
  std::atomic<int64_t> allocs, frees, bytes;
};

site sites[SITES];
std::atomic<unsigned> site_count;

site *
site_at(const char *name, int line)
{
  site *here = &sites[site_count++];
  TSReleaseAssert(here < sites + SITES);
  here->name = name;
  here->line = line;
  return here;
}

/* What a slot holds, and how that is released. */
struct entry {
  void *block;
  size_t size;
  site *made_by;
  site *second; // a buffer's memory beside its object
  void (*release)(void *);
  void *(*resize)(entry *, size_t);
  std::mutex mutex;
};

entry slots[SLOTS];
char path[512], new_path[520];

void
enter(entry *one, site *at, size_t size, void *block, void (*release)(void *))
{
  TSReleaseAssert(block);
  one->block   = block;
  one->size    = size;
  one->made_by = at;
  one->second  = nullptr;
  one->release = release;
  one->resize  = nullptr;
  at->allocs++;
  at->bytes += size;
}

void
leave(entry *one)
{
  one->made_by->frees++;
  one->made_by->bytes -= one->size;
}

/* Makes what an expression makes, counted at its line. */
#define MAKE(NAME, SIZE, EXPRESSION, RELEASE)                              \
  do {                                                                     \
    static site *const here = site_at(NAME, __LINE__);                     \
    enter(one, here, SIZE, CORPUS_LAUNDER((void *)(EXPRESSION)), RELEASE); \
  } while (0)

CORPUS_NOINLINE void *
resize_api(entry *one, size_t size)
{
  static site *const here = site_at("tsapi", __LINE__ + 2);
  leave(one);
  void *moved = TSrealloc(one->block, size);
  enter(one, here, size, moved, one->release);
  one->resize = resize_api;
  return moved;
}

CORPUS_NOINLINE void *
resize_heap(entry *one, size_t size)
{
  static site *const here = site_at("heap", __LINE__ + 2);
  leave(one);
  void *moved = realloc(one->block, size);
  enter(one, here, size, moved, one->release);
  one->resize = resize_heap;
  return moved;
}

int
never_called(TSCont, TSEvent, void *)
{
  return 0;
}

void
free_api(void *block)
{
  TSfree(block);
}

void
free_openssl(void *block)
{
  OPENSSL_free(block);
}

void
delete_one(void *block)
{
  ::operator delete(block);
}

void
delete_array(void *block)
{
  ::operator delete[](block);
}

void
destroy_cont(void *cont)
{
  TSContDestroy(static_cast<TSCont>(cont));
}

void
destroy_mutex(void *mutex)
{
  TSMutexDestroy(static_cast<TSMutex>(mutex));
}

void
destroy_mbuffer(void *buffer)
{
  TSMBufferDestroy(static_cast<TSMBuffer>(buffer));
}

void
destroy_buffer(void *buffer)
{
  TSIOBufferDestroy(static_cast<TSIOBuffer>(buffer));
}

const char *
text_of(size_t length)
{
  static const char *const text = [] {
    static char bytes[SIZE_LIMIT + 1];
    memset(bytes, 'x', SIZE_LIMIT);
    return bytes;
  }();
  return text + SIZE_LIMIT - length;
}

CORPUS_NOINLINE void
make(entry *one, unsigned kind, size_t size)
{
  void *memory = nullptr;
  char *line   = nullptr;
  switch (kind) {
  case 0:
    MAKE("tsapi", size, TSmalloc(size), free_api);
    one->resize = resize_api;
    break;
  case 1:
    MAKE("tsapi", size + 1, TSstrdup(text_of(size)), free_api);
    one->resize = resize_api;
    break;
  case 2:
    MAKE("heap", size, malloc(size), free);
    one->resize = resize_heap;
    break;
  case 3:
    MAKE("heap", size, calloc(1, size), free);
    break;
  case 4:
    MAKE("heap", size, realloc(nullptr, size), free);
    one->resize = resize_heap;
    break;
  case 5:
    MAKE("heap", size + 1, strdup(text_of(size)), free);
    break;
  case 6:
    MAKE("heap", size, (TSReleaseAssert(posix_memalign(&memory, 64, size) == 0), memory), free);
    break;
  case 7:
    MAKE("heap", size, ::operator new(size), delete_one);
    break;
  case 8:
    MAKE("heap", size, ::operator new[](size), delete_array);
    break;
  case 9:
    // Allocated within the C library, where memtrack does not look.
    MAKE("untracked", size + 1, (TSReleaseAssert(asprintf(&line, "%s", text_of(size)) == (int)size), line), free);
    break;
  case 10:
    MAKE("openssl", size, OPENSSL_malloc(size), free_openssl);
    break;
  case 11:
    MAKE("TSCont", 0, TSContCreate(never_called, nullptr), destroy_cont);
    break;
  case 12:
    MAKE("TSMutex", 0, TSMutexCreate(), destroy_mutex);
    break;
  case 13:
    MAKE("TSMBuffer", 0, TSMBufferCreate(), destroy_mbuffer);
    break;
  default: {
    static site *const bytes = site_at("iobuffer", __LINE__ + 1);
    MAKE("TSIOBuffer", 0, TSIOBufferSizedCreate(TS_IOBUFFER_SIZE_INDEX_2K), destroy_buffer);
    one->second = bytes;
    bytes->allocs++;
    bytes->bytes += 2048;
  }
  }
}

void
release(entry *one)
{
  leave(one);
  if (one->second) {
    one->second->frees++;
    one->second->bytes -= 2048;
  }
  one->release(one->block);
  one->block = nullptr;
}

/* A random number below a limit (xorshift64*). */
unsigned
below(uint64_t *state, unsigned limit)
{
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (*state * 0x2545f4914f6cdd1du >> 32) % limit;
}

bool
is_memory(const entry *one)
{
  return one->made_by->name[0] != 'T';
}

/* @param kinds on a thread that is not the server's: memory only, because objects need a thread of the server */
void
work(uint64_t seed, unsigned kinds)
{
  uint64_t state = seed * 0x9e3779b97f4a7c15u | 1;
  for (int i = 0; i < STEPS; ++i) {
    entry *one  = &slots[below(&state, SLOTS)];
    size_t size = 1 + below(&state, below(&state, 4) ? 100 : SIZE_LIMIT - 1);
    std::lock_guard<std::mutex> guard(one->mutex);
    if (!one->block) {
      make(one, below(&state, kinds), size);
    } else if (one->resize && below(&state, 3) == 0) {
      one->resize(one, size);
    } else if (kinds == KINDS || is_memory(one)) {
      release(one);
    }
  }
}

void *
run(void *seed)
{
  work((uintptr_t)seed, KINDS_OF_MEMORY);
  return nullptr;
}

CORPUS_NOINLINE void
behave(TSHttpTxn)
{
  static std::atomic<uintptr_t> transactions;
  uintptr_t number = ++transactions;
  pthread_t thread;
  if (number % TRANSACTIONS_PER_THREAD == 0) {
    TSReleaseAssert(pthread_create(&thread, nullptr, run, (void *)number) == 0);
    pthread_join(thread, nullptr);
  } else {
    work(number, KINDS);
  }
}

void
report(unsigned number)
{
  char text[SITES * 100];
  int size       = snprintf(text, sizeof(text), "soak_ledger %u\n", number);
  unsigned count = site_count;
  for (unsigned i = 0; i < count; ++i) {
    const site &at = sites[i];
    size += snprintf(text + size, sizeof(text) - size, "%s %d %lld %lld %lld\n", at.name, at.line, (long long)at.allocs,
                     (long long)at.frees, (long long)at.bytes);
  }
  int file = open(new_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  TSReleaseAssert(file >= 0 && write(file, text, size) == size);
  close(file);
  TSReleaseAssert(rename(new_path, path) == 0);
}

int
listen(TSCont, TSEvent, void *data)
{
  auto *message = static_cast<TSPluginMsg *>(data);
  char verb[16] = "", text[64] = "";
  unsigned number = 0;
  if (strcmp(message->tag, "soak_ledger") == 0 && message->data_size < sizeof(text)) {
    memcpy(text, message->data, message->data_size);
    if (sscanf(text, "%15s %u", verb, &number) == 2) {
      for (entry &one : slots) {
        std::lock_guard<std::mutex> guard(one.mutex);
        if (one.block && strcmp(verb, "drain") == 0) {
          release(&one);
        }
      }
      report(number);
    }
  }
  return 0;
}

CORPUS_HANDLER(behave)
} // namespace

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  TSReleaseAssert(argc == 2);
  snprintf(path, sizeof(path), "%s", argv[1]);
  snprintf(new_path, sizeof(new_path), "%s.new", argv[1]);
  TSLifecycleHookAdd(TS_LIFECYCLE_MSG_HOOK, TSContCreate(listen, nullptr));
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(corpus_handler, nullptr));
}
