/* SPDX-License-Identifier: Apache-2.0
 * Every family of allocation and release, at random, in short-lived threads that exchange their blocks. Every byte of a block is
 * written when the block is created or grows, and checked before it is released. The seed is the transaction's number. */
#include <pthread.h>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include "corpus.h"

namespace
{
enum { THREADS = 20, STEPS = 150, SLOTS = 64, SIZE_MAX_ = 2500 };
enum family { BY_FREE, BY_TSFREE, BY_DELETE, BY_DELETE_ARRAY, FAMILIES };

struct block {
  unsigned char *bytes;
  size_t size;
  family how;
};

std::atomic<block *> slots[SLOTS]; // blocks made by a thread for any other to release
std::atomic<uint64_t> transactions;

struct random {
  uint64_t state;

  uint64_t
  operator()(uint64_t below)
  {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 0x2545f4914f6cdd1du >> 32) % below;
  }
};

unsigned char
byte_of(const block *one, size_t at)
{
  return (unsigned char)(1 + (one->size * 7 + at * 13) % 255);
}

void
fill(block *one)
{
  for (size_t i = 0; i < one->size; ++i) {
    one->bytes[i] = byte_of(one, i);
  }
}

void
check(const block *one, size_t size)
{
  for (size_t i = 0; i < size; ++i) {
    TSReleaseAssert(one->bytes[i] == byte_of(one, i));
  }
}

/* A text of `length` characters, as input of strdup and similar functions. */
const char *
text_of(size_t length)
{
  static char text[SIZE_MAX_ + 1];
  static std::atomic<bool> written;
  if (!written) {
    memset(text, 'x', SIZE_MAX_);
    written = true;
  }
  return text + SIZE_MAX_ - length;
}

CORPUS_NOINLINE void *
make_bytes(random &next, size_t size, family *how)
{
  void *memory = nullptr;
  char *line   = nullptr;
  *how         = BY_FREE;
  switch (next(17)) {
  case 0:
    return malloc(size);
  case 1:
    return calloc(1, size);
  case 2:
    return realloc(nullptr, size);
  case 3:
    return reallocarray(malloc(1 + next(size)), size, 1);
  case 4:
    return strdup(text_of(size - 1));
  case 5:
    return strndup(text_of(size), size - 1);
  case 6:
    TSReleaseAssert(asprintf(&line, "%s", text_of(size - 1)) == (int)size - 1);
    return line;
  case 7:
    TSReleaseAssert(posix_memalign(&memory, 64, size) == 0);
    return memory;
  case 8:
    return aligned_alloc(32, (size + 31) & ~31ul);
  case 9:
    return memalign(128, size);
  case 10:
    *how = BY_TSFREE;
    return TSmalloc(size);
  case 11:
    *how = BY_TSFREE;
    return TSrealloc(TSmalloc(1 + next(size)), size);
  case 12:
    *how = BY_TSFREE;
    return TSstrndup(text_of(size), size - 1);
  case 13:
    *how = BY_DELETE;
    return ::operator new(size);
  case 14:
    *how = BY_DELETE_ARRAY;
    return new unsigned char[size];
  case 15: {
    FILE *file  = fmemopen(const_cast<char *>(text_of(size - 1)), size - 1, "r");
    size_t room = next(2) ? 2 : 0;
    line        = room ? static_cast<char *>(malloc(room)) : CORPUS_LAUNDER((char *)0x4141414141414141);
    TSReleaseAssert(file && getline(&line, &room, file) == (ssize_t)size - 1 && room >= size);
    fclose(file);
    return line;
  }
  default:
    return valloc(size);
  }
}

CORPUS_NOINLINE void
release(block *one)
{
  check(one, one->size);
  switch (one->how) {
  case BY_TSFREE:
    TSfree(one->bytes);
    break;
  case BY_DELETE:
    ::operator delete(one->bytes);
    break;
  case BY_DELETE_ARRAY:
    delete[] one->bytes;
    break;
  default:
    free(one->bytes);
  }
  delete one;
}

CORPUS_NOINLINE void
resize(random &next, block *one)
{
  size_t old = one->size, size = 2 + next(SIZE_MAX_ - 2);
  check(one, old);
  one->bytes = static_cast<unsigned char *>(one->how == BY_TSFREE ? TSrealloc(one->bytes, size) : realloc(one->bytes, size));
  TSReleaseAssert(one->bytes);
  check(one, old < size ? old : size);
  one->size = size;
  fill(one);
}

/* Work of a thread: it releases each block that it takes out of a slot, and leaves a new block. */
void *
work(void *seed)
{
  random next{(uintptr_t)seed * 0x9e3779b97f4a7c15u | 1};
  for (int i = 0; i < STEPS; ++i) {
    auto *one  = new block;
    one->size  = 2 + next(next(8) ? 30 : SIZE_MAX_ - 2);
    one->bytes = static_cast<unsigned char *>(CORPUS_LAUNDER(make_bytes(next, one->size, &one->how)));
    TSReleaseAssert(one->bytes);
    fill(one);
    if (one->how <= BY_TSFREE && next(4) == 0) {
      resize(next, one);
    }
    one = slots[next(SLOTS)].exchange(one);
    if (one) {
      release(one);
    }
  }
  return nullptr;
}

/* Pairs of threads, one after another: cached blocks of the first go to the third. */
CORPUS_NOINLINE void
behave(TSHttpTxn)
{
  uint64_t number = ++transactions;
  for (uint64_t i = 0; i < THREADS; i += 2) {
    pthread_t threads[2];
    for (uint64_t t = 0; t < 2; ++t) {
      TSReleaseAssert(pthread_create(&threads[t], nullptr, work, (void *)(number * THREADS + i + t)) == 0);
    }
    pthread_join(threads[0], nullptr);
    pthread_join(threads[1], nullptr);
  }
  /* Transactions run concurrently, so blocks in use by another are left; the last transaction to end leaves nothing. */
  for (auto &slot : slots) {
    if (block *one = slot.exchange(nullptr)) {
      release(one);
    }
  }
}
} // namespace

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
