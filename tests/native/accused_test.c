// SPDX-License-Identifier: Apache-2.0
//
// Blocks that somebody has, though a pass does not see it, are no leak: the only reference is in a register of a thread that waits,
// in the kernel, inverted, in 32 bits, or moves as fast as it can. Real passes over this process look for them, while each way has
// a site of its own whose blocks turn over. Beside them one site loses blocks, which must be proved, and one keeps them, which must
// not.
//
// MEMTRACK_ACCUSED_PASSES=n says how many passes each test makes.
#define _GNU_SOURCE
#include "support.h"

#include <dirent.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/own.h"
#include "base/peek.h"
#include "core/epoch.h"
#include "core/model.h"
#include "core/registry.h"
#include "hook/block.h"
#include "hook/objects.h"
#include "hook/ranges.h"
#include "hook/release.h"
#include "hook/state.h"
#include "search/pace.h"
#include "search/pass.h"
#include "search/search.h"
#include "../plugins/registers.h"

enum {
  KEPT        = 100, // blocks of each way that hides them
  MANY        = 3000,
  SIZE        = 104,
  PASSES      = 60,
  FEW_PASSES  = 25,
  PROVED_IN   = 25, // passes after which a leak must be proved, once there are enough lost blocks
  LOST_A_TURN = 20,
  REGISTERS   = 6,
  WAITERS     = 20,
  LOST_MIN    = 8,
  LIFE_UNSEEN = 21, // turns that a block can live without being called lost
};

#ifdef __x86_64__
#define HAS_REGISTERS true
#else
#define HAS_REGISTERS false
#endif

// ---- blocks ----

// The leak sanitizer's question: what is lost here is so on purpose.
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
  return 1;
}

static uint32_t owner;

// One site for each name, as if a call of a plugin's had it.
static void *
take(const char *name, size_t size)
{
  void *block = malloc(size + MEMTRACK_TAG_SIZE);
  memset(block, 0x11, size);
  memtrack_block_record(block, size, memtrack_hooks_get(key), (uintptr_t)name, memtrack_attributes(MEMTRACK_CLASS_HEAP, 0, owner),
                        name);
  return block;
}

static void
give(void *block)
{
  memtrack_release(block, MEMTRACK_CLASS_HEAP);
  free(block);
}

// What a compiler does not know of free(): the tag must still be there.
static void
give_past_the_hooks(void *block)
{
  __asm__ volatile("" : "+r"(block) : : "memory");
  free(block);
}

// What calls have left in the stack is overwritten.
static MT_NOINLINE void
clean_stack(void)
{
  volatile char below[16384];
  for (size_t i = 0; i < sizeof(below); ++i) {
    below[i] = 0;
  }
}

// ---- ways to hide a block ----

// Memory that a pass reads: this program's own variables are memtrack's here, because it contains memtrack.
static struct memory {
  uintptr_t inverted[5][MANY];
  int32_t compressed[KEPT];
  void *plain[2][KEPT];
  uintptr_t forever[10 * KEPT];
  void *held[100000];
  void *places[1024 * 512];
} * memory;

static void
put_inverted(unsigned ring, unsigned at, void *block)
{
  memory->inverted[ring][at] = ~(uintptr_t)block;
}

static void *
get_inverted(unsigned ring, unsigned at)
{
  return (void *)~memory->inverted[ring][at];
}

static char *base;

static void
put_compressed(unsigned ring, unsigned at, void *block)
{
  (void)ring;
  base                   = base ? base : (char *)block;
  memory->compressed[at] = (int32_t)(((char *)block - base) / 16);
}

static void *
get_compressed(unsigned ring, unsigned at)
{
  (void)ring;
  return base + (ptrdiff_t)memory->compressed[at] * 16;
}

static int events[KEPT], polled[KEPT];
static int epoll;

static void
put_epoll(unsigned ring, unsigned at, void *block)
{
  (void)ring;
  events[at]               = eventfd(0, EFD_CLOEXEC);
  struct epoll_event wants = {.events = EPOLLIN, .data = {.ptr = block}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, events[at], &wants);
}

static void *
get_epoll(unsigned ring, unsigned at)
{
  (void)ring;
  struct epoll_event got = {.events = 0};
  eventfd_write(events[at], 1);
  epoll_wait(epoll, &got, 1, -1);
  close(events[at]);
  return got.data.ptr;
}

static timer_t timers[KEPT];

static int
timer_signal(void)
{
  return SIGRTMIN + 3;
}

static void
put_timer(unsigned ring, unsigned at, void *block)
{
  (void)ring;
  struct sigevent wants = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = timer_signal(), .sigev_value = {.sival_ptr = block}};
  timer_create(CLOCK_MONOTONIC, &wants, &timers[at]);
}

static void *
get_timer(unsigned ring, unsigned at)
{
  (void)ring;
  sigset_t set;
  siginfo_t got;
  sigemptyset(&set);
  sigaddset(&set, timer_signal());
  timer_settime(timers[at], 0, &(struct itimerspec){.it_value = {.tv_nsec = 1}}, NULL);
  sigwaitinfo(&set, &got);
  timer_delete(timers[at]);
  return got.si_value.sival_ptr;
}

static aio_context_t aio;

static void
put_aio(unsigned ring, unsigned at, void *block)
{
  (void)ring;
  polled[at]         = eventfd(0, EFD_CLOEXEC);
  struct iocb wants  = {.aio_fildes = polled[at], .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLIN, .aio_data = (uintptr_t)block};
  struct iocb *all[] = {&wants};
  syscall(SYS_io_submit, aio, 1, all);
}

static void *
get_aio(unsigned ring, unsigned at)
{
  (void)ring;
  struct io_event got = {0};
  eventfd_write(polled[at], 1);
  syscall(SYS_io_getevents, aio, 1, 1, &got, NULL);
  close(polled[at]);
  return (void *)got.data;
}

// In memory as any other, until it is released in a way that no hook sees.
static void
put_plain(unsigned ring, unsigned at, void *block)
{
  memory->plain[ring][at] = block;
}

static void *
get_plain(unsigned ring, unsigned at)
{
  void *block             = memory->plain[ring][at];
  memory->plain[ring][at] = NULL;
  return block;
}

static const struct way {
  const char *name;
  void (*put)(unsigned ring, unsigned at, void *block);
  void *(*get)(unsigned ring, unsigned at);
  unsigned ring, kept;
  unsigned turnover; // blocks that are replaced in a turn
  void (*give)(void *block);
  size_t sizes; // of how many sizes they are
} ways[] = {
  {"hide_inverted", put_inverted, get_inverted, 0, KEPT, 5, give, 1},
  {"hide_inverted_long", put_inverted, get_inverted, 1, KEPT, 2, give, 1},
  {"hide_inverted_longer", put_inverted, get_inverted, 2, KEPT, 1, give, 1},
  {"hide_many", put_inverted, get_inverted, 3, MANY, 10, give, 1},
  {"hide_many_quick", put_inverted, get_inverted, 4, MANY, 60, give, 1},
  {"hide_compressed", put_compressed, get_compressed, 0, KEPT, 2, give, 1},
  {"hide_epoll", put_epoll, get_epoll, 0, KEPT, 2, give, 1},
  {"hide_timer", put_timer, get_timer, 0, KEPT, 2, give, 1},
  {"hide_aio", put_aio, get_aio, 0, KEPT, 2, give, 1},
  {"past", put_plain, get_plain, 0, KEPT, 2, give_past_the_hooks, 1},
  {"past_sizes", put_plain, get_plain, 1, KEPT, 2, give_past_the_hooks, 40},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };
static unsigned taken[WAYS];

static MT_NOINLINE void
replace(unsigned way, unsigned count)
{
  const struct way *each = &ways[way];
  for (unsigned i = 0; i < count; ++i) {
    unsigned number = taken[way]++, at = number % each->kept;
    if (number >= each->kept) {
      each->give(each->get(each->ring, at));
    }
    each->put(each->ring, at, take(each->name, SIZE + number % each->sizes * 48));
  }
}

// ---- what is lost, and what is held ----

static const char LOST[] = "lose", HELD[] = "hold", FOREVER[] = "hide_forever";
static unsigned held, lost, forever;

static MT_NOINLINE void
lose_and_hold(void)
{
  for (int i = 0; i < LOST_A_TURN; ++i) {
    void *block = take(LOST, SIZE);
    __asm__ volatile("" : : "r"(block) : "memory");
    ++lost;
    memory->held[held++] = take(HELD, SIZE);
  }
}

// Before the passes, and never released: many, but no more.
static MT_NOINLINE void
hide_forever(void)
{
  for (int i = 0; i < 2 * KEPT; ++i) {
    memory->forever[forever++] = ~(uintptr_t)take(FOREVER, SIZE);
  }
}

// ---- threads that wait with blocks in registers ----

static const char WAITING[] = "wait";

static struct waiter {
  pthread_t thread;
  int epoll, event;
  bool stop;
} waiters[WAITERS];

static void
wait_with(void **blocks, const struct waiter *waiter)
{
  wait_in_registers(blocks, waiter->epoll);
  eventfd_t value;
  eventfd_read(waiter->event, &value);
}

static void *
wait(void *argument)
{
  struct waiter *waiter = argument;
  void *blocks[REGISTERS];
  while (!memtrack_load(&waiter->stop)) {
    for (int i = 0; i < REGISTERS; ++i) {
      blocks[i] = take(WAITING, SIZE);
    }
    clean_stack();
    wait_with(blocks, waiter);
    for (int i = 0; i < REGISTERS; ++i) {
      give(blocks[i]);
    }
  }
  return NULL;
}

static void
start_waiters(void)
{
  for (int i = 0; i < WAITERS; ++i) {
    struct waiter *each      = &waiters[i];
    each->epoll              = epoll_create1(EPOLL_CLOEXEC);
    each->event              = eventfd(0, EFD_CLOEXEC);
    struct epoll_event wants = {.events = EPOLLIN};
    epoll_ctl(each->epoll, EPOLL_CTL_ADD, each->event, &wants);
    assert_int_equal(pthread_create(&each->thread, NULL, wait, each), 0);
  }
}

static void
stop_waiters(void)
{
  for (int i = 0; i < WAITERS; ++i) {
    memtrack_store(&waiters[i].stop, true);
    eventfd_write(waiters[i].event, 1);
    pthread_join(waiters[i].thread, NULL);
    close(waiters[i].event);
    close(waiters[i].epoll);
  }
}

// ---- passes and samples ----

static unsigned
passes(void)
{
  const char *wanted = getenv("MEMTRACK_ACCUSED_PASSES");
  return wanted ? (unsigned)strtoul(wanted, NULL, 10) : MT_SANITIZED ? FEW_PASSES : PASSES;
}

static void *
make_pass(void *made)
{
  *(bool *)made = memtrack_pass_make();
  return NULL;
}

static char *stack;
enum { STACK = 512 << 10 };

// On a stack of memtrack's own, as the search's thread has it; meanwhile work() runs on another thread, if there is one.
static void
make_pass_while(void (*work)(void))
{
  pthread_attr_t attributes;
  pthread_t thread;
  bool made = false;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, STACK);
  assert_int_equal(pthread_create(&thread, &attributes, make_pass, &made), 0);
  pthread_attr_destroy(&attributes);
  if (work) {
    work();
    clean_stack();
  }
  pthread_join(thread, NULL);
  assert_true(made);
}

static uint64_t now = 1000;
static char said[65536];

static unsigned
count_threads(void)
{
  unsigned count = 0;
  DIR *tasks     = opendir("/proc/self/task");
  for (struct dirent *each; (each = readdir(tasks));) {
    count += each->d_name[0] != '.';
  }
  closedir(tasks);
  return count;
}

static unsigned threads;

static void
advance(struct memtrack_core *model, void *argument)
{
  (void)argument;
  ++now;
  threads = count_threads();
  memtrack_call(model, setMeasure, MEMTRACK_MEASURE_INTERVAL, 1);
  memtrack_call(model, setMeasure, MEMTRACK_MEASURE_NOW, now);
  memtrack_call(model, setMeasure, MEMTRACK_MEASURE_THREADS, threads);
  uint64_t generation = memtrack_epochs() & ~MEMTRACK_EPOCHS_MASK;
  memtrack_store_release(&memtrack_epochs_, generation | memtrack_call(model, nextEpoch, now));
  memtrack_call(model, epochPublished, now);
}

// As dump/analysis.cc does it. Who is accused is added to `said`.
static void
judge(struct memtrack_core *model, void *argument)
{
  (void)argument;
  for (uint32_t site; (site = memtrack_unseen_next()) != MEMTRACK_SITE_UNKNOWN;) {
    memtrack_call(model, markBlind, site);
  }
  memtrack_call(model, sample, now, 0);
  for (uint32_t length; (length = memtrack_call(model, nextWarning));) {
    size_t used = strlen(said);
    snprintf(said + used, sizeof(said) - used, "%.*s\n", (int)length, (const char *)memtrack_core_at(model, model->output));
  }
}

static void
take_sample(void)
{
  assert_true(memtrack_model_visit(false, advance, NULL));
  assert_true(memtrack_model_visit(true, judge, NULL));
}

struct found {
  unsigned watched, blocks, lost, probably, held, unsure, passes;
  bool blind;
};

// What the search says of a site.
static struct found
find(const char *name)
{
  struct found found = {0};
  char start[200];
  snprintf(start, sizeof(start), "searched: memory/plugin/%s: ", name);
  log_clear();
  memtrack_search_status();
  const char *line = strstr(log_text(), start);
  if (line) {
    const char *end = strchr(line, '\n'), *blind = strstr(line, "blind");
    sscanf(line + strlen(start), "%u of %u blocks watched, %u lost, %u probably, %u held, %u unsure, after %u", &found.watched,
           &found.blocks, &found.lost, &found.probably, &found.held, &found.unsure, &found.passes);
    found.blind = blind && blind < end;
  }
  return found;
}

// ---- what is hidden ----

static unsigned turn;

static void
work(void)
{
  for (unsigned way = 0; way < WAYS; ++way) {
    replace(way, ways[way].turnover);
    clean_stack();
  }
  lose_and_hold();
  eventfd_write(waiters[turn / 2 % WAITERS].event, 1); // so each waits for 40 turns
}

static void
fill(void)
{
  for (int epoch = 0; epoch < 5; ++epoch) {
    for (unsigned way = 0; way < WAYS; ++way) {
      replace(way, ways[way].kept / 5);
    }
    hide_forever();
    lose_and_hold();
    clean_stack();
    take_sample();
  }
}

static void
open_ways(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, timer_signal());
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  assert_int_equal(syscall(SYS_io_setup, 2 * KEPT, &aio), 0);
}

// Nobody but `except` is accused by proof. The counters may accuse whom the search says nothing of.
static void
assert_nobody_is_accused(const char *except)
{
  for (const char *line = said, *end; (end = strchr(line, '\n')); line = end + 1) {
    char text[2000];
    snprintf(text, sizeof(text), "%.*s", (int)(end - line), line);
    if (strstr(text, " blocks lost (") && !(except && strstr(text, except))) {
      fail_msg("%s", text);
    }
  }
}

static void
assert_is_held(const char *name)
{
  struct found found = find(name);
  if (found.lost || found.probably || found.blind) {
    fail_msg("%s: %u of %u lost, %u probably%s", name, found.lost, found.watched, found.probably, found.blind ? ", blind" : "");
  }
}

// Other allocators, or other settings of the C library's, keep the addresses of blocks that they handed out, overwrite released
// ones, or do not hand one out again soon.
static bool
is_plain(void)
{
  return !MT_SANITIZED && !getenv("LD_PRELOAD") && !getenv("GLIBC_TUNABLES") && !getenv("MALLOC_PERTURB_");
}

static void
hidden_blocks_are_not_accused_and_lost_ones_are(void **state)
{
  (void)state;
  unsigned due = 0, proved = 0;
  open_ways();
  start_waiters();
  fill();
  memtrack_search_request("", 100);
  assert_int_equal(memtrack_pass_open(), 0);
  for (turn = 1; turn <= passes(); ++turn) {
    make_pass_while(work);
    take_sample();
    assert_nobody_is_accused(LOST);
    assert_is_held(HELD);
    assert_int_equal(find(ways[0].name).lost, 0);
    due    = due || find(LOST).lost < LOST_MIN || lost < REGISTERS * threads ? due : turn;
    proved = proved || !strstr(said, LOST) ? proved : turn;
  }
  memtrack_pass_close();
  stop_waiters();
  print_message("a leak could be proved after %u passes, and was after %u; %u threads\n", due, proved, threads);
  assert_false(find(LOST).blind);
  if (!is_plain()) {
    return;
  }
  assert_true(due && proved && proved <= due + PROVED_IN);
  assert_int_equal(find(FOREVER).lost, find(FOREVER).watched);
  for (unsigned way = 0; way < WAYS; ++way) {
    assert_int_equal(find(ways[way].name).blind, ways[way].kept / ways[way].turnover > LIFE_UNSEEN);
  }
  assert_int_equal(find(WAITING).blind, HAS_REGISTERS);
}

// ---- what moves ----

// A page apart, so that a pass reads them in several pieces.
enum { MOVED = 64, PLACES = 1024, APART = 512 };

static void **
place(unsigned number)
{
  return &memory->places[(size_t)number * APART];
}

static void
move(unsigned from, unsigned to)
{
  void *block  = *place(from);
  *place(from) = NULL;
  memtrack_store(place(to), block);
}

// Of each block two places.
static void
ping_pong(void)
{
  for (unsigned i = 0; i < MOVED; ++i) {
    bool there = *place(i) == NULL;
    move(there ? i + PLACES / 2 : i, there ? i : i + PLACES / 2);
  }
}

static void
move_at_random(void)
{
  static uint64_t random = 7;
  static unsigned where[MOVED];
  for (unsigned i = 0; i < MOVED; ++i) {
    unsigned from = where[i] ? where[i] : i, to = random_next(&random) % PLACES;
    if (!*place(to) && to) {
      move(from, to);
      where[i] = to;
    }
  }
}

// From one table to another, which has other places for them.
static void
rehash(void)
{
  static uint64_t factor = 1;
  static bool upper;
  unsigned from = upper ? PLACES / 2 : 0, to = upper ? 0 : PLACES / 2;
  upper = !upper;
  factor += 2;
  for (unsigned i = 0; i < PLACES / 2; ++i) {
    void *block = *place(from + i);
    if (block) {
      unsigned at = ((uintptr_t)block >> 4) * factor % (PLACES / 2);
      while (*place(to + at)) {
        at = (at + 1) % (PLACES / 2);
      }
      move(from + i, to + at);
    }
  }
}

static void
turn_deque(void)
{
  static unsigned head, tail = MOVED;
  for (unsigned i = 0; i < MOVED; ++i) {
    move(head, tail);
    head = (head + 1) % PLACES;
    tail = (tail + 1) % PLACES;
  }
}

// The blocks are nodes of a list; one after the other is taken out and put first. They begin with `next` and `previous`.
struct node {
  struct node *next, *previous;
};

static struct node *
list_head(void)
{
  return (struct node *)memory->places;
}

static void
unlink_node(struct node *node)
{
  node->previous->next = node->next;
  node->next->previous = node->previous;
}

static void
link_first(struct node *node)
{
  struct node *head = list_head();
  node->next        = head->next;
  node->previous    = head;
  memtrack_store(&head->next, node);
  memtrack_store(&node->next->previous, node);
}

static void
splice(void)
{
  static uint64_t random = 7;
  struct node *node      = list_head();
  for (unsigned i = 1 + random_next(&random) % (MOVED - 1); i > 0; --i) {
    node = node->next;
  }
  unlink_node(node);
  link_first(node);
}

static const struct mover {
  const char *name;
  void (*move)(void);
  bool is_list;
} movers[] = {
  {"ping_pong", ping_pong, false}, {"move_at_random", move_at_random, false},
  {"rehash", rehash, false},       {"turn_deque", turn_deque, false},
  {"splice", splice, true},
};
enum { MOVERS = sizeof(movers) / sizeof(movers[0]) };

static bool stop;

static void *
go_on(void *argument)
{
  const struct mover *mover = argument;
  while (!memtrack_load(&stop)) {
    mover->move();
  }
  return NULL;
}

static MT_NOINLINE void
place_blocks(const struct mover *mover)
{
  memset(memory->places, 0, sizeof(memory->places));
  list_head()->next = list_head()->previous = list_head();
  for (unsigned i = 0; i < MOVED; ++i) {
    void *block = take(mover->name, SIZE);
    if (mover->is_list) {
      link_first(block);
    } else {
      *place(i) = block;
    }
  }
}

static void
moving_blocks_are_not_lost(void **state)
{
  (void)state;
  for (unsigned i = 0; i < MOVERS; ++i) {
    pthread_t thread;
    unsigned probably = 0;
    place_blocks(&movers[i]);
    clean_stack();
    now += now; // the epoch ends
    take_sample();
    memtrack_search_request(movers[i].name, 100);
    assert_int_equal(memtrack_pass_open(), 0);
    memtrack_store(&stop, false);
    assert_int_equal(pthread_create(&thread, NULL, go_on, (void *)(uintptr_t)&movers[i]), 0);
    for (turn = 1; turn <= passes(); ++turn) {
      make_pass_while(NULL);
      struct found found = find(movers[i].name);
      probably += found.probably != 0;
      assert_int_equal(found.lost, 0);
      assert_false(found.blind);
    }
    memtrack_store(&stop, true);
    pthread_join(thread, NULL);
    memtrack_pass_close();
    print_message("%s: in %u of %u passes a block was probably lost\n", movers[i].name, probably, passes());
    assert_int_equal(find(movers[i].name).watched, MOVED);
  }
  assert_nobody_is_accused(LOST);
}

static int
open_all(void **state)
{
  (void)state;
  open_accounting(4096);
  assert_int_equal(memtrack_objects_open() || memtrack_ranges_open() || memtrack_peek_open(NULL), 0);
  memtrack_release_open();
  memtrack_hooks.key        = memtrack_tag_key();
  memtrack_hooks.quick_size = MEMTRACK_QUICK_SIZE;
  memtrack_hooks.armed = memtrack_hooks.heap = true;
  memtrack_model_arm(MEMTRACK_CLASS_HEAP);
  owner  = memtrack_registry_owner("w.so");
  memory = mmap(NULL, sizeof(*memory), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack  = memtrack_own_map(STACK, MAP_STACK | MAP_NORESERVE);
  memtrack_pace_set(100);
  return memory != MAP_FAILED && stack ? 0 : -1;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hidden_blocks_are_not_accused_and_lost_ones_are),
    cmocka_unit_test(moving_blocks_are_not_lost),
  };
  return cmocka_run_group_tests(tests, open_all, NULL);
}
