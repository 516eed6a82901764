// SPDX-License-Identifier: Apache-2.0
//
// A plugin for fault_server.c that uses every family of hooked functions, checks each result, and keeps its own account. An
// allocation may fail if it says so as without memtrack: NULL and ENOMEM, an error number, or bad_alloc.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <malloc.h>
#include <new>
#include <pthread.h>

#include "fault_server.h"

extern "C" {
void TSPluginInit(int argc, const char *argv[]);
int TSRemapInit(void *cont, int event, void *data);
void say_truth(const char *name);
}

namespace
{
struct account {
  long allocs, frees, bytes;
} tsapi, heap;
bool counting = true, heap_counting;
int denied;
enum { KEPT_MAX = 256 };
struct kept {
  unsigned char *block;
  size_t size;
  bool ts, counted;
} kept[KEPT_MAX];
int kept_count;

void
check(bool good, const char *what)
{
  if (!good) {
    fault_wrong(what);
  }
}

/* The bytes tell whether a block is whole and nobody else's. */
void
fill(void *block, size_t from, size_t size)
{
  for (size_t i = from; i < size; ++i) {
    static_cast<unsigned char *>(block)[i] = static_cast<unsigned char>(i * 7 + 3);
  }
}

void
check_filled(const void *block, size_t size)
{
  for (size_t i = 0; i < size; ++i) {
    check(static_cast<const unsigned char *>(block)[i] == static_cast<unsigned char>(i * 7 + 3), "a block has other bytes");
  }
}

bool
counts(bool ts)
{
  return counting && (ts || heap_counting);
}

void
add(bool ts, long allocs, long frees, long bytes)
{
  account *to = ts ? &tsapi : &heap;
  __atomic_fetch_add(&to->allocs, allocs, __ATOMIC_RELAXED);
  __atomic_fetch_add(&to->frees, frees, __ATOMIC_RELAXED);
  __atomic_fetch_add(&to->bytes, bytes, __ATOMIC_RELAXED);
}

/* Whether a block was allocated; if so, it is in the account. */
bool
got(void *block, size_t size, bool ts)
{
  if (block == nullptr) {
    check(errno == ENOMEM, "an allocation failed without ENOMEM");
    __atomic_fetch_add(&denied, 1, __ATOMIC_RELAXED);
    return false;
  }
  check(malloc_usable_size(block) >= size, "a block is smaller than its size");
  if (counts(ts)) {
    add(ts, 1, 0, static_cast<long>(size));
  }
  return true;
}

void
release(void *block, size_t size, bool ts, bool counted)
{
  check_filled(block, size);
  errno = 77;
  if (ts) {
    _TSfree(block);
  } else {
    free(block);
  }
  check(errno == 77, "a release changed errno");
  if (counted) {
    add(ts, 0, 1, -static_cast<long>(size));
  }
}

void
keep(void *block, size_t size, bool ts)
{
  if (kept_count < KEPT_MAX && (ts || heap_counting)) {
    kept[kept_count++] = {static_cast<unsigned char *>(block), size, ts, counts(ts)};
  } else {
    release(block, size, ts, counts(ts));
  }
}

/* Of both families: a block that grows, shrinks, and is released or kept. */
void
grow(bool ts, int round)
{
  size_t size = 100 + 13 * round, bigger = 3 * size, smaller = size / 2;
  errno       = 0;
  void *block = ts ? _TSmalloc(size, "memory/fault_plugin.cc:100") : malloc(size);
  if (!got(block, size, ts)) {
    return;
  }
  fill(block, 0, size);
  for (size_t next : {bigger, smaller}) {
    errno       = 0;
    void *moved = ts ? _TSrealloc(block, next, "memory/fault_plugin.cc:110") : realloc(block, next);
    if (moved == nullptr) {
      check(errno == ENOMEM, "realloc failed without ENOMEM");
      __atomic_fetch_add(&denied, 1, __ATOMIC_RELAXED);
      continue; /* the block is as before */
    }
    if (counts(ts)) {
      add(ts, 1, 1, static_cast<long>(next) - static_cast<long>(size));
    }
    block = moved;
    check_filled(block, size < next ? size : next);
    fill(block, 0, next);
    size = next;
  }
  if (round % 3 == 0) {
    keep(block, size, ts);
  } else {
    release(block, size, ts, counts(ts));
  }
}

void
copy_text(bool ts)
{
  static const char text[] = "a text of some length";
  errno                    = 0;
  char *copy               = ts ? _TSstrdup(text, -1, "memory/fault_plugin.cc:120") : strdup(text);
  if (got(copy, sizeof(text), ts)) {
    check(strcmp(copy, text) == 0, "a copy differs");
    fill(copy, 0, sizeof(text));
    release(copy, sizeof(text), ts, counts(ts));
  }
}

/* Texts that the server allocates. */
void
take_url(bool of_transaction)
{
  int length = 0;
  errno      = 0;
  char *url  = of_transaction ? TSHttpTxnEffectiveUrlStringGet(&tsapi, &length) : TSUrlStringGet(nullptr, &tsapi, &length);
  if (got(url, length + 1, true)) {
    check(errno == 0, "a text changed errno");
    check(strlen(url) == static_cast<size_t>(length) && url[0] == 'u' && url[length - 1] == 'u', "a text differs");
    fill(url, 0, length + 1);
    release(url, length + 1, true, counts(true));
  }
}

void
align()
{
  void *block = nullptr;
  errno       = 0;
  int error   = posix_memalign(&block, 64, 200);
  check(error == 0 || error == ENOMEM, "posix_memalign failed without ENOMEM");
  errno = error;
  if (got(error ? nullptr : block, 200, false)) {
    check(reinterpret_cast<uintptr_t>(block) % 64 == 0, "a block is not aligned");
    fill(block, 0, 200);
    release(block, 200, false, counts(false));
  }
  errno = 0;
  block = calloc(10, 30);
  if (got(block, 300, false)) {
    for (int i = 0; i < 300; ++i) {
      check(static_cast<char *>(block)[i] == 0, "calloc gave bytes that are not zero");
    }
    fill(block, 0, 300);
    release(block, 300, false, counts(false));
  }
  errno = 0;
  block = aligned_alloc(128, 256);
  if (got(block, 256, false)) {
    check(reinterpret_cast<uintptr_t>(block) % 128 == 0, "a block is not aligned");
    fill(block, 0, 256);
    release(block, 256, false, counts(false));
  }
}

void
use_operators()
{
  try {
    char *block = static_cast<char *>(::operator new(500));
    got(block, 500, false);
    fill(block, 0, 500);
    check_filled(block, 500);
    ::operator delete(block, 500);
    if (counts(false)) {
      add(false, 0, 1, -500);
    }
  } catch (const std::bad_alloc &) {
    ++denied;
  }
}

int
no_event(void *cont, int event, void *data)
{
  (void)cont, (void)event, (void)data;
  return 0;
}

void
use_objects()
{
  void *mutex = TSMutexCreate();
  void *cont  = TSContCreate(no_event, mutex);
  check(mutex && cont && TSContMutexGet(cont) == mutex, "a continuation lost its mutex");
  TSContDestroy(cont);
  void *buffer = TSIOBufferCreate(), *sized = TSIOBufferSizedCreate(5);
  void *reader = TSIOBufferReaderAlloc(buffer);
  check(buffer && sized && reader, "an object was not created");
  TSIOBufferReaderFree(reader);
  TSIOBufferDestroy(sized);
  TSIOBufferDestroy(buffer);
}

void *
work_in_thread(void *data)
{
  for (int i = 1; i < 3; ++i) {
    grow(true, 3 * i + 1);
    grow(false, 3 * i + 2);
  }
  return data;
}

void
work()
{
  pthread_t thread;
  void *result = nullptr;
  for (int round = 0; round < 3; ++round) {
    grow(true, round);
    grow(false, round);
  }
  copy_text(true);
  copy_text(false);
  take_url(true);
  take_url(false);
  align();
  use_operators();
  use_objects();
  if (pthread_create(&thread, nullptr, work_in_thread, &tsapi) == 0) {
    check(pthread_join(thread, &result) == 0 && result == &tsapi, "a thread lost its result");
  } else {
    ++denied;
  }
}

void
release_all()
{
  while (kept_count) {
    struct kept *last = &kept[--kept_count];
    release(last->block, last->size, last->ts, last->counted);
  }
}

int
handle(void *cont, int event, void *data)
{
  (void)cont, (void)data;
  switch (event) {
  case FAULT_WORK:
    work();
    break;
  case FAULT_RELEASE:
    release_all();
    break;
  case FAULT_LEVEL_OFF: /* what is counted next begins at zero */
    release_all();
    counting = false;
    break;
  case FAULT_LEVEL_ON:
    counting = true;
    tsapi = heap = account{};
    break;
  case FAULT_HEAP_ON:
    heap_counting = true;
    break;
  case FAULT_HEAP_OFF:
    heap_counting = false;
    break;
  }
  return 0;
}
} // namespace

void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc, (void)argv;
  TSContCreate(handle, nullptr);
}

int
TSRemapInit(void *cont, int event, void *data)
{
  return handle(cont, event, data);
}

void
say_truth(const char *name)
{
  fault_truth(name, "tsapi", tsapi.allocs, tsapi.frees, tsapi.bytes);
  fault_truth(name, "heap", heap.allocs, heap.frees, heap.bytes);
  if (denied) {
    fault_denied(denied);
  }
}
