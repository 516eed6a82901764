/* SPDX-License-Identifier: Apache-2.0
 *
 * A skip list in an array: a node's number is its index, and node 0 is the beginning, no range. One node in 8 of a level is also in
 * the next one. Free nodes, and those that are taken out, are chained by their lowest link.
 *
 *    0      8    16      24            28     32      36     40
 *    ┌──────┬────┬───────┬─────────────┬──────┬───────┬──────┬────────────────┐
 *    │ start│ end│ origin│ birth, kind │ pages│ before│ after│ next[LEVELS]   │   before, after: the other parts of its mapping,
 *    └──────┴────┴───────┴─────────────┴──────┴───────┴──────┴────────────────┘   in a ring
 */
#define _GNU_SOURCE
#include "hook/ranges.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/own.h"
#include "core/account.h"

#define LEVELS     6
#define LEVEL_BITS 3

struct node {
  uint64_t start, end, origin;
  uint32_t birth : 24;
  uint32_t kind : 2;
  uint32_t ended : 1; /* a stack whose thread has ended */
  uint32_t pages;
  uint32_t before, after;
  uint32_t next[LEVELS];
};

_Static_assert(sizeof(struct node) == 64, "a node is a cache line");
_Static_assert(MEMTRACK_RANGES_MAX == 1u << (LEVELS * LEVEL_BITS), "levels for so many nodes");

static struct node *nodes;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all below, except `origins` */
static uint32_t used         = 1;                         /* nodes that were ever in use */
static uint32_t spare;                                    /* free ones among them */
static uint32_t count;
static uint64_t changes; /* odd while the lock is held: for memtrack_ranges_snapshot() */
static uint32_t arming;
static uint64_t origins;
static size_t page;
static pid_t process;
static __thread bool within; /* this thread has the lock, or is about to take it */

int
memtrack_ranges_open(void)
{
  page    = (size_t)sysconf(_SC_PAGESIZE);
  process = getpid();
  if (!nodes) {
    nodes = memtrack_own_map((MEMTRACK_RANGES_MAX + 1) * sizeof(struct node), MAP_NORESERVE);
  }
  return nodes ? 0 : -1;
}

bool
memtrack_ranges_usable(void)
{
  return nodes && !within && getpid() == process;
}

static bool
enter(void)
{
  if (!memtrack_ranges_usable()) {
    return false;
  }
  within = true;
  memtrack_fence_signal();
  pthread_mutex_lock(&mutex);
  memtrack_store(&changes, changes + 1);
  memtrack_fence_release();
  return true;
}

static void
leave(void)
{
  memtrack_store_release(&changes, changes + 1);
  pthread_mutex_unlock(&mutex);
  memtrack_fence_signal();
  within = false;
}

uint64_t
memtrack_ranges_number(void)
{
  return memtrack_add(&origins, 1) + 1;
}

uint64_t
memtrack_ranges_newest(void)
{
  return memtrack_load(&origins);
}

size_t
memtrack_ranges_page(void)
{
  return page;
}

/* ---- The list, under the lock --------------------------------------------------------------------------------------------------
 */

/* The last node on each level that ends at an address or before. */
static void
find(uint64_t address, uint32_t *path)
{
  uint32_t node = 0;
  for (unsigned level = LEVELS; level-- > 0;) {
    for (uint32_t next; (next = nodes[node].next[level]) && nodes[next].end <= address;) {
      node = next;
    }
    path[level] = node;
  }
}

/* The first node that ends after an address; 0 if there is none. */
static uint32_t
first_after(uint64_t address)
{
  uint32_t path[LEVELS];
  find(address, path);
  return nodes[path[0]].next[0];
}

/* The node that contains an address; 0 if none does. */
static uint32_t
at(uint64_t address)
{
  uint32_t node = first_after(address);
  return node && nodes[node].start <= address ? node : 0;
}

static void
link_in(uint32_t node)
{
  static uint64_t random = 1;
  uint32_t path[LEVELS];
  find(nodes[node].start, path);
  random         = random * MEMTRACK_HASH_FACTOR + 1;
  uint64_t bits  = random >> 32;
  unsigned level = 0;
  do {
    nodes[node].next[level]        = nodes[path[level]].next[level];
    nodes[path[level]].next[level] = node;
  } while (++level < LEVELS && (bits >> (level - 1) * LEVEL_BITS) % (1u << LEVEL_BITS) == 0);
  memtrack_store(&count, count + 1);
}

/* `path` is that of the node's start. */
static void
link_out(const uint32_t *path, uint32_t node)
{
  for (unsigned level = 0; level < LEVELS && nodes[path[level]].next[level] == node; ++level) {
    nodes[path[level]].next[level] = nodes[node].next[level];
  }
  memtrack_store(&count, count - 1);
}

/* A free node; 0 if there is none, which is counted. */
static uint32_t
new_node(void)
{
  uint32_t node = spare;
  if (node) {
    spare = nodes[node].next[0];
  } else if (used <= MEMTRACK_RANGES_MAX) {
    node = used;
    memtrack_store(&used, used + 1);
  } else {
    memtrack_limit_hit(MEMTRACK_LIMIT_RANGES);
  }
  return node;
}

static void
give_back(uint32_t node)
{
  nodes[node].next[0] = spare;
  spare               = node;
}

/* Takes a node out of the ring of its mapping, of which another one gets its pages. Returns whether it was the last. */
static bool
leave_mapping(uint32_t node)
{
  uint32_t heir                   = nodes[node].after;
  nodes[nodes[node].before].after = heir;
  nodes[heir].before              = nodes[node].before;
  if (heir != node) {
    nodes[heir].pages += nodes[node].pages;
  }
  return heir == node;
}

/* Makes two nodes of the one that has this address inside. If there is no node for it, what is behind the address is forgotten. */
static void
split(uint64_t address)
{
  uint32_t left = at(address);
  if (!left || nodes[left].start == address) {
    return;
  }
  uint32_t right = new_node();
  if (right) {
    nodes[right]                    = nodes[left];
    nodes[right].start              = address;
    nodes[right].pages              = 0;
    nodes[right].before             = left;
    nodes[nodes[left].after].before = right;
    nodes[left].after               = right;
  }
  nodes[left].end = address;
  if (right) {
    link_in(right);
  }
}

/* Makes one node of two that were parts of one, and are side by side. */
static uint32_t
join(uint32_t left, uint32_t right)
{
  uint32_t path[LEVELS];
  if (!left || !right || nodes[left].end != nodes[right].start || nodes[left].origin != nodes[right].origin) {
    return right;
  }
  find(nodes[right].start, path);
  link_out(path, right);
  leave_mapping(right);
  nodes[left].end = nodes[right].end;
  give_back(right);
  return left;
}

/* Takes all nodes between two addresses out. Returns them as a chain, whose last link is 0. */
static uint32_t
cut(uint64_t start, uint64_t end)
{
  uint32_t path[LEVELS], first = 0, *link = &first;
  split(start);
  split(end);
  find(start, path);
  for (uint32_t node; (node = nodes[path[0]].next[0]) && nodes[node].start < end;) {
    link_out(path, node);
    *link = node;
    link  = &nodes[node].next[0];
    *link = 0;
  }
  return first;
}

static void
insert(uint32_t node)
{
  uint32_t path[LEVELS];
  link_in(node);
  find(nodes[node].start, path);
  node = join(path[0], node);
  join(node, nodes[node].next[0]);
}

/* ---- Taking out and putting in -------------------------------------------------------------------------------------------------
 */

static struct memtrack_taken
taken_now(uint32_t first)
{
  return (struct memtrack_taken){.first = first, .arming = arming};
}

/* Addresses from `start` on, in whole pages. */
static uint64_t
end_of(const void *start, size_t length)
{
  uint64_t end, whole = ((uint64_t)length + page - 1) & ~((uint64_t)page - 1);
  return whole < length || __builtin_add_overflow((uintptr_t)start, whole, &end) ? UINT64_MAX & ~((uint64_t)page - 1) : end;
}

struct memtrack_taken
memtrack_ranges_take(const void *start, size_t length)
{
  struct memtrack_taken taken = {0};
  if (memtrack_load(&count) == 0 || length == 0 || (uintptr_t)start % page || !enter()) {
    return taken;
  }
  taken = taken_now(cut((uintptr_t)start, end_of(start, length)));
  leave();
  return taken;
}

void
memtrack_ranges_drop(struct memtrack_taken taken)
{
  for (uint32_t node = taken.first, next; node && enter(); node = next) {
    uint32_t birth = nodes[node].birth;
    next           = nodes[node].next[0];
    bool last      = leave_mapping(node) && taken.arming == arming;
    uint64_t bytes = (uint64_t)nodes[node].pages * page;
    give_back(node);
    leave();
    if (last) {
      memtrack_account_free(birth, bytes);
    }
  }
}

void
memtrack_ranges_restore(struct memtrack_taken taken)
{
  struct memtrack_taken gone = {0};
  if (!taken.first || !enter()) {
    return;
  }
  if (taken.arming != arming) {
    gone = taken;
  }
  for (uint32_t node = gone.first ? 0 : taken.first, next; node; node = next) {
    next = nodes[node].next[0];
    insert(node);
  }
  leave();
  memtrack_ranges_drop(gone);
}

void
memtrack_ranges_move(struct memtrack_taken taken, const void *start, size_t length)
{
  uint32_t node              = taken.first;
  struct memtrack_taken rest = taken, there = {0};
  if (!node || !enter()) {
    return;
  }
  if (taken.arming == arming) {
    rest.first        = nodes[node].next[0];
    there             = taken_now(cut((uintptr_t)start, end_of(start, length)));
    nodes[node].start = (uintptr_t)start;
    nodes[node].end   = end_of(start, length);
    insert(node);
  }
  leave();
  memtrack_ranges_drop(rest);
  memtrack_ranges_drop(there);
}

void
memtrack_ranges_put(const struct memtrack_mapped_range *range)
{
  struct memtrack_taken there = {0};
  uint32_t node               = 0;
  if (enter()) {
    there = taken_now(cut(range->start, range->end));
    node  = new_node();
    if (node) {
      nodes[node] = (struct node){.start  = range->start,
                                  .end    = end_of((void *)(uintptr_t)range->start, range->end - range->start),
                                  .origin = range->origin,
                                  .birth  = range->birth,
                                  .kind   = range->kind,
                                  .before = node,
                                  .after  = node};
      link_in(node);
    }
    leave();
  } else {
    memtrack_account_lose();
  }
  memtrack_ranges_drop(there);
  if (!node) {
    memtrack_account_free(range->birth, 0);
  }
}

void
memtrack_ranges_clear(void)
{
  struct memtrack_taken all = {0};
  if (enter()) {
    all = taken_now(cut(0, UINT64_MAX));
    memtrack_store(&arming, arming + 1);
    leave();
  }
  memtrack_ranges_drop(all);
}

/* ---- Stacks --------------------------------------------------------------------------------------------------------------------
 */

void
memtrack_ranges_thread_ended(uintptr_t inside, uint64_t origin)
{
  if (enter()) {
    uint32_t node = at(inside);
    if (node && nodes[node].origin == origin) {
      nodes[node].ended = 1;
    }
    leave();
  }
}

void
memtrack_ranges_thread_gone(uintptr_t inside, uint64_t newest, bool ended)
{
  struct memtrack_taken stack = {0};
  if (memtrack_load(&count) == 0 || !enter()) {
    return;
  }
  uint32_t node = at(inside);
  if (node && nodes[node].kind == MEMTRACK_RANGE_STACK && nodes[node].origin <= newest && (!ended || nodes[node].ended)) {
    stack = taken_now(cut(nodes[node].start, nodes[node].end));
  }
  leave();
  memtrack_ranges_drop(stack);
}

/* ---- Measuring -----------------------------------------------------------------------------------------------------------------
 */

MT_NO_THREAD_SANITIZER static struct memtrack_mapped_range
range_of(uint32_t node)
{
  return (struct memtrack_mapped_range){.start  = nodes[node].start,
                                        .end    = nodes[node].end,
                                        .origin = nodes[node].origin,
                                        .birth  = nodes[node].birth,
                                        .pages  = nodes[node].pages,
                                        .kind   = nodes[node].kind};
}

/* The node of a range that was copied; 0 if it has changed. */
static uint32_t
same(const struct memtrack_mapped_range *range)
{
  uint32_t node = at(range->start);
  bool is_same  = node && nodes[node].start == range->start && nodes[node].end == range->end && nodes[node].origin == range->origin;
  return is_same ? node : 0;
}

uint32_t
memtrack_ranges_copy(uint64_t after, struct memtrack_mapped_range *ranges, uint32_t most)
{
  uint32_t copied = 0;
  if (enter()) {
    for (uint32_t node = first_after(after); node && copied < most; node = nodes[node].next[0]) {
      ranges[copied++] = range_of(node);
    }
    leave();
  }
  return copied;
}

/* Whether a node is the beginning of its mapping: no other part of it is at a lower address. */
MT_NO_THREAD_SANITIZER static bool
is_beginning(uint32_t node)
{
  uint32_t other = node;
  for (uint32_t steps = 0; steps < MEMTRACK_RANGES_MAX && (other = nodes[other].after) != node && other <= MEMTRACK_RANGES_MAX;
       ++steps) {
    if (nodes[other].start < nodes[node].start) {
      return false;
    }
  }
  return true;
}

/* What it reads may be half changed: then the numbers are not the same afterwards. */
MT_NO_THREAD_SANITIZER static uint32_t
copy_beginnings(struct memtrack_mapped_range *ranges)
{
  uint32_t copied = 0, steps = 0;
  for (uint32_t node = nodes[0].next[0]; node && node <= MEMTRACK_RANGES_MAX && steps < MEMTRACK_RANGES_MAX; ++steps) {
    if (is_beginning(node)) {
      ranges[copied++] = range_of(node);
    }
    node = nodes[node].next[0];
  }
  return copied;
}

bool
memtrack_ranges_is(uint64_t start, uint32_t birth)
{
  struct memtrack_mapped_range range;
  return memtrack_ranges_copy(start, &range, 1) && range.start == start && range.birth == birth;
}

bool
memtrack_ranges_snapshot(struct memtrack_mapped_range *ranges, uint32_t *copied)
{
  uint64_t before = memtrack_load_acquire(&changes);
  *copied         = memtrack_load(&count) ? copy_beginnings(ranges) : 0;
  memtrack_fence_acquire();
  return before % 2 == 0 && memtrack_load(&changes) == before;
}

void
memtrack_ranges_measured(const struct memtrack_mapped_range *range, uint32_t pages)
{
  int64_t change = 0;
  uint32_t birth = 0;
  if (enter()) {
    uint32_t node = same(range);
    if (node) {
      change            = (int64_t)pages - nodes[node].pages;
      birth             = nodes[node].birth;
      nodes[node].pages = pages;
    }
    leave();
  }
  if (change) {
    memtrack_account_resize(birth, change * (int64_t)page);
  }
}

void
memtrack_ranges_lost(const struct memtrack_mapped_range *range, uint64_t start, uint64_t end)
{
  struct memtrack_taken part = {0};
  if (enter()) {
    if (same(range)) {
      part = taken_now(cut(start, end));
    }
    leave();
  }
  memtrack_ranges_drop(part);
}

uint64_t
memtrack_ranges_memory(void)
{
  return nodes ? (uint64_t)memtrack_load(&used) * sizeof(struct node) : 0;
}
