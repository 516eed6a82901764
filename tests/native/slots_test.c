// SPDX-License-Identifier: Apache-2.0
//
// Slots of a full RELRO module (victim.so): found, written, restored; nothing else is written and every page keeps its protection.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "module/slots.h"

int main(void); // an address of this module, which the search excludes

static int64_t seen;

static void
stand_in_increment(const char *where, int64_t size)
{
  (void)where;
  seen += size;
}

struct copy {
  uintptr_t from;
  size_t size;
  unsigned char *bytes;
};

// All memory of victim.so that was ever writable: its data and its RELRO pages.
static int
copy_victim(struct dl_phdr_info *info, size_t size, void *data)
{
  struct copy *copies = data;
  (void)size;
  if (!strstr(info->dlpi_name, "victim.so")) {
    return 0;
  }
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W)) {
      copies->from  = info->dlpi_addr + segment->p_vaddr;
      copies->size  = segment->p_memsz;
      copies->bytes = malloc(copies->size);
      memcpy(copies->bytes, (void *)copies->from, copies->size);
    }
  }
  return 1;
}

static void
a_slot_is_redirected_and_nothing_else_is_written(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  struct memtrack_slots slots;
  struct copy before, after;
  char *maps_before = maps_text();
  dl_iterate_phdr(copy_victim, &before);

  assert_int_equal(memtrack_slots_find(&slots, "target_increment", "victim.so", (void *)main, &reason), 0);
  assert_int_equal(slots.count, 1);
  assert_false(memtrack_page_protection(slots.list[0].at) & PROT_WRITE);
  assert_int_equal(memtrack_slots_write(&slots, (void *)stand_in_increment, &reason), 0);

  target_level = 1;
  seen         = 0;
  victim_increment("somewhere", 42);
  assert_int_equal(seen, 42);

  char *maps_after = maps_text();
  assert_string_equal(maps_after, maps_before);
  dl_iterate_phdr(copy_victim, &after);
  for (size_t i = 0; i < before.size; ++i) {
    bool in_slot = before.from + i - (uintptr_t)slots.list[0].at < sizeof(void *);
    if (!in_slot && before.bytes[i] != after.bytes[i]) {
      fail_msg("byte %zu of victim.so's data was written", i);
    }
  }

  assert_int_equal(memtrack_slots_restore(&slots, &reason), 0);
  victim_increment("somewhere", 1);
  assert_int_equal(seen, 42);
  char *maps_restored = maps_text();
  assert_string_equal(maps_restored, maps_before);
  free(after.bytes);
  dl_iterate_phdr(copy_victim, &after);
  assert_memory_equal(after.bytes, before.bytes, before.size);
  free(before.bytes);
  free(after.bytes);
  free(maps_before);
  free(maps_after);
  free(maps_restored);
  memtrack_slots_free(&slots);
}

static void
a_symbol_that_nobody_calls_is_refused_with_its_name(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  struct memtrack_slots slots;
  assert_int_equal(memtrack_slots_find(&slots, "nobody_calls_this", NULL, (void *)main, &reason), -1);
  assert_non_null(strstr(reason.text, "nobody_calls_this"));
}

static void
slots_of_all_modules_are_found_and_written_to_the_last(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  struct memtrack_slots slots;
  assert_int_equal(memtrack_slots_find(&slots, "__cxa_finalize", NULL, (void *)main, &reason), 0);
  assert_in_range(slots.count, 3, 1000);
  for (int round = 1; round <= 2; ++round) {
    assert_int_equal(memtrack_slots_write(&slots, &slots.list[round], &reason), 0);
    for (size_t i = 0; i < slots.count; ++i) {
      assert_ptr_equal(*slots.list[i].at, &slots.list[round]);
    }
  }
  assert_int_equal(memtrack_slots_restore(&slots, &reason), 0);
  for (size_t i = 0; i < slots.count; ++i) {
    assert_ptr_equal(*slots.list[i].at, slots.list[i].before);
  }
  memtrack_slots_free(&slots);
}

static void
a_module_whose_slots_were_found_is_never_unloaded(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  struct memtrack_slots slots;
  void *handle = open_beside("extra.so", RTLD_NOW | RTLD_LOCAL);
  assert_int_equal(memtrack_slots_find(&slots, "extra_wanted", NULL, (void *)main, &reason), 0);
  assert_int_equal(slots.count, 1);
  assert_int_equal(dlclose(handle), 0);
  assert_int_equal(memtrack_slots_write(&slots, (void *)stand_in_increment, &reason), 0);
  assert_int_equal(memtrack_slots_restore(&slots, &reason), 0);
  assert_null(*slots.list[0].at);
  memtrack_slots_free(&slots);
}

static void
our_own_module_is_left_out(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  struct memtrack_slots slots;
  // Only this program calls victim_increment.
  assert_int_equal(memtrack_slots_find(&slots, "victim_increment", NULL, (void *)main, &reason), -1);
}

int victim_calls_both(void);
int target_calls_both(void);
int victim_interposed(void);
int target_interposed(void);

// Functions that both modules also define: the loader binds to these definitions of the program.
int
victim_interposed(void)
{
  return 100;
}

int
target_interposed(void)
{
  return 100;
}

static int
stand_in_other(void)
{
  return 1000;
}

#define CALLS     (MEMTRACK_WORDS_CALLS | MEMTRACK_WORDS_UNBOUND)
#define ADDRESSES MEMTRACK_WORDS_ADDRESSES

// The slots of victim.so are bound at load time, those of target.so at the first call.
static void
a_slot_leads_to_whose_definition_it_does_not_to_who_has_one(void **state)
{
  (void)state;
  static int (*const calls[])(void)   = {victim_calls_both, target_calls_both};
  static const char *const names[][2] = {{"victim_own", "victim_interposed"}, {"target_own", "target_interposed"}};
  struct memtrack_reason reason;
  for (int i = 0; i < 2; ++i) {
    const struct memtrack_redirect table[] = {
      {names[i][0], (void *)stand_in_other}, {names[i][1], (void *)stand_in_other}, {NULL, NULL}};
    const void *inside = dlsym(RTLD_DEFAULT, names[i][0]);
    const void *global[MEMTRACK_REDIRECTS_MAX];
    struct memtrack_slots slots, none;
    memtrack_slots_resolve(table, global);
    assert_int_equal(memtrack_slots_collect(&slots, inside, table, global, CALLS, NULL), 0);
    assert_int_equal(slots.count, 1);
    assert_int_equal(memtrack_slots_apply(slots.list, 1, true, &reason), 0);
    assert_int_equal(calls[i](), 1 + 1000);
    assert_int_equal(memtrack_slots_collect(&none, inside, table, global, CALLS, NULL), 0);
    assert_int_equal(none.count, 0);
    assert_int_equal(memtrack_slots_apply(slots.list, 1, false, &reason), 0);
    assert_int_equal(calls[i](), 1 + 100);
    memtrack_slots_free(&slots);
    assert_int_equal(memtrack_slots_collect(&slots, inside, table, global, CALLS, NULL), 0); // after every slot has been used
    assert_int_equal(slots.count, 1);
    memtrack_slots_free(&slots);
  }
}

// ---- words from which a program may read an address ----

// In pointers.so; `pointers_copied` is a variable of its, of which this program has a copy (copied.c).
typedef int (*answer)(void);
extern answer const volatile pointers_constant[2]; // the loader and memtrack change them
extern volatile answer pointers_variable, pointers_changed;
extern answer pointers_address(void);
extern int pointers_call(void);
extern answer *copied_at(void);

static struct memtrack_slots
collect_pointers(const void *inside, unsigned words)
{
  static const struct memtrack_redirect table[] = {{"target_own", (void *)stand_in_other}, {NULL, NULL}};
  const void *global[MEMTRACK_REDIRECTS_MAX];
  struct memtrack_slots slots;
  memtrack_slots_resolve(table, global);
  assert_int_equal(memtrack_slots_collect(&slots, inside, table, global, words, NULL), 0);
  return slots;
}

static void
pointers_in_data_get_the_hook_unless_the_program_has_changed_them(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  const void *inside              = dlsym(RTLD_DEFAULT, "pointers_call");
  answer target_own               = (answer)dlsym(RTLD_DEFAULT, "target_own");
  pointers_changed                = stand_in_other;
  char *before                    = maps_text();
  struct memtrack_slots addresses = collect_pointers(inside, ADDRESSES);
  // Two constants, two variables, and the slot of pointers_address(); not the changed one, nor one with an addend, nor an odd one.
  assert_int_equal(addresses.count, 5);
  for (size_t i = 0; i < addresses.count; ++i) {
    if (addresses.list[i].at == (void **)&pointers_variable) {
      pointers_variable = victim_calls_both; // between the look and the store
    }
  }
  assert_int_equal(memtrack_slots_apply(addresses.list, addresses.count, true, &reason), 0);
  assert_ptr_equal(pointers_constant[0], stand_in_other);
  assert_ptr_equal(pointers_constant[1], stand_in_other);
  assert_ptr_equal(pointers_address(), stand_in_other);
  assert_ptr_equal(pointers_variable, victim_calls_both);
  // The linker made one word of the slot for calls and that for the address.
  assert_int_equal(pointers_call(), 1000);
  struct memtrack_slots rest = collect_pointers(inside, CALLS | ADDRESSES);
  assert_int_equal(rest.count, 0);
  memtrack_slots_free(&rest);

  assert_int_equal(memtrack_slots_restore(&addresses, &reason), 0);
  memtrack_slots_free(&addresses);
  assert_ptr_equal(pointers_constant[1], target_own);
  assert_ptr_equal(pointers_variable, victim_calls_both);
  assert_int_equal(pointers_call(), 1);
  char *after = maps_text();
  assert_string_equal(after, before);
  free(before);
  free(after);
}

// The program's copy is the variable in use.
static void
the_programs_copy_of_a_librarys_variable_gets_the_hook(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  if (MT_SANITIZED || dlsym(RTLD_DEFAULT, "pointers_copied") != (void *)copied_at()) {
    skip(); // this compiler makes no copies
  }
  struct memtrack_slots slots = collect_pointers((void *)main, ADDRESSES);
  size_t copies               = 0;
  for (size_t i = 0; i < slots.count; ++i) {
    copies += slots.list[i].at == (void **)copied_at();
  }
  assert_int_equal(copies, 1);
  assert_int_equal(memtrack_slots_apply(slots.list, slots.count, true, &reason), 0);
  assert_ptr_equal(*copied_at(), stand_in_other);
  assert_int_equal(memtrack_slots_restore(&slots, &reason), 0);
  memtrack_slots_free(&slots);
}

// A module that sees another allocator than the process has: nothing of it is redirected, and that is said.
static void
a_module_with_another_malloc_is_left_alone(void **state)
{
  (void)state;
  static const struct memtrack_redirect table[] = {{"malloc", (void *)stand_in_other}, {NULL, NULL}};
  const void *inside                            = dlsym(RTLD_DEFAULT, "pointers_call");
  const void *global[]                          = {(void *)stand_in_other + 1};
  struct memtrack_slots slots;
  bool foreign = false;
  if (MT_SANITIZED) {
    skip(); // the sanitizer's malloc() is in the module of the hooks
  }
  assert_int_equal(memtrack_slots_collect(&slots, inside, table, global, CALLS | ADDRESSES, &foreign), 0);
  assert_int_equal(slots.count, 0);
  assert_true(foreign);
  memtrack_slots_free(&slots);
}

static void
without_a_descriptor_the_reason_is_that(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  void *word = (void *)1;
  struct rlimit limit, none;
  struct memtrack_patch patch = {.at = &word, .after = (void *)2};
  uint64_t hits               = memtrack_limit_hits(MEMTRACK_LIMIT_DESCRIPTORS);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  none          = limit;
  none.rlim_cur = 0;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  int result = memtrack_slots_apply(&patch, 1, true, &reason);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_int_equal(result, -1);
  assert_ptr_equal(word, (void *)1);
  assert_false(patch.written);
  assert_non_null(strstr(reason.text, "/proc/self/maps: Too many open files"));
  assert_int_equal(memtrack_limit_hits(MEMTRACK_LIMIT_DESCRIPTORS), hits + 1);
}

static void
a_slot_that_is_not_mapped_is_refused_and_the_others_are_put_back(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  void *word                    = (void *)1;
  struct memtrack_patch first[] = {{.at = &word}, {.at = (void **)16}}, then[] = {{.at = &word}};
  struct memtrack_slots slots = {.count = 2, .list = first}, good = {.count = 1, .list = then};
  assert_int_equal(memtrack_slots_write(&slots, (void *)2, &reason), -1);
  assert_ptr_equal(word, (void *)1);
  assert_non_null(strstr(reason.text, "not mapped"));
  // What was written before stays: it is put back to that, not to what was there at first.
  assert_int_equal(memtrack_slots_write(&good, (void *)2, &reason), 0);
  first[0]   = then[0];
  slots.list = first;
  assert_int_equal(memtrack_slots_write(&slots, (void *)3, &reason), -1);
  assert_ptr_equal(word, (void *)2);
  assert_int_equal(memtrack_slots_restore(&slots, &reason), 0);
  assert_ptr_equal(word, (void *)1);
}

static void
a_list_says_which_slots_were_written_and_no_other_is_restored(void **state)
{
  (void)state;
  struct memtrack_reason reason;
  void *words[]                   = {(void *)1, (void *)2};
  struct memtrack_patch patches[] = {{.at = &words[0], .after = (void *)10}, {.at = (void **)16, .after = (void *)10}};
  assert_int_equal(memtrack_slots_apply(patches, 2, true, &reason), -1);
  assert_true(patches[0].written);
  assert_false(patches[1].written);
  assert_ptr_equal(words[0], (void *)10);
  assert_int_equal(memtrack_slots_apply(patches, 2, false, &reason), 0);
  assert_ptr_equal(words[0], (void *)1);
  // What another plugin has written over it stays.
  patches[1] = (struct memtrack_patch){.at = &words[1], .after = (void *)20};
  assert_int_equal(memtrack_slots_apply(patches, 2, true, &reason), 0);
  words[1] = (void *)30;
  assert_int_equal(memtrack_slots_apply(patches, 2, false, &reason), 0);
  assert_ptr_equal(words[0], (void *)1);
  assert_ptr_equal(words[1], (void *)30);
}

#define ROUNDS 3000

// Writes and restores a slot again and again.
static void *
write_again_and_again(void *at)
{
  struct memtrack_reason reason;
  for (int i = 0; i < ROUNDS; ++i) {
    struct memtrack_patch patch = {.at = at, .after = (void *)2};
    assert_int_equal(memtrack_slots_apply(&patch, 1, true, &reason), 0);
    assert_ptr_equal(memtrack_load_acquire((void **)at), (void *)2);
    assert_int_equal(memtrack_slots_apply(&patch, 1, false, &reason), 0);
  }
  return NULL;
}

static void
threads_that_write_slots_of_one_page_leave_it_its_protection(void **state)
{
  (void)state;
  pthread_t threads[3];
  void **page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(page, MAP_FAILED);
  for (int i = 0; i < 3; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, write_again_and_again, &page[i]), 0);
  }
  for (int i = 0; i < 3; ++i) {
    pthread_join(threads[i], NULL);
  }
  assert_int_equal(memtrack_page_protection(page), PROT_READ);
  munmap(page, 4096);
}

static void
protections_are_read_as_the_kernel_has_them(void **state)
{
  (void)state;
  char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_int_equal(memtrack_page_protection(page), PROT_READ | PROT_WRITE);
  mprotect(page, 4096, PROT_NONE);
  assert_int_equal(memtrack_page_protection(page + 100), PROT_NONE);
  munmap(page, 4096);
  assert_int_equal(memtrack_page_protection((void *)main) & PROT_EXEC, PROT_EXEC);
  assert_int_equal(memtrack_page_protection((void *)16), -1);
}

// The file's name goes on in the reader's next piece, which looks like a line of the table.
static void
a_long_name_in_the_table_is_no_line_of_it(void **state)
{
  (void)state;
  char text[700];
  int length = snprintf(text, sizeof(text), "1000-2000 r--p 00000000 00:00 0 /%0478d0-ffffffffffff rwxp\n5000-6000 r-xp 0\n", 0);
  FILE *maps = fmemopen(text, length, "r");
  assert_int_equal(memtrack_maps_protection(maps, (void *)0x5000), PROT_READ | PROT_EXEC);
  rewind(maps);
  assert_int_equal(memtrack_maps_protection(maps, (void *)0x6000), -1);
  fclose(maps);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_slot_is_redirected_and_nothing_else_is_written),
    cmocka_unit_test(a_symbol_that_nobody_calls_is_refused_with_its_name),
    cmocka_unit_test(slots_of_all_modules_are_found_and_written_to_the_last),
    cmocka_unit_test(a_module_whose_slots_were_found_is_never_unloaded),
    cmocka_unit_test(our_own_module_is_left_out),
    cmocka_unit_test(a_slot_leads_to_whose_definition_it_does_not_to_who_has_one),
    cmocka_unit_test(pointers_in_data_get_the_hook_unless_the_program_has_changed_them),
    cmocka_unit_test(the_programs_copy_of_a_librarys_variable_gets_the_hook),
    cmocka_unit_test(a_module_with_another_malloc_is_left_alone),
    cmocka_unit_test(without_a_descriptor_the_reason_is_that),
    cmocka_unit_test(a_slot_that_is_not_mapped_is_refused_and_the_others_are_put_back),
    cmocka_unit_test(a_list_says_which_slots_were_written_and_no_other_is_restored),
    cmocka_unit_test(threads_that_write_slots_of_one_page_leave_it_its_protection),
    cmocka_unit_test(protections_are_read_as_the_kernel_has_them),
    cmocka_unit_test(a_long_name_in_the_table_is_no_line_of_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
