// SPDX-License-Identifier: Apache-2.0
//
// A trap at each call of the core from the host, in a child process each: in the registry, the model, the control instance and the
// search instance at the first call of each function (gates.s), in a shard at each kind of event. The process lives, hooks go on,
// every event is counted or counted as lost, and the log names what does not go on, once. MEMTRACK_FAULT_CALLS=n: at the first n
// calls.
#define _GNU_SOURCE
#include "support.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/peek.h"
#include "control/message.h"
#include "control/records.h"
#include "core/account.h"
#include "core/ask.h"
#include "core/epoch.h"
#include "core/key.h"
#include "core/model.h"
#include "core/registry.h"
#include "core/shard.h"
#include "core/tag.h"
#include "dump/freelists.h"
#include "dump/analysis.h"
#include "dump/builtin.h"
#include "dump/dump.h"
#include "dump/notices.h"
#include "hook/iobuffer.h"
#include "hook/objects.h"
#include "hook/ranges.h"
#include "hook/state.h"
#include "module/module_name.h"
#include "search/pace.h"
#include "search/pass.h"
#include "search/place.h"
#include "search/search.h"

#define SITES     128
#define EVENTS    20
#define CALLS_MAX 60000
#define BLOCKS    20
#define PASSES    4

// Of gates.s: the number of calls, which of them traps, and the function of each, in memory that children share.
extern uint32_t fault_gate_calls, fault_gate_at;
extern uint16_t *fault_gate_of;
uint32_t fault_gate_calls, fault_gate_at;
uint16_t *fault_gate_of;

static char locations[EVENTS][48];
static uint64_t events;

// As the server prints its freelists.
void
print_freelists(FILE *file)
{
  fprintf(file, "     Allocated      |        In-Use      | Type Size  |   Free List Name\n");
  fprintf(file, "   1048576 |   65536 |       2048 | memory/test\n   1048576 |  65536 |   | TOTAL\n");
}

static void
count_events(void)
{
  for (int i = 0; i < EVENTS; ++i) {
    memtrack_account_iobuffer(locations[i], 100);
    memtrack_account_iobuffer(locations[i], -100);
    uint64_t attributes = memtrack_attributes(MEMTRACK_CLASS_OPENSSL, i, MEMTRACK_OWNER_CORE);
    uint32_t birth      = memtrack_account_alloc((uintptr_t)locations[0], attributes, locations[0], 10);
    if (birth != MEMTRACK_SITE_UNKNOWN) {
      memtrack_account_free(birth, 10);
      ++events;
    }
    events += 3;
  }
}

static void
no_dump(FILE *file)
{
  (void)file;
}

static void
dump(bool verify)
{
  const struct memtrack_state state = {.level = 1, .verify = verify, .iobuffer = MEMTRACK_HOOK_INSTALLED};
  int fd                            = memfd_create("dump", 0);
  memtrack_dump_write(fd, MEMTRACK_DUMP_REASON_OTHER, &state);
  close(fd);
}

static bool no_search; // there is no instance for it: search.cc says so (search_test.c)

// What the search's thread does.
static void
search(void)
{
  memtrack_store_ordered(&memtrack_epochs_, memtrack_epochs() + 1); // whose blocks are not watched
  memtrack_search_request("", 100);
  memtrack_pace_set(100);
  no_search = memtrack_pass_open() && !memtrack_pass_is_broken();
  if (!no_search && !memtrack_pass_is_broken()) {
    for (int pass = 0; pass < PASSES && memtrack_pass_make(); ++pass) {
      memtrack_place_poll();
    }
    memtrack_pass_close();
  }
  memtrack_search_status();
}

// What the server does in an hour, without threads.
static void
live(void)
{
  char text[MEMTRACK_OWNER_TEXT_MAX + 1];
  struct memtrack_message message;
  struct memtrack_reason reason;
  for (uint32_t which = 0; which < MEMTRACK_SETTING_COUNT; ++which) {
    memtrack_setting_read(which, no_record);
  }
  memtrack_module_name_kind("/lib/libc.so.6");
  memtrack_module_name_load("plugin.so", false, text, sizeof(text));
  uint32_t owner = memtrack_registry_owner(text);
  memtrack_registry_file(text, owner, "00", "/plugin.so");
  count_events();
  if (memtrack_iobuffer_install(&stand_in, no_dump, &reason)) {
    fail_msg("%s", reason.text);
  }
  memtrack_builtin_carry_over();
  memtrack_iobuffer_set_level(1);
  victim_increment(locations[0], 100);
  ++events;
  memtrack_builtin_mark();
  memtrack_model_arm(MEMTRACK_CLASS_OBJECT);
  memtrack_analysis_open(no_record);
  memtrack_model_arm(MEMTRACK_CLASS_FREELIST);
  if (memtrack_freelists_find("print_freelists", &reason)) {
    assert_non_null(strstr(reason.text, "print_freelists")); /* the core trapped */
  }
  memtrack_analysis_poll(1);
  memtrack_analysis_mark("one", MEMTRACK_BASELINE_BY_USER);
  memtrack_analysis_select("one");
  memtrack_analysis_select("two");
  memtrack_analysis_before_dump();
  dump(false);
  dump(true);
  memtrack_analysis_status(1, 1);
  memtrack_message_parse("mark one", 8, &message);
  memtrack_message_help();
  memtrack_setting_set_level(1);
  uint32_t site = memtrack_registry_count() - 1;
  memtrack_registry_rename(site, &(struct memtrack_call_name){.module = "plugin.so", .function = "f"});
  memtrack_registry_retire(owner);
  memtrack_model_reclaim();
  memtrack_model_disarm(MEMTRACK_CLASS_OBJECT);
  memtrack_model_observe();
  memtrack_analysis_reset();
  memtrack_due_reclaim(1);
  count_events();
  if (!MT_SANITIZED) { // a sanitizer's memory takes a second for each pass
    search();
  }
  dump(false);
  memtrack_notice_trouble();
}

static unsigned
count_in_log(const char *text)
{
  unsigned count = 0;
  for (const char *at = log_text(); (at = strstr(at, text)); ++at) {
    ++count;
  }
  return count;
}

// In the child. Returns 0, or a line of this file.
static int
live_with_trap(uint32_t at)
{
  log_clear();
  assert_true(CALLS_MAX > fault_gate_calls);
  fault_gate_calls   = 0;
  fault_gate_at      = at;
  events             = 0;
  uint64_t lost      = memtrack_account_lost();
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  live();
  bool reached      = fault_gate_calls >= at; // how many calls a search makes depends on its order
  struct sums after = sum_site(MEMTRACK_SITE_UNKNOWN);
  uint64_t counted  = after.allocs - before.allocs + after.frees - before.frees + memtrack_account_lost() - lost;
  fault_gate_at     = 0;
  if (counted != events) {
    return __LINE__;
  }
  // An instance that cannot be created is as if there were no memory for it.
  unsigned said = count_in_log("the core trapped") + count_in_log("out of memory for settings") +
                  count_in_log("limit shards reached") + no_search;
  return said == (at && reached ? 1 : 0) ? 0 : __LINE__;
}

static int
in_child(int (*body)(uint32_t), uint32_t argument)
{
  int status;
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    int line = body(argument);
    if (line) {
      fprintf(stderr, "line %d: %s", line, log_text());
    }
    _exit(line ? 1 : 0);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

static void
a_trap_at_any_call_of_the_registry_the_model_or_the_control_instance(void **state)
{
  (void)state;
  static uint32_t tried[512]; // by function
  static uint16_t usual[CALLS_MAX];
  const char *calls = getenv("MEMTRACK_FAULT_CALLS");
  uint32_t most = calls ? (uint32_t)atoi(calls) : 1, functions = 0;
  assert_int_equal(in_child(live_with_trap, 0), 0);
  memcpy(usual, fault_gate_of, sizeof(usual)); // a run with a trap is another
  for (uint32_t at = 1; at < CALLS_MAX && usual[at] != 0; ++at) {
    uint32_t *of = &tried[usual[at]];
    if (*of == most) {
      continue;
    }
    functions += *of == 0;
    ++*of;
    int status = in_child(live_with_trap, at);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
      fail_msg("a trap at call %u, of function %u of gates.s: status %x", at, usual[at], status);
    }
  }
  assert_in_range(functions, MT_SANITIZED ? 60 : 95, 512);
}

// ---- shards ----

static void
new_buffer(void)
{
  memtrack_account_iobuffer("memory/IOBuffer/new.cc:1", 10);
}

static void
new_block(void)
{
  memtrack_account_alloc(4711, memtrack_attributes(MEMTRACK_CLASS_HEAP, 0, MEMTRACK_OWNER_CORE), NULL, 10);
}

static void
release_of_an_old_block(void)
{
  memtrack_account_free((MEMTRACK_SITE_FIRST + SITES) << MEMTRACK_EPOCH_BITS | 1, 10);
}

// The others take a path whose bounds the compiler has proved (core/account.cc): they cannot trap.
static void (*const kinds[])(void) = {new_buffer, new_block, release_of_an_old_block};

// In the child. The shard's memory is gone, as after a defect of the core.
static int
trap_shard(uint32_t kind)
{
  count_events();
  if (!memtrack_thread.shard) {
    return __LINE__;
  }
  uint64_t lost                                    = memtrack_account_lost();
  memtrack_thread.shard->core.wasm.w2c_memory.size = 8;
  kinds[kind]();
  kinds[kind]();
  if (memtrack_shard_traps() != 1 || memtrack_account_lost() - lost != 2 || memtrack_thread.state != MEMTRACK_THREAD_DISABLED) {
    return __LINE__;
  }
  log_clear();
  dump(false);
  memtrack_notice_trouble();
  return count_in_log("the core trapped in 1 thread") == 1 ? 0 : __LINE__;
}

static void
a_trap_in_a_shard_at_each_kind_of_event(void **state)
{
  (void)state;
  for (uint32_t kind = 0; kind < sizeof(kinds) / sizeof(*kinds); ++kind) {
    int status = in_child(trap_shard, kind);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
      fail_msg("kind %u of event: status %x", kind, status);
    }
  }
}

// Half of them are held, each by the one before, and the first by the heap.
static void
make_blocks(void)
{
  void **before      = malloc(sizeof(*before));
  memtrack_hooks.key = memtrack_tag_key();
  for (int i = 0; i < BLOCKS; ++i) {
    void **block   = calloc(1, 64 + MEMTRACK_TAG_SIZE);
    uint32_t birth = memtrack_account_alloc(0x1234, memtrack_attributes(MEMTRACK_CLASS_HEAP, 0, MEMTRACK_OWNER_CORE), "block", 64);
    memtrack_tag_write(block, malloc_usable_size(block), 64, birth, memtrack_hooks.key);
    if (i % 2) {
      *before = block;
      before  = block;
    }
  }
  memtrack_model_observe();
}

static int
open_once(void **state)
{
  (void)state;
  for (int i = 0; i < EVENTS; ++i) {
    snprintf(locations[i], sizeof(locations[i]), "memory/IOBuffer/trap.cc:%d", i);
  }
  fault_gate_of = mmap(NULL, 2 * CALLS_MAX * sizeof(*fault_gate_of), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(fault_gate_of != MAP_FAILED);
  open_accounting(SITES);
  assert_int_equal(memtrack_objects_open() || memtrack_ranges_open() || memtrack_peek_open(NULL), 0);
  if (!MT_SANITIZED) { // there the search is not tried; and LeakSanitizer is right about those that nothing holds
    make_blocks();
  }
  memset(fault_gate_of, 0, CALLS_MAX * sizeof(*fault_gate_of));
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_trap_at_any_call_of_the_registry_the_model_or_the_control_instance),
    cmocka_unit_test(a_trap_in_a_shard_at_each_kind_of_event),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
