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
#include <linux/aio_abi.h>
#include <list>
#include <lua.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>
#include "corpus.h"
#include "registers.h"

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
  volatile char below[16384];
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

// The data of a continuation that nobody destroys.
CORPUS_NOINLINE void
lose_data()
{
  TSCont cont = TSContCreate(corpus_never_called, nullptr);
  TSContDataSet(cont, filled(static_cast<node *>(malloc(sizeof(node)))));
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

// In a table of more than 64 MiB, of which little is in use.
node **in_giant;
constexpr size_t GIANT = size_t{9} << 20;

CORPUS_NOINLINE void
make_giant()
{
  in_giant = static_cast<node **>(calloc(GIANT, sizeof(*in_giant)));
}

CORPUS_NOINLINE void
hold_giant()
{
  static unsigned next;
  if (!in_giant) {
    make_giant();
  }
  size_t at    = next++ % (GIANT / 4096) * 4096;
  node *before = in_giant[at];
  in_giant[at] = filled(static_cast<node *>(malloc(sizeof(node))));
  free(before);
}

// Its constructor runs before the plugin is known, so its first memory has no tag: it is replaced.
std::deque<node *> in_deque;

CORPUS_NOINLINE void
hold_deque()
{
  static bool done;
  if (!done) {
    done     = true;
    in_deque = std::deque<node *>(1);
  }
  in_deque.push_back(filled(static_cast<node *>(malloc(sizeof(node)))));
  if (in_deque.size() > 1000) {
    free(in_deque.front());
    in_deque.pop_front();
  }
}

// In a table that a constructor has allocated.
node **const in_early = static_cast<node **>(calloc(OPEN, sizeof(node *)));

CORPUS_NOINLINE void
hold_early()
{
  static unsigned count;
  node *&at = in_early[count++ % OPEN];
  free(at);
  at = filled(static_cast<node *>(malloc(sizeof(node))));
}

// As the values of many interpreters: what is no number has its kind in the highest bits.
uint64_t in_boxes[OPEN];

CORPUS_NOINLINE void
hold_nanbox()
{
  static unsigned count;
  uint64_t &at = in_boxes[count++ % OPEN];
  free(reinterpret_cast<void *>(at & 0x7fffffffffff));
  at = reinterpret_cast<uintptr_t>(filled(static_cast<node *>(malloc(sizeof(node))))) | 0xfffe000000000000;
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

// A thread's stack, its thread-local variables, and what it has set for a key.
std::atomic<unsigned> threads, local_threads, key_threads;
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
  pthread_setname_np(pthread_self(), "holds-in-local");
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

void *
wait_with_key(void *)
{
  pthread_key_t key;
  pthread_key_create(&key, nullptr);
  pthread_setspecific(key, filled(static_cast<node *>(malloc(sizeof(node)))));
  clean_stack();
  pthread_setname_np(pthread_self(), "holds-in-key");
  for (;;) {
    pause();
  }
}

CORPUS_NOINLINE void
hold_key()
{
  if (key_threads++ == 0) {
    pthread_t thread;
    pthread_create(&thread, nullptr, wait_with_key, nullptr);
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

// In a file that is shared.
CORPUS_NOINLINE void
hold_file()
{
  static node **in_file;
  static unsigned count;
  if (!in_file) {
    char name[] = "/tmp/memtrack-searched-XXXXXX";
    int file    = mkstemp(name);
    unlink(name);
    in_file = ftruncate(file, OPEN * sizeof(*in_file))
                ? nullptr
                : static_cast<node **>(mmap(nullptr, OPEN * sizeof(*in_file), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    close(file);
  }
  in_file[count++ % OPEN] = filled(static_cast<node *>(malloc(sizeof(node))));
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

// A list whose nodes have the address of the one before XORed with that of the one behind.
node *first_xored, *last_xored;
unsigned xored_count;

uintptr_t
xored(node *one, node *other)
{
  return reinterpret_cast<uintptr_t>(one) ^ reinterpret_cast<uintptr_t>(other);
}

CORPUS_NOINLINE void
hide_xor_list()
{
  node *taken = filled(static_cast<node *>(malloc(sizeof(node))), last_xored);
  if (last_xored) {
    last_xored->next = reinterpret_cast<node *>(xored(last_xored->next, taken));
  }
  last_xored  = taken;
  first_xored = first_xored ? first_xored : taken;
  if (++xored_count > HIDDEN) {
    node *oldest      = first_xored;
    first_xored       = oldest->next;
    first_xored->next = reinterpret_cast<node *>(xored(first_xored->next, oldest));
    free(oldest);
  }
}

// Light userdata of LuaJIT: it keeps a number in place of the highest bits of an address.
lua_State *lua;

CORPUS_NOINLINE void
hide_lightuserdata()
{
  static unsigned count;
  int at = static_cast<int>(count++ % HIDDEN) + 1;
  if (!lua) {
    lua = luaL_newstate();
    lua_newtable(lua);
  }
  lua_rawgeti(lua, 1, at);
  free(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  lua_pushlightuserdata(lua, filled(static_cast<node *>(malloc(sizeof(node)))));
  lua_rawseti(lua, 1, at);
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

// The value of a timer, which its signal brings back.
timer_t timers[HIDDEN];
unsigned timer_count;
std::atomic<void *> brought;

void
take_signal(int, siginfo_t *info, void *)
{
  brought = info->si_value.sival_ptr;
}

void *
value_of(timer_t timer)
{
  sigset_t set;
  itimerspec at_once       = {};
  at_once.it_value.tv_nsec = 1;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 3);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr); // by any thread that does not block it
  timer_settime(timer, 0, &at_once, nullptr);
  while (!brought) {
    sched_yield();
  }
  return brought.exchange(nullptr);
}

CORPUS_NOINLINE void
hide_timer()
{
  timer_t &timer = timers[timer_count++ % HIDDEN];
  if (timer_count == 1) {
    struct sigaction action = {};
    action.sa_sigaction     = take_signal;
    action.sa_flags         = SA_SIGINFO | SA_RESTART;
    sigaction(SIGRTMIN + 3, &action, nullptr);
  }
  if (timer_count > HIDDEN) {
    free(value_of(timer));
    timer_delete(timer);
  }
  sigevent wants              = {};
  wants.sigev_notify          = SIGEV_SIGNAL;
  wants.sigev_signo           = SIGRTMIN + 3;
  wants.sigev_value.sival_ptr = filled(static_cast<node *>(malloc(sizeof(node))));
  timer_create(CLOCK_MONOTONIC, &wants, &timer);
  wants.sigev_value.sival_ptr = nullptr;
  CORPUS_KEEP(&wants);
}

// The data of a request to the kernel that waits.
aio_context_t aio;
int polled[HIDDEN];
unsigned aio_count;

CORPUS_NOINLINE void
hide_aio()
{
  int &event = polled[aio_count++ % HIDDEN];
  if (aio_count == 1) {
    syscall(SYS_io_setup, 2 * HIDDEN, &aio);
  }
  if (aio_count > HIDDEN) {
    io_event got = {};
    eventfd_write(event, 1);
    syscall(SYS_io_getevents, aio, 1, 1, &got, nullptr);
    free(reinterpret_cast<void *>(got.data));
    close(event);
  }
  event                = eventfd(0, EFD_CLOEXEC);
  iocb wants           = {};
  wants.aio_fildes     = event;
  wants.aio_lio_opcode = IOCB_CMD_POLL;
  wants.aio_buf        = POLLIN;
  wants.aio_data       = reinterpret_cast<uintptr_t>(filled(static_cast<node *>(malloc(sizeof(node)))));
  iocb *all[]          = {&wants};
  syscall(SYS_io_submit, aio, 1, all);
  wants.aio_data = 0;
  CORPUS_KEEP(&wants);
}

// In registers of threads that wait: each has new ones whenever it is woken, which is once in so many transactions.
constexpr unsigned WAITERS = 20, REGISTERS = 6, WAKES = 10;

struct waiter {
  int epoll = epoll_create1(EPOLL_CLOEXEC), event = eventfd(0, EFD_CLOEXEC);
} * waiters;

CORPUS_NOINLINE void
wait_until_woken(node **blocks, const waiter *mine)
{
  wait_in_registers(reinterpret_cast<void **>(blocks), mine->epoll);
  eventfd_t value;
  eventfd_read(mine->event, &value);
}

void *
wait_with_registers(void *argument)
{
  node *blocks[REGISTERS];
  for (;;) {
    for (node *&each : blocks) {
      each = filled(static_cast<node *>(malloc(sizeof(node))));
    }
    clean_stack();
    wait_until_woken(blocks, static_cast<waiter *>(argument));
    for (node *each : blocks) {
      free(each);
    }
  }
}

CORPUS_NOINLINE void
hide_registers()
{
  static unsigned count;
  if (!waiters) {
    waiters = new waiter[WAITERS];
    for (unsigned i = 0; i < WAITERS; ++i) {
      pthread_t thread;
      epoll_event wants = {.events = EPOLLIN, .data = {}};
      epoll_ctl(waiters[i].epoll, EPOLL_CTL_ADD, waiters[i].event, &wants);
      pthread_create(&thread, nullptr, wait_with_registers, &waiters[i]);
    }
  }
  if (++count % WAKES == 0) {
    eventfd_write(waiters[count / WAKES % WAITERS].event, 1);
  }
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
  {"lose_data", lose_data},
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
  {"hold_giant", hold_giant},
  {"hold_deque", hold_deque},
  {"hold_data", hold_data},
  {"hold_file", hold_file},
  {"hold_stack", hold_stack},
  {"hold_tagged", hold_tagged},
  {"hold_middle", hold_middle},
  {"hold_key", hold_key},
  {"hold_early", hold_early},
  {"hold_nanbox", hold_nanbox},
  {"hide_xor", hide_xor},
  {"hide_xor_list", hide_xor_list},
  {"hide_lightuserdata", hide_lightuserdata},
  {"hide_timer", hide_timer},
  {"hide_aio", hide_aio},
  {"hide_registers", hide_registers},
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
