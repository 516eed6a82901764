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
  TSContDataSet(TSContCreate(corpus_never_called, nullptr), filled(static_cast<node *>(malloc(sizeof(node)))));
}

// A thread's stack, and its thread-local variable.
thread_local node *volatile in_thread;
std::atomic<unsigned> threads;

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

uintptr_t in_tagged[OPEN];
unsigned tagged_count;

CORPUS_NOINLINE void
hold_tagged()
{
  in_tagged[tagged_count++ % OPEN] = reinterpret_cast<uintptr_t>(filled(static_cast<node *>(malloc(sizeof(node))))) | 3;
}

uint64_t *in_middle[OPEN];
unsigned middle_count;

CORPUS_NOINLINE void
hold_middle()
{
  in_middle[middle_count++ % OPEN] = filled(static_cast<node *>(malloc(sizeof(node))))->words + 3;
}

// ---- hidden ----

uintptr_t in_xor[OPEN];
unsigned xor_count;

CORPUS_NOINLINE void
hide_xor()
{
  in_xor[xor_count++ % OPEN] = ~reinterpret_cast<uintptr_t>(filled(static_cast<node *>(malloc(sizeof(node)))));
}

uint32_t in_compressed[OPEN];
unsigned compressed_count;

CORPUS_NOINLINE void
hide_compressed()
{
  in_compressed[compressed_count++ % OPEN] =
    static_cast<uint32_t>(reinterpret_cast<uintptr_t>(filled(static_cast<node *>(malloc(sizeof(node))))) >> 4);
}

int epoll = epoll_create1(EPOLL_CLOEXEC);

CORPUS_NOINLINE void
hide_epoll()
{
  int event         = eventfd(0, EFD_CLOEXEC);
  epoll_event wants = {.events = EPOLLIN, .data = {.ptr = filled(static_cast<node *>(malloc(sizeof(node))))}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wants);
  wants.data.ptr = nullptr;
  CORPUS_KEEP(&wants);
}

const std::map<std::string, void (*)()> WAYS = {
  {"lose", lose},
  {"lose_cycle", lose_cycle},
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
