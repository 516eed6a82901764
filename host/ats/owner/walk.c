/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "owner/walk.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
#include <unwind.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "module/module.h"
#include "symbol/eh_frame.h"

/* What the walk knows about a return address. */
struct rule {
  bool known;
  bool site;                   /* the walk ends here */
  bool unsupported;            /* the frame has another form: left to the unwinder */
  struct memtrack_frame frame; /* how to unwind it */
};

/* Position of a walk. */
struct place {
  uintptr_t ip, sp, bp;
};

#define STACK_MAX (1u << 20) /* most bytes between two calls of a plugin on one stack: as large as a network thread's stack */

/* Upper end of this thread's stack as far as known, and number of walks by the unwinder. */
static __thread struct {
  uintptr_t reached;
  uint64_t slow;
} thread MT_INITIAL_EXEC;

/* Cache of rules by return address, in sets of a cache line: frames of one walk whose addresses share a set must not displace each
   other, because each such walk would need the unwinder. In a full set a new rule replaces another. The first of a rule's two words
   contains both mixed, so a pair written by two threads belongs to no address that anyone looks up. (Hyatt and Mann, "A lockless
   transposition table implementation for parallel search", 2002.) */
#define SETS_BITS 11
#define SETS      (1u << SETS_BITS)
#define WAYS      4u
struct cached {
  uint64_t both, rule;
};
static struct {
  struct cached ways[WAYS];
} sets[SETS] MT_ALIGNED(64);

#define KNOWN_       1u
#define SITE_        2u
#define UNSUPPORTED_ 4u
#define FROM_BP_     8u
#define BP_SHIFT_    16
#define OUT_SHIFT_   32

static inline struct cached *
set_of(uintptr_t ip)
{
  return sets[ip * MEMTRACK_HASH_FACTOR >> (64 - SETS_BITS)].ways;
}

/* Prevents two nearby addresses from mixing into the word of a third. */
static inline uint64_t
tell_both(uintptr_t ip, uint64_t word)
{
  return ip ^ word * MEMTRACK_HASH_FACTOR;
}

static inline bool
holds(const struct cached *cached, uintptr_t ip, uint64_t word)
{
  return memtrack_load(&cached->both) == tell_both(ip, word);
}

/* What a site is depends on who asks, how to unwind a frame does not: each kind has rules of its own. No address of code has this
   bit. */
static inline uintptr_t
key_of(enum memtrack_sites sites, uintptr_t ip)
{
  return ip | (uintptr_t)sites << 63;
}

static inline struct rule
look_up(uintptr_t ip)
{
  const struct cached *set = set_of(ip);
  uint64_t word            = 0;
#pragma GCC unroll 4
  for (uint32_t way = 0; way < WAYS; ++way) {
    word = memtrack_load(&set[way].rule);
    if (holds(&set[way], ip, word)) {
      break;
    }
    word = 0;
  }
  return (struct rule){.known       = word & KNOWN_,
                       .site        = word & SITE_,
                       .unsupported = word & UNSUPPORTED_,
                       .frame       = {.from_bp = word & FROM_BP_, .bp_below = word >> BP_SHIFT_, .to_caller = word >> OUT_SHIFT_}};
}

/* Where to store the rule of an address: its own place, else an unused one, else another's, each in turn. */
static struct cached *
place_for(uintptr_t ip)
{
  struct cached *set = set_of(ip), *unused = NULL;
  for (uint32_t way = 0; way < WAYS; ++way) {
    uint64_t word = memtrack_load(&set[way].rule);
    if (word && holds(&set[way], ip, word)) {
      return &set[way];
    }
    if (!word && !unused) {
      unused = &set[way];
    }
  }
  return unused ? unused : &set[thread.slow % WAYS];
}

/* Number of times that all rules were forgotten. A rule learned meanwhile may be outdated. */
static uint64_t forgotten;

/* `since`: the value of `forgotten` when learning the rule began. */
static void
store_rule(uintptr_t ip, struct rule rule, uint64_t since)
{
  struct cached *place = place_for(ip);
  uint64_t word = KNOWN_ | (rule.site ? SITE_ : 0) | (rule.unsupported ? UNSUPPORTED_ : 0) | (rule.frame.from_bp ? FROM_BP_ : 0) |
                  (uint64_t)rule.frame.bp_below << BP_SHIFT_ | (uint64_t)rule.frame.to_caller << OUT_SHIFT_;
  memtrack_store(&place->both, tell_both(ip, word));
  memtrack_store_ordered(&place->rule, word);
  if (memtrack_load_ordered(&forgotten) != since) {
    memtrack_store(&place->rule, 0);
  }
}

void
memtrack_walk_forget(void)
{
  memtrack_add_ordered(&forgotten, 1);
  for (uint32_t i = 0; i < SETS * WAYS; ++i) {
    struct cached *cached = &sets[i / WAYS].ways[i % WAYS];
    memtrack_store(&cached->both, 0);
    memtrack_store(&cached->rule, 0);
  }
}

uint64_t
memtrack_walk_slow_count(void)
{
  return thread.slow;
}

/* Moves up one frame. Returns false if that would leave the known part of the stack. */
MT_NO_ADDRESS_SANITIZER static inline bool
unwind_frame(struct place *place, struct memtrack_frame frame, uintptr_t end)
{
  uintptr_t sp = (frame.from_bp ? place->bp : place->sp) + (uintptr_t)frame.to_caller * sizeof(uintptr_t);
  if (sp <= place->sp || sp > end || sp % sizeof(uintptr_t)) {
    return false;
  }
  const uintptr_t *words = (const uintptr_t *)sp;
  /* bp is stored in the frame that is left, so above its sp. */
  if (frame.bp_below) {
    if ((uintptr_t)(words - frame.bp_below) < place->sp) {
      return false;
    }
    place->bp = words[-(ptrdiff_t)frame.bp_below];
  }
  place->ip = words[-1];
  place->sp = sp;
  return true;
}

/* ---- the unwinder ---- */

/* Rules are for x86-64. Elsewhere each walk is the unwinder's, and it must not be asked for this register: it crashes if the frame
   has not saved it. */
#if defined(__x86_64__)
#define LEARNS true
#else
#define LEARNS false
#endif

struct walk {
  bool (*is_site)(uintptr_t address);
  enum memtrack_sites sites;
  uintptr_t found;
  int depth;
  bool learns;
  uint64_t since;
  struct place place; /* the previous frame; its ip is 0 at first */
};

/* The unwinder moved from one frame to the next. Stores the frame's rule if it leads to the same place. */
static void
learn(enum memtrack_sites sites, struct place from, const struct place *to, uint64_t since)
{
  uintptr_t ip = from.ip, key = key_of(sites, ip);
  struct rule rule = look_up(key);
  if (rule.known) {
    return;
  }
  rule.unsupported =
    !memtrack_eh_frame_read(ip, &rule.frame) || !unwind_frame(&from, rule.frame, to->sp) || memcmp(&from, to, sizeof(from)) != 0;
  store_rule(key, rule, since);
}

/* glibc's since 2.35: looks for the module that contains an address, and takes no lock. NULL before memtrack_walk_open(), and if
   there is none. */
static int (*find_object)(void *address, void *result);
static bool opened;

/* Whether a return address is in a module. In code that was made at run time (LuaJIT's) the unwinder may end the process, because
   nobody checks the frame information that such code registers. */
static bool
is_in_module(uintptr_t ip)
{
  uintptr_t result[32]; /* twice as large as glibc's */
  return find_object ? find_object((void *)(ip - 1), result) == 0 : !opened || memtrack_module_at(ip - 1);
}

static _Unwind_Reason_Code
look_at_frame(struct _Unwind_Context *context, void *data)
{
  struct walk *walk  = data;
  struct place place = {.ip = _Unwind_GetIP(context), .sp = _Unwind_GetCFA(context), .bp = 0};
  if (walk->learns) {
    place.bp = _Unwind_GetGR(context, MEMTRACK_FRAME_BP);
    if (walk->place.ip && place.ip) {
      learn(walk->sites, walk->place, &place, walk->since);
    }
    walk->place = place;
  }
  if (place.ip && walk->is_site(place.ip)) {
    walk->found = place.ip;
    if (walk->learns) {
      store_rule(key_of(walk->sites, place.ip), (struct rule){.site = true}, walk->since);
    }
    return _URC_END_OF_STACK;
  }
  bool ends = place.ip == 0 || ++walk->depth == MEMTRACK_WALK_DEPTH || !is_in_module(place.ip);
  return ends ? _URC_END_OF_STACK : _URC_NO_REASON;
}

MT_NOINLINE uintptr_t
memtrack_walk_slowly(bool (*is_site)(uintptr_t address), uintptr_t otherwise)
{
  struct walk walk = {.is_site = is_site, .found = otherwise, .depth = -1}; /* this function */
  _Unwind_Backtrace(look_at_frame, &walk);
  return walk.found;
}

static bool
is_nowhere(uintptr_t address)
{
  (void)address;
  return false;
}

struct above {
  uintptr_t call, *list;
  size_t count, most;
  bool found;
  int depth;
};

static _Unwind_Reason_Code
take_frame(struct _Unwind_Context *context, void *data)
{
  struct above *above = data;
  uintptr_t ip        = _Unwind_GetIP(context);
  if (above->found && ip) {
    above->list[above->count++] = ip;
  }
  above->found = above->found || ip == above->call;
  return ip == 0 || above->count == above->most || ++above->depth == MEMTRACK_WALK_DEPTH ? _URC_END_OF_STACK : _URC_NO_REASON;
}

MT_NOINLINE size_t
memtrack_walk_above(uintptr_t call, uintptr_t *list, size_t most)
{
  struct above above = {.call = call, .list = list, .most = most};
  _Unwind_Backtrace(take_frame, &above);
  return above.count;
}

/* Calls beyond the first own one: the server calls a plugin's handler through memtrack, and reaches the call in many ways that tell
   nothing of the plugin. */
#define CALLS_BEYOND 3u

struct listed {
  uintptr_t call, own, own_size;
  uint64_t *list;
  size_t most, count;
  int depth;
  bool found, cut;
  uintptr_t last;
};

static _Unwind_Reason_Code
list_frame(struct _Unwind_Context *context, void *data)
{
  struct listed *listed = data;
  uintptr_t ip          = _Unwind_GetIP(context);
  listed->last          = ip;
  if (ip == 0) {
    return _URC_END_OF_STACK;
  }
  if (ip == listed->call && !listed->found) {
    listed->found = true;
    listed->count = 0;
  }
  bool is_own = ip - listed->own < listed->own_size;
  if (is_own && listed->count > 0 && listed->most > listed->count + CALLS_BEYOND) {
    listed->most = listed->count + CALLS_BEYOND;
  }
  bool repeats = listed->count > 0 && listed->list[listed->count - 1] == ip;
  listed->cut  = (!repeats && listed->count == listed->most) || ++listed->depth == MEMTRACK_WALK_DEPTH;
  if (!is_own && !repeats && !listed->cut) {
    listed->list[listed->count++] = ip;
  }
  return listed->cut || !is_in_module(ip) ? _URC_END_OF_STACK : _URC_NO_REASON;
}

MT_NOINLINE enum memtrack_walk_end
memtrack_walk_list(uintptr_t call, uintptr_t own, uintptr_t own_end, uint64_t *list, size_t most, size_t *count)
{
  struct listed listed = {.call = call, .own = own, .own_size = own_end - own, .list = list, .most = most};
  _Unwind_Backtrace(list_frame, &listed);
  *count = listed.count;
  return listed.cut ? MEMTRACK_WALK_CUT : listed.last == 0 ? MEMTRACK_WALK_WHOLE : MEMTRACK_WALK_LOST;
}

void
memtrack_walk_open(void)
{
  *(void **)&find_object = dlsym(RTLD_DEFAULT, "_dl_find_object");
  opened                 = true;
  memtrack_walk_slowly(is_nowhere, 0);
}

static MT_NOINLINE uintptr_t
walk_and_learn(enum memtrack_sites sites, bool (*is_site)(uintptr_t address), uintptr_t otherwise)
{
  struct walk walk = {.is_site = is_site, .sites = sites, .found = otherwise, .learns = LEARNS};
  walk.depth       = -2; /* this function, memtrack_walk() */
  walk.since       = memtrack_load_ordered(&forgotten);
  ++thread.slow;
  _Unwind_Backtrace(look_at_frame, &walk);
  /* The highest so far, but not of another stack: a coroutine has its own. */
  if (walk.place.sp > thread.reached || thread.reached - walk.place.sp > STACK_MAX) {
    thread.reached = walk.place.sp;
  }
  return walk.found;
}

/* Its own frame has a bp with any compiler options, because it takes its frame address. */
MT_HOT MT_NOINLINE MT_NO_ADDRESS_SANITIZER uintptr_t
memtrack_walk(enum memtrack_sites sites, bool (*is_site)(uintptr_t address), uintptr_t otherwise)
{
#if defined(__x86_64__)
  const uintptr_t *frame = __builtin_frame_address(0);
  struct place place     = {.ip = frame[1], .sp = (uintptr_t)(frame + 2), .bp = frame[0]};
  uintptr_t end          = thread.reached;
  for (int depth = 0;; ++depth) {
    struct rule rule = look_up(key_of(sites, place.ip));
    if (rule.site) {
      return place.ip;
    }
    if (depth == MEMTRACK_WALK_DEPTH - 1) {
      return otherwise;
    }
    if (!rule.known || rule.unsupported || !unwind_frame(&place, rule.frame, end)) {
      break;
    }
  }
#endif
  uintptr_t found = walk_and_learn(sites, is_site, otherwise);
  __asm__ volatile("" : "+r"(found)); /* no tail call: this frame is counted */
  return found;
}
