// SPDX-License-Identifier: Apache-2.0
//
// Workloads for callgrind, which counts the same instructions in every run. Each figure runs with N and with 2 N turns, and the
// counts are dumped under its name ("FIGURE N", "FIGURE 2N"): the difference is N turns without their surroundings.
//
//   count turns=N
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/callgrind.h>

#include "host.h"
#include "support.h"

#define SITES     4000 // with OpenSSL's sites about the most possible by default
#define FEW_SITES 16
#define FILE_NAME "crypto/count.c"

static struct sequence few, many;
static void *(*allocate)(size_t, const char *, int);
static void *(*reallocate)(void *, size_t, const char *, int);
static void (*release)(void *, const char *, int);
static event_function event;

// A turn of the event figures is a transaction of 8 events.
static void
events(uint64_t turns)
{
  run_events(event, &few, 0, turns);
}

static void
events_of_many(uint64_t turns)
{
  run_events(event, &many, 0, turns);
}

static void
pairs(uint64_t turns)
{
  for (uint64_t i = 0; i < turns; ++i) {
    release(allocate(64, FILE_NAME, i % FEW_SITES), FILE_NAME, 1);
  }
}

static void
reallocs(uint64_t turns)
{
  void *block = allocate(64, FILE_NAME, 0);
  for (uint64_t i = 0; i < turns; ++i) {
    block = reallocate(block, 64, FILE_NAME, i % FEW_SITES);
  }
  release(block, FILE_NAME, 1);
}

static void *(*hook_TSmalloc)(size_t, const char *);
static void (*hook_TSfree)(void *);
static void *(*hook_new)(size_t);
static void (*hook_delete)(void *);
static void (*release_foreign)(void *);

static void
api_pairs(uint64_t turns)
{
  for (uint64_t i = 0; i < turns; ++i) {
    hook_TSfree(hook_TSmalloc(64, "memory/count.c:1"));
  }
}

static void
heap_pairs(uint64_t turns)
{
  for (uint64_t i = 0; i < turns; ++i) {
    hook_delete(hook_new(64));
  }
}

// Allocations and releases by the server while plugins are tracked: each release is examined.
static void
foreign_pairs(uint64_t turns)
{
  for (uint64_t i = 0; i < turns; ++i) {
    release_foreign(malloc(64));
  }
}

static void *(*server_malloc)(size_t);

// The same while the server's own heap is counted: each is charged to the call that the stack leads to.
static void
server_pairs(uint64_t turns)
{
  for (uint64_t i = 0; i < turns; ++i) {
    release_foreign(server_malloc(64));
  }
}

static void
count(const char *name, void (*run)(uint64_t turns), uint64_t turns)
{
  char label[64];
  run(2 * turns); // all sites are known, and the allocator has its blocks
  for (uint64_t times = 1; times <= 2; ++times) {
    snprintf(label, sizeof(label), "%s %lu", name, times);
    CALLGRIND_ZERO_STATS;
    run(times * turns);
    CALLGRIND_DUMP_STATS_AT(label);
  }
}

int
main(int argc, char **argv)
{
  arguments(argc, argv);
  uint64_t turns = argument_number("turns");
  arguments_done();

  make_sequence(&many, SITES);
  few   = (struct sequence){.mask = FEW_SITES / TRANSACTION - 1, .places = many.places};
  event = nothing_event;
  count("event-nothing", events, turns);
  event = counter_event;
  count("event-counter", events, turns);
  event = increment_now();
  count("event-builtin", events, turns);
  by_hand_open(4096);
  event = by_hand_event;
  count("event-by-hand", events, turns);
  host_open(4096);
  host_install_iobuffer();
  event = increment_now();
  count("event-ours", events, turns);

  allocate   = bare_allocate;
  reallocate = bare_reallocate;
  release    = bare_release;
  count("pair-bare", pairs, turns);
  count("realloc-bare", reallocs, turns);
  host_install_openssl();
  CRYPTO_get_mem_functions(&allocate, &reallocate, &release);
  count("pair-ours", pairs, turns);
  count("realloc-ours", reallocs, turns);

  host_arm_plugins();
  hook_TSmalloc   = (void *(*)(size_t, const char *))(uintptr_t)host_plugin_hook("_TSmalloc");
  hook_TSfree     = (void (*)(void *))(uintptr_t)host_plugin_hook("_TSfree");
  hook_new        = (void *(*)(size_t))(uintptr_t)host_plugin_hook("_Znwm");
  hook_delete     = (void (*)(void *))(uintptr_t)host_plugin_hook("_ZdlPv");
  release_foreign = (void (*)(void *))(uintptr_t)host_server_hook("free");
  count("api-ours", api_pairs, turns);
  count("heap-ours", heap_pairs, turns);
  count("foreign-ours", foreign_pairs, turns);
  host_arm_server();
  server_malloc = (void *(*)(size_t))(uintptr_t)host_server_hook("malloc");
  count("server-ours", server_pairs, turns);

  // Last, because from now on the index is full.
  event = increment_now();
  count("many-ours", events_of_many, turns);
  event = by_hand_event;
  count("many-by-hand", events_of_many, turns);
  event = nothing_event;
  count("many-nothing", events_of_many, turns);
  return 0;
}
