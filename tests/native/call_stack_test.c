// SPDX-License-Identifier: Apache-2.0
//
// Call stacks of sampled allocations: of a sampled site alone, one in so many, from the site's own call on, with how they end; and
// whether their blocks are still allocated.
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <dlfcn.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "caller.h"
#include "core/model.h"
#include "core/registry.h"
#include "core/sampling.h"
#include "hook/heap.h"
#include "hook/lifetime.h"
#include "hook/mapped.h"
#include "hook/objects.h"
#include "hook/ranges.h"
#include "hook/release.h"
#include "hook/state.h"
#include "hook/weight.h"
#include "module/module.h"
#include "owner/call_stack.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "owner/walk.h"

static caller const *plugin_sites, *library_sites;
static const struct memtrack_module *plugin;
static uint32_t owner;

static called
hook(const struct memtrack_redirect *each, const char *name)
{
  while (strcmp(each->symbol, name) != 0) {
    ++each;
  }
  return (called)each->hook;
}

// ---- allocations ----

static MT_NOINLINE void *
allocate(int site, size_t size)
{
  void *block = (void *)plugin_sites[site](hook(memtrack_plugin_heap, "malloc"), size, 0, 0);
  __asm__ volatile("" : "+r"(block)); // no tail call
  return block;
}

static void
release(void *block)
{
  memtrack_release(block, MEMTRACK_CLASS_HEAP);
  free(block);
}

static uint32_t
site_of(int site)
{
  void *block    = allocate(site, 40);
  uint32_t birth = 0;
  uint64_t size;
  assert_true(memtrack_tag_read(block, malloc_usable_size(block), memtrack_hooks.key, &birth, &size));
  release(block);
  return birth >> MEMTRACK_EPOCH_BITS;
}

static void
publish(struct memtrack_core *model, void *argument)
{
  const uint32_t *list = argument; // pairs, up to a site 0
  uint32_t count       = 0;
  while (list[2 * count]) {
    ++count;
  }
  (void)model;
  memtrack_sampling_publish((const uint32_t(*)[2])list, count);
}

// Samples one allocation in 2^rate of a site, and of no other.
static void
sample_site(uint32_t site, uint32_t rate)
{
  uint32_t list[4] = {site, rate + 1, 0, 0};
  assert_true(memtrack_model_visit(false, publish, list));
}

static void
sample_none(void)
{
  uint32_t list[2] = {0, 0};
  assert_true(memtrack_model_visit(false, publish, list));
}

static void
count_one(uint32_t entry, void *count)
{
  (void)entry;
  ++*(unsigned *)count;
}

static unsigned
gone(void)
{
  unsigned count = 0;
  memtrack_call_stack_each_gone(count_one, &count);
  return count;
}

// Takes all stacks that wait. Returns their number; the last one is in *stack.
static unsigned
take(struct memtrack_sampled_stack *stack)
{
  unsigned count = 0;
  uint32_t entry;
  while (memtrack_call_stack_next(stack, &entry)) {
    ++count;
  }
  return count;
}

static int
forget(void **state)
{
  struct memtrack_sampled_stack stack;
  uint32_t entry;
  (void)state;
  sample_none();
  while (memtrack_call_stack_next(&stack, &entry)) {
  }
  for (entry = 0; entry < MEMTRACK_CALL_STACKS_MAX; ++entry) {
    memtrack_call_stack_drop(entry);
  }
  return 0;
}

// ---- tests ----

// This program is memtrack here: its own calls are left out, and a few beyond them are kept. A thread has so few.
static void *
in_thread(void *(*function)(void *), void *argument)
{
  pthread_t thread;
  void *result;
  assert_int_equal(pthread_create(&thread, NULL, function, argument), 0);
  assert_int_equal(pthread_join(thread, &result), 0);
  return result;
}

static void *
allocate_one(void *argument)
{
  (void)argument;
  return allocate(1, 100);
}

static void
a_stack_begins_with_the_sites_call_and_ends_with_the_thread(void **state)
{
  (void)state;
  struct memtrack_sampled_stack stack;
  uint32_t site = site_of(1);
  sample_site(site, 0);
  void *block = in_thread(allocate_one, NULL), *other = allocate(2, 100);
  assert_int_equal(take(&stack), 1);
  assert_int_equal(stack.site, site);
  assert_int_equal(stack.bytes, 100);
  assert_int_equal(stack.rate, 0);
  assert_int_equal(stack.flags, MEMTRACK_STACK_HAS_BLOCK);
  assert_int_equal(stack.calls[0] >> 32, plugin->id);
  uint64_t address, attributes;
  assert_true(memtrack_registry_key(site, &address, &attributes));
  assert_int_equal((uint32_t)stack.calls[0], address - plugin->base);
  assert_true(stack.count >= 2); // site_1, and those of the C library that start a thread
  assert_true(stack.calls[1] >> 32 != plugin->id);
  assert_int_equal(stack.end, MEMTRACK_STACK_IS_WHOLE);
  release(block);
  release(other);
}

static void
a_librarys_stack_begins_with_the_plugins_call(void **state)
{
  (void)state;
  struct memtrack_sampled_stack stack;
  called library_malloc = hook(memtrack_library_heap, "malloc");
  uint32_t birth        = 0;
  uint64_t size;
  memtrack_context.owner = owner;
  for (int i = 0; i < 2; ++i) {
    // The plugin calls a function of the library, which calls malloc().
    void *block = (void *)plugin_sites[5]((called)(void *)library_sites[6], (uintptr_t)(void *)library_malloc, 100, 0);
    assert_true(memtrack_tag_read(block, malloc_usable_size(block), memtrack_hooks.key, &birth, &size));
    sample_site(birth >> MEMTRACK_EPOCH_BITS, 0);
    release(block);
  }
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
  assert_int_equal(take(&stack), 1);
  assert_int_equal(stack.calls[0] >> 32, plugin->id);
}

static void
one_in_so_many_keeps_its_stack(void **state)
{
  (void)state;
  struct memtrack_sampled_stack stack;
  for (uint32_t rate = 0; rate <= 6; rate += 2) {
    unsigned taken = 0;
    sample_site(site_of(1), rate);
    for (int i = 0; i < 6400; ++i) {
      release(allocate(1, 100));
      taken += take(&stack);
      gone();
    }
    unsigned expected = 6400u >> rate;
    assert_true(taken + 2 >= expected && taken <= expected + 2);
  }
}

static void
no_stack_is_kept_of_a_site_that_is_no_longer_sampled(void **state)
{
  (void)state;
  struct memtrack_sampled_stack stack;
  sample_site(site_of(1), 0);
  release(allocate(1, 100));
  assert_int_equal(take(&stack), 1);
  sample_site(site_of(2), 0);
  release(allocate(1, 100));
  assert_int_equal(take(&stack), 0);
  release(allocate(2, 100));
  assert_int_equal(take(&stack), 1);
}

static void
a_block_is_gone_once_it_is_released(void **state)
{
  (void)state;
  enum { BLOCKS = 100 };
  struct memtrack_sampled_stack stack;
  void *blocks[BLOCKS];
  sample_site(site_of(1), 0);
  for (int i = 0; i < BLOCKS; ++i) {
    blocks[i] = allocate(1, 100);
  }
  unsigned taken = take(&stack); // a few entries may have had the same place
  assert_true(taken >= BLOCKS * 4 / 5);
  assert_int_equal(gone(), 0);
  for (int i = 0; i < BLOCKS; i += 2) {
    release(blocks[i]);
  }
  unsigned some = gone();
  assert_true(some >= taken / 2 - 15 && some <= taken / 2 + 15);
  assert_int_equal(gone(), 0);
  for (int i = 1; i < BLOCKS; i += 2) {
    release(blocks[i]);
  }
  assert_int_equal(gone(), taken - some);
}

// The allocator gives the address to the same site again: its tag says the same as before.
static void
a_block_is_gone_once_its_address_is_allocated_anew(void **state)
{
  (void)state;
  struct memtrack_sampled_stack stack;
  sample_site(site_of(1), 0);
  void *block = allocate(1, 100);
  assert_int_equal(take(&stack), 1);
  release(block);
  sample_site(site_of(1), 20); // sees the allocation, keeps no stack
  void *again = allocate(1, 100);
  if (again == block) {
    assert_int_equal(gone(), 1);
  }
  release(again);
}

// ---- what has no tag ----

static uintptr_t
create(uintptr_t object, uintptr_t b, uintptr_t c)
{
  (void)b;
  (void)c;
  memtrack_lifetime_begin((void *)object, MEMTRACK_KIND_CONT, MEMTRACK_WEIGHT_CONT, MT_RETURN_ADDRESS);
  return 0;
}

static void
an_objects_stack_is_kept_until_it_is_destroyed(void **state)
{
  (void)state;
  struct memtrack_sampled_stack stack;
  struct memtrack_object known;
  static char objects[2][64];
  plugin_sites[1](create, (uintptr_t)objects[0], 0, 0);
  assert_true(memtrack_objects_remove(objects[0], &known));
  memtrack_lifetime_count_end(&known);
  uint32_t site = known.birth >> MEMTRACK_EPOCH_BITS;
  sample_site(site, 0);
  plugin_sites[1](create, (uintptr_t)objects[0], 0, 0);
  plugin_sites[2](create, (uintptr_t)objects[1], 0, 0); // another site
  assert_int_equal(take(&stack), 1);
  assert_int_equal(stack.site, site);
  assert_int_equal(stack.bytes, memtrack_weights[MEMTRACK_WEIGHT_CONT]);
  assert_int_equal(stack.flags, MEMTRACK_STACK_HAS_BLOCK);
  assert_int_equal(stack.calls[0] >> 32, plugin->id);
  assert_int_equal(gone(), 0);
  memtrack_lifetime_end(objects[0]);
  assert_int_equal(gone(), 1);
  assert_int_equal(gone(), 0);
  // Another object at its address is not this one.
  plugin_sites[1](create, (uintptr_t)objects[0], 0, 0);
  assert_int_equal(take(&stack), 1);
  memtrack_lifetime_end(objects[0]);
  plugin_sites[2](create, (uintptr_t)objects[0], 0, 0);
  assert_int_equal(gone(), 1);
  memtrack_lifetime_end(objects[0]);
  memtrack_lifetime_end(objects[1]);
}

typedef void *(*mapper)(void *address, size_t length, int protection, int flags, int fd, off_t offset);

static uintptr_t
map(uintptr_t length, uintptr_t b, uintptr_t c)
{
  (void)b;
  (void)c;
  mapper mmap_hook = (mapper)(void *)hook(memtrack_maps, "mmap");
  void *mapped     = mmap_hook(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  __asm__ volatile("" : "+r"(mapped)); // no tail call
  return (uintptr_t)mapped;
}

static uintptr_t
unmap(uintptr_t start, uintptr_t length, uintptr_t c)
{
  return hook(memtrack_maps, "munmap")(start, length, c);
}

static void
a_mappings_stack_is_kept_until_it_is_unmapped(void **state)
{
  (void)state;
  enum { LENGTH = 1 << 20 };
  struct memtrack_sampled_stack stack;
  struct memtrack_mapped_range range;
  memtrack_context.owner = owner;
  uintptr_t start        = plugin_sites[1](map, LENGTH, 0, 0);
  assert_int_equal(memtrack_ranges_copy(start, &range, 1), 1);
  assert_int_equal(range.start, start);
  sample_site(range.birth >> MEMTRACK_EPOCH_BITS, 0);
  uintptr_t other = plugin_sites[1](map, LENGTH, 0, 0);
  assert_int_equal(take(&stack), 1);
  assert_int_equal(stack.site, range.birth >> MEMTRACK_EPOCH_BITS);
  assert_int_equal(stack.bytes, LENGTH);
  assert_int_equal(stack.calls[0] >> 32, plugin->id);
  assert_int_equal(gone(), 0);
  assert_int_equal(unmap(start, LENGTH, 0), 0);
  assert_int_equal(gone(), 0);
  assert_int_equal(unmap(other, LENGTH, 0), 0);
  assert_int_equal(gone(), 1);
  memtrack_context.owner = MEMTRACK_OWNER_CORE;
}

static void
the_table_is_full(void **state)
{
  (void)state;
  enum { BLOCKS = 4 * MEMTRACK_CALL_STACKS_MAX };
  struct memtrack_sampled_stack stack;
  static void *blocks[BLOCKS];
  sample_site(site_of(1), 0);
  for (int i = 0; i < BLOCKS; ++i) {
    blocks[i] = allocate(1, 100);
  }
  unsigned taken = take(&stack);
  assert_true(taken > MEMTRACK_CALL_STACKS_MAX / 2 && taken <= MEMTRACK_CALL_STACKS_MAX);
  // What waits no longer gives way to a new one.
  assert_int_equal(take(&stack), 0);
  void *more = allocate(1, 100);
  assert_int_equal(take(&stack), 1);
  release(more);
  for (int i = 0; i < BLOCKS; ++i) {
    release(blocks[i]);
  }
}

static MT_NOINLINE void *
deeper(unsigned depth)
{
  void *block = depth ? deeper(depth - 1) : allocate(1, 100);
  __asm__ volatile("" : "+r"(block));
  return block;
}

static void *
allocate_deeper(void *depth)
{
  return deeper((unsigned)(uintptr_t)depth);
}

static void
own_calls_are_left_out_and_a_deep_stack_is_cut(void **state)
{
  (void)state;
  struct memtrack_sampled_stack stack;
  sample_site(site_of(1), 0);
  release(in_thread(allocate_deeper, (void *)10));
  assert_int_equal(take(&stack), 1);
  uint32_t count = stack.count;
  assert_int_equal(stack.end, MEMTRACK_STACK_IS_WHOLE);
  release(in_thread(allocate_deeper, (void *)20));
  assert_int_equal(take(&stack), 1);
  assert_int_equal(stack.count, count);
  release(deeper(1000));
  assert_int_equal(take(&stack), 1);
  assert_int_equal(stack.end, MEMTRACK_STACK_IS_CUT);
  assert_true(stack.count <= MEMTRACK_CALLS_MAX);
}

#if defined(__x86_64__)
// A function without unwind tables that calls another.
void *without_tables(void *(*function)(int, size_t), int site, size_t size);
__asm__(".text\n"
        ".globl without_tables\n"
        ".type without_tables, @function\n"
        "without_tables:\n"
        "push %rbx\n"
        "mov %rdi, %rax\n"
        "mov %esi, %edi\n"
        "mov %rdx, %rsi\n"
        "call *%rax\n"
        "pop %rbx\n"
        "ret\n"
        ".size without_tables, . - without_tables\n");

static void
a_walk_ends_in_a_function_without_tables(void **state)
{
  (void)state;
  struct memtrack_sampled_stack stack;
  sample_site(site_of(1), 0);
  release(without_tables(allocate, 1, 100));
  assert_int_equal(take(&stack), 1);
  assert_int_equal(stack.end, MEMTRACK_STACK_IS_LOST);
  assert_int_equal(stack.count, 1); // site_1
}
#endif

static void
errno_is_kept(void **state)
{
  (void)state;
  struct memtrack_sampled_stack stack;
  sample_site(site_of(1), 0);
  errno       = 4711;
  void *block = allocate(1, 100);
  assert_int_equal(errno, 4711);
  assert_int_equal(take(&stack), 1);
  release(block);
}

// ---- threads and signals ----

enum { THREADS = 4, TURNS = MT_SANITIZED ? 5000 : 50000 };
static unsigned running;

static void
on_signal(int number)
{
  (void)number;
  release(allocate(1, 64));
}

static void *
churn(void *data)
{
  void *blocks[64] = {NULL};
  uint64_t random  = (uintptr_t)data + 1;
  for (int i = 0; i < TURNS; ++i) {
    void **block = &blocks[random_next(&random) % 64];
    if (*block) {
      release(*block);
    }
    *block = allocate((int)(random_next(&random) % 4), 1 + random_next(&random) % 200);
    if (i % 100 == 0 && !MT_SANITIZED) {
      raise(SIGUSR2);
    }
  }
  for (int i = 0; i < 64; ++i) {
    if (blocks[i]) {
      release(blocks[i]);
    }
  }
  memtrack_add(&running, -1);
  return NULL;
}

static void
stacks_are_whole_whatever_other_threads_do(void **state)
{
  (void)state;
  pthread_t threads[THREADS];
  struct memtrack_sampled_stack stack;
  uint32_t entry, sites[4];
  struct sigaction action = {.sa_handler = on_signal};
  unsigned taken          = 0;
  for (int i = 0; i < 4; ++i) {
    sites[i] = site_of(i);
  }
  assert_int_equal(sigaction(SIGUSR2, &action, NULL), 0);
  memtrack_store(&running, THREADS);
  sample_site(sites[0], 0);
  for (int i = 0; i < THREADS; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(uintptr_t)i), 0);
  }
  for (int turn = 0; memtrack_load(&running); ++turn) {
    uint32_t list[6] = {sites[turn % 4], 1 + turn % 3, sites[(turn + 1) % 4], 1, 0, 0};
    assert_true(memtrack_model_visit(false, publish, list));
    while (memtrack_call_stack_next(&stack, &entry)) {
      ++taken;
      assert_true(stack.site == sites[0] || stack.site == sites[1] || stack.site == sites[2] || stack.site == sites[3]);
      assert_true(stack.count > 0 && stack.count <= MEMTRACK_CALLS_MAX);
      assert_int_equal(stack.calls[0] >> 32, plugin->id);
    }
    memtrack_call_stack_mentions(plugin->id);
    gone();
  }
  for (int i = 0; i < THREADS; ++i) {
    pthread_join(threads[i], NULL);
  }
  taken += take(&stack);
  assert_true(taken > 0);
  gone();
  assert_int_equal(gone(), 0);
}

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

static int
open_once(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  open_accounting(4096);
  assert_int_equal(memtrack_naming_open(MEMTRACK_SITE_FIRST + 4096), 0);
  assert_int_equal(memtrack_hook_heap_open(&reason), 0);
  assert_int_equal(memtrack_objects_open(), 0);
  assert_int_equal(memtrack_ranges_open(), 0);
  memtrack_walk_open();
  memtrack_call_stack_open(memtrack_lifetime_lasts);
  library_sites         = dlsym(open_beside("library.so", RTLD_NOW | RTLD_LOCAL), "caller_sites");
  plugin_sites          = dlsym(open_beside("caller.so", RTLD_NOW | RTLD_LOCAL), "caller_sites");
  const void *in_plugin = (const void *)(uintptr_t)plugin_sites[0];
  memtrack_module_scan(in_plugin, false, ignore, ignore);
  plugin                    = memtrack_module_at((uintptr_t)in_plugin);
  owner                     = plugin->owner;
  memtrack_hooks.key        = memtrack_tag_key();
  memtrack_hooks.quick_size = MEMTRACK_QUICK_SIZE;
  memtrack_hooks.armed = memtrack_hooks.heap = true;
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(a_stack_begins_with_the_sites_call_and_ends_with_the_thread, forget),
    cmocka_unit_test_teardown(a_librarys_stack_begins_with_the_plugins_call, forget),
    cmocka_unit_test_teardown(one_in_so_many_keeps_its_stack, forget),
    cmocka_unit_test_teardown(no_stack_is_kept_of_a_site_that_is_no_longer_sampled, forget),
    cmocka_unit_test_teardown(a_block_is_gone_once_it_is_released, forget),
    cmocka_unit_test_teardown(a_block_is_gone_once_its_address_is_allocated_anew, forget),
    cmocka_unit_test_teardown(an_objects_stack_is_kept_until_it_is_destroyed, forget),
    cmocka_unit_test_teardown(a_mappings_stack_is_kept_until_it_is_unmapped, forget),
    cmocka_unit_test_teardown(the_table_is_full, forget),
    cmocka_unit_test_teardown(own_calls_are_left_out_and_a_deep_stack_is_cut, forget),
#if defined(__x86_64__)
    cmocka_unit_test_teardown(a_walk_ends_in_a_function_without_tables, forget),
#endif
    cmocka_unit_test_teardown(errno_is_kept, forget),
    cmocka_unit_test_teardown(stacks_are_whole_whatever_other_threads_do, forget),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
