/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks that are held, hidden or lost in many ways, for the search for references. Its arguments are names of ways; each
 * transaction takes a block in each of them, at a site of the way's own: the function of its name. A block is filled, so that it
 * holds nothing that an earlier user of the memory left.
 *
 *   lost     nothing refers to it any more
 *   held     something does: HELD BY below has what
 *   hidden   something does, in a way that no search sees
 */
#include <atomic>
#include <cstdint>
#include <deque>
#include <jansson.h>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>
#include "corpus.h"

namespace
{
std::mutex mutex;

struct node {
  node *next;
  uint64_t words[12];
};

node *
filled(node *taken, node *next = nullptr)
{
  taken->next = next;
  for (uint64_t &word : taken->words) {
    word = 0x1111111111111111;
  }
  return taken;
}

// What this thread's calls leave in its stack is overwritten.
CORPUS_NOINLINE void
clean_stack()
{
  volatile char below[4096];
  for (volatile char &byte : below) {
    byte = 0;
  }
}

// ---- lost ----

CORPUS_NOINLINE void
lose()
{
  node *taken = filled(static_cast<node *>(malloc(sizeof(node))));
  CORPUS_KEEP(taken);
}

struct pair {
  std::shared_ptr<pair> other;
  uint64_t words[12] = {};
};

CORPUS_NOINLINE void
lose_cycle()
{
  std::shared_ptr<pair> one(new pair), two(new pair);
  one->other = two;
  two->other = one;
}

struct link {
  link *next;
  uint64_t word = 0x1111111111111111;
};

// Once: a ring of so many.
constexpr unsigned RING = 100'000;

CORPUS_NOINLINE void
lose_ring()
{
  static bool done;
  if (done) {
    return;
  }
  done        = true;
  link *first = new link{nullptr}, *last = first;
  for (unsigned i = 1; i < RING; ++i) {
    last->next = new link{nullptr};
    last       = last->next;
    CORPUS_KEEP(last); // the ring is made, though nobody looks at it
  }
  last->next = first;
}

// Of 1,000 buffers, which are written in part and hold what earlier users of their memory left, one is forgotten.
constexpr unsigned BUFFERS = 1000;

CORPUS_NOINLINE void
lose_partly()
{
  static unsigned seed = 1;
  for (unsigned i = 0; i < BUFFERS; ++i) {
    seed         = seed * 1664525 + 1013904223;
    void *buffer = malloc(1024 + (seed >> 8) % 3072);
    memset(buffer, 0x11, 100);
    CORPUS_KEEP(buffer);
    if (i != BUFFERS / 2) {
      free(buffer);
    }
  }
}

// ---- held ----

std::vector<node *> in_vector;

CORPUS_NOINLINE void
hold_vector()
{
  in_vector.push_back(filled(static_cast<node *>(malloc(sizeof(node)))));
}

std::map<int, node *> in_map;

CORPUS_NOINLINE void
hold_map()
{
  in_map[static_cast<int>(in_map.size())] = filled(static_cast<node *>(malloc(sizeof(node))));
}

node *in_list;

CORPUS_NOINLINE void
hold_list()
{
  in_list = filled(static_cast<node *>(malloc(sizeof(node))), in_list);
}

// Once: a list of so many, of which only the first is referred to from outside.
constexpr unsigned MILLION = 1'000'000;
link *in_long_list;

CORPUS_NOINLINE void
hold_million()
{
  for (unsigned i = in_long_list ? MILLION : 0; i < MILLION; ++i) {
    in_long_list = new link{in_long_list};
  }
}

// A pool: blocks are taken from it and given back, and remain its own.
node *in_pool;
unsigned pooled;

CORPUS_NOINLINE void
hold_pool()
{
  if (in_pool && ++pooled % 3 == 0) {
    node *taken = in_pool;
    in_pool     = taken->next;
    free(taken);
  }
  in_pool = filled(static_cast<node *>(malloc(sizeof(node))), in_pool);
}

struct lru {
  std::list<node *> order;
  std::unordered_map<int, std::list<node *>::iterator> index;
  int next = 0;
} in_lru;

CORPUS_NOINLINE void
hold_lru()
{
  in_lru.order.push_front(filled(static_cast<node *>(malloc(sizeof(node)))));
  in_lru.index[in_lru.next++] = in_lru.order.begin();
  if (in_lru.order.size() > 1000) {
    free(in_lru.order.back());
    in_lru.order.pop_back();
    in_lru.index.erase(in_lru.next - 1001);
  }
}

constexpr unsigned OPEN = 4096;
node **in_table;
unsigned table_next;

CORPUS_NOINLINE void
hold_table()
{
  if (!in_table) {
    in_table = static_cast<node **>(calloc(OPEN, sizeof(*in_table)));
  }
  unsigned at  = table_next++ * 2654435761u % OPEN;
  node *before = in_table[at];
  in_table[at] = filled(static_cast<node *>(malloc(sizeof(node))));
  free(before);
}

std::deque<node *> in_deque;

CORPUS_NOINLINE void
hold_deque()
{
  in_deque.push_back(filled(static_cast<node *>(malloc(sizeof(node)))));
  if (in_deque.size() > 1000) {
    free(in_deque.front());
    in_deque.pop_front();
  }
}

CORPUS_NOINLINE void
hold_data()
{
  TSCont cont = TSContCreate(corpus_never_called, TSMutexCreate());
  TSContDataSet(cont, filled(static_cast<node *>(malloc(sizeof(node)))));
  TSContScheduleOnPool(cont, 3'600'000, TS_THREAD_POOL_NET); // the server's queue of events holds the continuation
}

// Of the server, by an index that the plugin has reserved.
CORPUS_NOINLINE void
hold_user_arg()
{
  static int index = -1;
  if (index < 0) {
    TSUserArgIndexReserve(TS_USER_ARGS_GLB, "searched", "a block", &index);
    TSUserArgSet(nullptr, index, filled(static_cast<node *>(malloc(sizeof(node)))));
  }
}

// A thread's stack, and its thread-local variables.
std::atomic<unsigned> threads, local_threads;
thread_local node *in_local[40];

void *
wait_with(void *)
{
  node *volatile in_stack[40];
  for (node *volatile &each : in_stack) {
    each = filled(static_cast<node *>(malloc(sizeof(node))));
  }
  pthread_setname_np(pthread_self(), "holds-in-stack");
  for (;;) {
    pause();
    CORPUS_KEEP(in_stack);
  }
}

CORPUS_NOINLINE void
hold_stack()
{
  if (threads++ == 0) {
    pthread_t thread;
    pthread_create(&thread, nullptr, wait_with, nullptr);
  }
}

void *
wait_with_locals(void *)
{
  for (node *&each : in_local) {
    each = filled(static_cast<node *>(malloc(sizeof(node))));
  }
  clean_stack();
  for (;;) {
    pause();
  }
}

CORPUS_NOINLINE void
hold_local()
{
  if (local_threads++ == 0) {
    pthread_t thread;
    pthread_create(&thread, nullptr, wait_with_locals, nullptr);
  }
}

uintptr_t in_tagged[OPEN];
unsigned tagged_count;

CORPUS_NOINLINE void
hold_tagged()
{
  in_tagged[tagged_count++ % OPEN] = reinterpret_cast<uintptr_t>(filled(static_cast<node *>(malloc(sizeof(node))))) | 3;
  CORPUS_KEEP(in_tagged); // which nothing reads
}

uint64_t *in_middle[OPEN];
unsigned middle_count;

CORPUS_NOINLINE void
hold_middle()
{
  in_middle[middle_count++ % OPEN] = filled(static_cast<node *>(malloc(sizeof(node))))->words + 3;
  CORPUS_KEEP(in_middle);
}

// A thread moves its blocks between two places each, as fast as it can.
constexpr unsigned MOVED = 64;

void *
move_without_end(void *)
{
  static node *places[2][MOVED];
  for (node *&place : places[0]) {
    place = filled(static_cast<node *>(malloc(sizeof(node))));
  }
  for (unsigned from = 0;; from = 1 - from) {
    for (unsigned i = 0; i < MOVED; ++i) {
      places[1 - from][i] = places[from][i];
      CORPUS_KEEP(places);
      places[from][i] = nullptr;
      CORPUS_KEEP(places);
    }
  }
}

CORPUS_NOINLINE void
hold_moving()
{
  static bool done;
  pthread_t thread;
  if (!done) {
    done = true;
    pthread_create(&thread, nullptr, move_without_end, nullptr);
  }
}

// Documents of a library, which allocates them.
json_t *in_documents;

CORPUS_NOINLINE void
hold_documents()
{
  static unsigned count;
  in_documents = in_documents ? in_documents : json_object();
  ++count;
  json_object_set_new(in_documents, std::to_string(count).c_str(), json_pack("{s:[i,s]}", "a", count, "a text"));
}

// ---- hidden: each way keeps so many, and releases the oldest ----

constexpr unsigned HIDDEN = 100;

uintptr_t in_xor[HIDDEN];
unsigned xor_count;

CORPUS_NOINLINE void
hide_xor()
{
  uintptr_t &at = in_xor[xor_count++ % HIDDEN];
  if (at) {
    free(reinterpret_cast<void *>(~at));
  }
  at = ~reinterpret_cast<uintptr_t>(filled(static_cast<node *>(malloc(sizeof(node)))));
}

// As the distance from another block, in 16 bytes.
char *base;
int32_t in_compressed[HIDDEN];
unsigned compressed_count;

CORPUS_NOINLINE void
hide_compressed()
{
  base        = base ? base : static_cast<char *>(malloc(16));
  int32_t &at = in_compressed[compressed_count++ % HIDDEN];
  if (at) {
    free(base + at * INT64_C(16));
  }
  at = static_cast<int32_t>((reinterpret_cast<char *>(filled(static_cast<node *>(malloc(sizeof(node))))) - base) / 16);
}

// In the kernel.
int epoll = epoll_create1(EPOLL_CLOEXEC);
int events[HIDDEN];
unsigned event_count;

CORPUS_NOINLINE void
hide_epoll()
{
  int &event = events[event_count++ % HIDDEN];
  if (event_count > HIDDEN) {
    epoll_event got;
    eventfd_write(event, 1);
    epoll_wait(epoll, &got, 1, -1);
    free(got.data.ptr);
    close(event);
  }
  event             = eventfd(0, EFD_CLOEXEC);
  epoll_event wants = {.events = EPOLLIN, .data = {.ptr = filled(static_cast<node *>(malloc(sizeof(node))))}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wants);
  wants.data.ptr = nullptr;
  CORPUS_KEEP(&wants);
}

// In a register of a thread that waits in a system call: one block, for ever.
void *
wait_with_register(void *)
{
  node *mine = filled(static_cast<node *>(malloc(sizeof(node))));
  clean_stack();
#ifdef __x86_64__
  __asm__ volatile("mov %0, %%r12\n xor %0, %0\n 1: mov %1, %%eax\n syscall\n jmp 1b"
                   : "+r"(mine)
                   : "i"(SYS_pause)
                   : "rax", "rcx", "r11", "r12", "memory");
#endif
  return mine;
}

CORPUS_NOINLINE void
hide_register()
{
  static bool done;
  pthread_t thread;
  if (!done) {
    done = true;
    pthread_create(&thread, nullptr, wait_with_register, nullptr);
  }
}

const std::map<std::string, void (*)()> WAYS = {
  {"lose_partly", lose_partly},
  {"hold_moving", hold_moving},
  {"hold_documents", hold_documents},
  {"lose", lose},
  {"lose_cycle", lose_cycle},
  {"lose_ring", lose_ring},
  {"hold_million", hold_million},
  {"hold_pool", hold_pool},
  {"hold_user_arg", hold_user_arg},
  {"hold_local", hold_local},
  {"hide_register", hide_register},
  {"hold_vector", hold_vector},
  {"hold_map", hold_map},
  {"hold_list", hold_list},
  {"hold_lru", hold_lru},
  {"hold_table", hold_table},
  {"hold_deque", hold_deque},
  {"hold_data", hold_data},
  {"hold_stack", hold_stack},
  {"hold_tagged", hold_tagged},
  {"hold_middle", hold_middle},
  {"hide_xor", hide_xor},
  {"hide_compressed", hide_compressed},
  {"hide_epoll", hide_epoll},
};
std::vector<void (*)()> chosen;

int
handle(TSCont, TSEvent, void *data)
{
  {
    std::lock_guard<std::mutex> lock(mutex);
    for (void (*way)() : chosen) {
      way();
      clean_stack();
    }
  }
  TSHttpTxnReenable(static_cast<TSHttpTxn>(data), TS_EVENT_HTTP_CONTINUE);
  return 0;
}
} // namespace

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  for (int i = 1; i < argc; ++i) {
    chosen.push_back(WAYS.at(argv[i]));
  }
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(handle, nullptr));
}
