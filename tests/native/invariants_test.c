// SPDX-License-Identifier: Apache-2.0
//
// Invariants of ARCHITECTURE.md about counting threads: an event of a known site writes no shared memory except its own shard, no
// event waits for a dump, and a trap during a dump affects only the model.
#define _GNU_SOURCE
#include "support.h"

#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "core/account.h"
#include "core/key.h"
#include "core/model.h"
#include "core/registry.h"
#include "core/shard.h"
#include "dump/dump.h"

#define SITES  512
#define PIECES 8

static char locations[SITES][48];

// ---- what an event writes ----

// Saved contents of memory ranges. On the heap, so that saving one changes none.
static struct kept {
  struct {
    const uint8_t *at;
    uint8_t *copy;
    size_t size;
  } pieces[PIECES];
  size_t count;
} * kept;

static void
keep(const uint8_t *at, size_t size)
{
  size_t i = kept->count++;
  assert_true(i < PIECES);
  kept->pieces[i].at   = at;
  kept->pieces[i].size = size;
  kept->pieces[i].copy = malloc(size);
  assert_non_null(kept->pieces[i].copy);
  memcpy(kept->pieces[i].copy, at, size);
}

// The program's own writable segments, with all of the host's variables; the copies are on the heap.
static int
keep_program(struct dl_phdr_info *info, size_t size, void *data)
{
  (void)size;
  (void)data;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W)) {
      keep((const uint8_t *)info->dlpi_addr + segment->p_vaddr, segment->p_memsz);
    }
  }
  return 1; // the program comes first
}

// Number of changed bytes, excluding a range.
static size_t
count_changes(const void *from, size_t length)
{
  size_t changes = 0;
  for (size_t i = 0; i < kept->count; ++i) {
    for (size_t j = 0; j < kept->pieces[i].size; ++j) {
      const uint8_t *at = kept->pieces[i].at + j;
      changes += *at != kept->pieces[i].copy[j] && (uintptr_t)at - (uintptr_t)from >= length;
    }
  }
  return changes;
}

static void
events_of_known_sites(void)
{
  for (int i = 0; i < 1000; ++i) {
    memtrack_account_iobuffer(locations[i % 10], 4096);
    uint64_t detail = memtrack_attributes(MEMTRACK_CLASS_OPENSSL, i % 10, MEMTRACK_OWNER_CORE);
    uint32_t birth  = memtrack_account_alloc((uintptr_t)locations[0], detail, locations[0], 100);
    memtrack_account_free(birth, 100);
    memtrack_account_iobuffer(locations[i % 10], -4096);
    memtrack_account_free_untracked(memtrack_attributes(MEMTRACK_CLASS_HEAP, 0, 1), 10);
  }
}

static void
an_event_of_a_known_site_writes_its_threads_shard_and_nothing_else(void **state)
{
  (void)state;
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  skip(); // writes of the test's own
#endif
#endif
  events_of_known_sites();
  struct memtrack_shard *own = memtrack_thread.shard;
  assert_non_null(own);
  kept = calloc(1, sizeof(*kept));
  assert_non_null(kept);
  keep(memtrack_registry_core()->wasm.w2c_memory.data, memtrack_registry_core()->wasm.w2c_memory.size);
  for (uint32_t i = 0; i < memtrack_shard_count(); ++i) {
    struct memtrack_shard *shard = memtrack_shard_get(i);
    if (shard != own) {
      keep(shard->core.wasm.w2c_memory.data, shard->core.wasm.w2c_memory.size);
    }
  }
  dl_iterate_phdr(keep_program, NULL);
  uint64_t seq = own->seq;
  events_of_known_sites();
  assert_true(own->seq - seq >= 5000 * 2); // a key further on in its probe, by its address, takes more
  assert_int_equal(count_changes(own, sizeof(*own)), 0);
  // Check: the comparison detects writes elsewhere.
  memtrack_account_iobuffer(locations[100], 1);
  assert_true(count_changes(own, sizeof(*own)) > 0);
}

// ---- what waits for a dump ----

static int full[2];
static int dump_result = -1;

static void *
dump_into_pipe(void *argument)
{
  const struct memtrack_state with = {.level = 1, .iobuffer = MEMTRACK_HOOK_INSTALLED};
  (void)argument;
  dump_result = memtrack_dump_write(full[1], MEMTRACK_DUMP_REASON_OTHER, &with);
  close(full[1]);
  return NULL;
}

static int
bytes_in_pipe(void)
{
  int bytes = -1;
  assert_int_equal(ioctl(full[0], FIONREAD, &bytes), 0);
  return bytes;
}

static void *
account_on_a_new_thread(void *argument)
{
  (void)argument;
  memtrack_account_iobuffer(locations[1], 1);
  return NULL;
}

// A dump that nobody reads blocks in its write() and holds the model's mutex.
static void
no_event_waits_for_a_dump(void **state)
{
  (void)state;
  pthread_t dumper, accountant;
  for (int i = 0; i < 100; ++i) {
    memtrack_account_iobuffer(locations[i], 1);
  }
  assert_int_equal(pipe(full), 0);
  int room = fcntl(full[1], F_SETPIPE_SZ, 4096);
  assert_true(room > 0);
  assert_int_equal(pthread_create(&dumper, NULL, dump_into_pipe, NULL), 0);
  for (time_t end = time(NULL) + 20; bytes_in_pipe() < room;) {
    assert_true(time(NULL) < end);
    sched_yield();
  }
  alarm(60); // a waiting thread would wait forever
  events_of_known_sites();
  for (int i = 200; i < 300; ++i) {
    memtrack_account_iobuffer(locations[i], 1);
  }
  assert_int_equal(pthread_create(&accountant, NULL, account_on_a_new_thread, NULL), 0);
  pthread_join(accountant, NULL);
  alarm(0);
  assert_int_equal(bytes_in_pipe(), room);
  char text[4096];
  while (read(full[0], text, sizeof(text)) > 0) {
  }
  pthread_join(dumper, NULL);
  assert_int_equal(dump_result, 0);
  assert_int_equal(memtrack_account_lost(), 0);
}

static void
trap_model(struct memtrack_core *model, void *argument)
{
  (void)argument;
  model->wasm.w2c_memory.size = 8; // a read beyond this traps, like a defect would
}

// The last test: no dump is possible after it.
static void
a_trap_in_a_dump_ends_dumps_and_nothing_else(void **state)
{
  (void)state;
  const struct memtrack_state with = {.level = 1, .iobuffer = MEMTRACK_HOOK_INSTALLED};
  log_clear();
  assert_true(memtrack_model_visit(false, trap_model, NULL));
  assert_int_not_equal(memtrack_dump_write(STDERR_FILENO, MEMTRACK_DUMP_REASON_OTHER, &with), 0);
  assert_non_null(strstr(log_text(), "the core trapped while making a dump (access out of bounds): no dumps until"));
  log_clear();
  assert_int_not_equal(memtrack_dump_write(STDERR_FILENO, MEMTRACK_DUMP_REASON_OTHER, &with), 0);
  assert_string_equal(log_text(), "");
  struct sums before = sum_site(MEMTRACK_SITE_UNKNOWN);
  events_of_known_sites();
  // An IOBuffer, a block, and with a free of untracked memory an allocation without bytes.
  assert_int_equal(sum_site(MEMTRACK_SITE_UNKNOWN).allocs - before.allocs, 3000);
  assert_int_equal(memtrack_account_lost(), 0);
  assert_int_equal(memtrack_shard_traps(), 0);
}

static int
open_once(void **state)
{
  (void)state;
  for (int i = 0; i < SITES; ++i) {
    snprintf(locations[i], sizeof(locations[i]), "memory/IOBuffer/test.cc:%d", i);
  }
  open_accounting(SITES);
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_event_of_a_known_site_writes_its_threads_shard_and_nothing_else),
    cmocka_unit_test(no_event_waits_for_a_dump),
    cmocka_unit_test(a_trap_in_a_dump_ends_dumps_and_nothing_else),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
