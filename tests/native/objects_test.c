// SPDX-License-Identifier: Apache-2.0
//
// The table of objects: random operations compared with a list, partitions that grow until they are full, threads, mutexes that end
// with the last continuation that owns them, and objects that are read while they end.
#define _GNU_SOURCE
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook/objects.h"

#define ADDRESSES 4096
#define STEPS     400000

struct shadow {
  bool there;
  uint32_t site, users;
};

static void *
address_of(uint64_t number)
{
  return (void *)(uintptr_t)(0x7f0000000000u + number * 64);
}

static struct memtrack_object
add(const void *address, uint32_t birth)
{
  return memtrack_objects_put(memtrack_object_new(address, birth, MEMTRACK_WEIGHT_NONE));
}

static void
random_operations_give_what_a_plain_list_gives(void **state)
{
  (void)state;
  static struct shadow shadow[ADDRESSES];
  const char *given = getenv("MEMTRACK_SEED");
  uint64_t seed     = given ? strtoull(given, NULL, 0) : 0x5eed1234;
  print_message("MEMTRACK_SEED=%llu\n", (unsigned long long)seed);
  for (uint32_t step = 0; step < STEPS; ++step) {
    uint64_t number       = random_next(&seed) % ADDRESSES;
    struct shadow *expect = &shadow[number];
    struct memtrack_object object;
    switch (random_next(&seed) % 5) {
    case 0:
      object = add(address_of(number), step);
      assert_int_equal(object.address != 0, expect->there);
      if (expect->there) {
        assert_int_equal(object.birth, expect->site);
      }
      *expect = (struct shadow){.there = true, .site = step};
      break;
    case 1:
      assert_int_equal(memtrack_objects_remove(address_of(number), &object), expect->there);
      if (expect->there) {
        assert_int_equal(object.birth, expect->site);
        assert_int_equal(object.refs, expect->users);
      }
      *expect = (struct shadow){0};
      break;
    case 2:
      memtrack_objects_ref(address_of(number));
      expect->users += expect->there;
      break;
    case 3: {
      bool last = expect->there && expect->users == 1;
      assert_int_equal(memtrack_objects_unref(address_of(number), &object), last);
      if (last) {
        assert_int_equal(object.birth, expect->site);
        *expect = (struct shadow){0};
      } else if (expect->there && expect->users) {
        --expect->users;
      }
      break;
    }
    default:
      assert_int_equal(memtrack_objects_knows(address_of(number)), expect->there);
    }
  }
  for (uint64_t number = 0; number < ADDRESSES; ++number) {
    assert_int_equal(memtrack_objects_knows(address_of(number)), shadow[number].there);
  }
  memtrack_objects_clear();
  for (uint64_t number = 0; number < ADDRESSES; ++number) {
    assert_false(memtrack_objects_knows(address_of(number)));
  }
}

/* The largest number of objects: 7/8 of 16,384 in each of 1,024 partitions. */
enum { MOST = 16384 / 8 * 7 * 1024 };

static void
what_there_is_no_room_for_is_counted_and_the_rest_is_found(void **state)
{
  (void)state;
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
  skip(); /* the sanitizer's own memory for it would be too large */
#endif
#endif
  enum { MANY = 15000000 };
  struct memtrack_object object;
  uint64_t before = memtrack_objects_untracked(), refused = 0, small = memtrack_objects_memory();
  for (uint64_t number = 0; number < MANY; ++number) {
    refused += add(address_of(number), number & 0xffffff).address != 0; /* itself: each address comes once */
    if (number == MOST / 16 / 2) {
      assert_int_equal(refused, 0);
      assert_int_equal(memtrack_objects_memory(), small);
    }
    if (number == MOST / 10 * 9) {
      assert_int_equal(refused, 0);
    }
  }
  assert_true(refused >= MANY - MOST);
  assert_int_equal(memtrack_objects_untracked() - before, refused);
  assert_true(memtrack_objects_memory() >= MOST * sizeof(object) && memtrack_objects_memory() < 2ull * MOST * sizeof(object));
  uint64_t found = 0;
  for (uint64_t number = 0; number < MANY; ++number) {
    if (memtrack_objects_remove(address_of(number), &object)) {
      assert_int_equal(object.birth, number & 0xffffff);
      ++found;
    }
  }
  assert_int_equal(found, MANY - refused);
  memtrack_objects_clear();
  assert_int_equal(memtrack_objects_memory(), small);
  for (uint64_t number = 0; number < MANY; number += 1000) {
    assert_false(memtrack_objects_knows(address_of(number)));
  }
}

static void *
create_and_destroy(void *argument)
{
  uint64_t base = (uintptr_t)argument * 1000000;
  struct memtrack_object object;
  for (uint32_t i = 0; i < 50000; ++i) {
    assert_int_equal(add(address_of(base + i % 100), i).address, 0);
    assert_true(memtrack_objects_remove(address_of(base + i % 100), &object));
    assert_int_equal(object.birth, i);
  }
  return NULL;
}

static void
threads_do_not_meet_each_others_objects(void **state)
{
  (void)state;
  pthread_t threads[4];
  for (uintptr_t i = 0; i < 4; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, create_and_destroy, (void *)(i + 1)), 0);
  }
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
  }
}

/* Each thread keeps its objects while the partitions grow. */
static void *
create_many(void *argument)
{
  enum { MANY = 600000 };
  uint64_t base = (uintptr_t)argument << 24;
  struct memtrack_object object;
  for (uint32_t i = 0; i < MANY; ++i) {
    assert_int_equal(add(address_of(base + i), i).address, 0);
    if (i % 3 == 0) {
      assert_true(memtrack_objects_remove(address_of(base + i / 3), &object));
      assert_int_equal(object.birth, i / 3);
    }
  }
  for (uint32_t i = MANY / 3; i < MANY; ++i) {
    assert_true(memtrack_objects_remove(address_of(base + i), &object));
    assert_int_equal(object.birth, i);
  }
  return NULL;
}

static void
partitions_grow_under_several_threads(void **state)
{
  (void)state;
  pthread_t threads[4];
  uint64_t before = memtrack_objects_memory();
  for (uintptr_t i = 0; i < 4; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, create_many, (void *)(i + 1)), 0);
  }
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
  }
  assert_true(memtrack_objects_memory() > before);
  memtrack_objects_clear();
}

static struct memtrack_object
buffer_of(uint64_t number, uint32_t birth)
{
  return (struct memtrack_object){.address = (uintptr_t)address_of(number), .birth = birth, .weight = MEMTRACK_WEIGHT_MBUFFER};
}

static uint32_t
begin_all(bool again, uint64_t *addresses, uint32_t most)
{
  uint32_t held[8];
  uint32_t count = 0;
  for (uint32_t i = 0; i < MEMTRACK_OBJECTS_PARTITIONS; ++i) {
    count += memtrack_objects_begin(i, again, addresses + count, held + count, most - count);
  }
  return count;
}

static void
what_was_read_of_an_object_is_dropped_if_it_has_ended(void **state)
{
  (void)state;
  struct memtrack_object object, old;
  uint64_t addresses[8];
  for (uint32_t i = 0; i < 4; ++i) {
    object = buffer_of(i, i + 1);
    assert_int_equal(memtrack_objects_put(object).address, 0);
  }
  assert_int_equal(add(address_of(9), 9).address, 0); /* of another weight */
  assert_int_equal(begin_all(true, addresses, 8), 4);
  assert_int_equal(begin_all(false, addresses, 8), 4);
  memtrack_objects_remove(address_of(1), &object); /* destroyed */
  memtrack_objects_remove(address_of(2), &object); /* and created again */
  assert_int_equal(add(address_of(2), 7).address, 0);
  for (uint32_t i = 0; i < 4; ++i) {
    assert_int_equal(memtrack_objects_end((uintptr_t)address_of(i), 100 + i, &old), i == 0 || i == 3);
  }
  assert_false(memtrack_objects_end((uintptr_t)address_of(0), 5, &old)); /* once */
  assert_true(memtrack_objects_remove(address_of(0), &object));
  assert_int_equal(object.refs, 100);
  assert_true(memtrack_objects_remove(address_of(2), &object));
  assert_int_equal(object.refs, 0);
  assert_int_equal(begin_all(true, addresses, 8), 1);
  assert_int_equal(begin_all(false, addresses, 8), 0); /* it was read */
  memtrack_objects_clear();
  assert_int_equal(begin_all(true, addresses, 8), 0);
}

static bool stop;

static void *
come_and_go(void *argument)
{
  uint64_t base = (uintptr_t)argument << 24;
  struct memtrack_object object;
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    for (uint32_t i = 0; i < 20000; ++i) {
      add(address_of(base + i), 1);
    }
    for (uint32_t i = 0; i < 20000; ++i) {
      assert_true(memtrack_objects_remove(address_of(base + i), &object));
    }
  }
  return NULL;
}

/* While others come and go, and partitions grow. */
static void
a_copy_without_the_lock_has_all_objects_that_stay(void **state)
{
  (void)state;
  enum { KEPT = 50000, ROUNDS = 20 };
  static struct memtrack_object copy[MEMTRACK_OBJECTS_IN_PARTITION];
  pthread_t threads[2];
  for (uint64_t i = 0; i < KEPT; ++i) {
    assert_int_equal(add(address_of(i), 77).address, 0);
  }
  for (uintptr_t i = 0; i < 2; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, (void *)(i + 1)), 0);
  }
  for (int round = 0; round < ROUNDS; ++round) {
    uint32_t kept = 0, count;
    for (uint32_t partition = 0; partition < MEMTRACK_OBJECTS_PARTITIONS; ++partition) {
      while (!memtrack_objects_snapshot(partition, copy, &count)) {
      }
      for (uint32_t i = 0; i < count; ++i) {
        assert_true(copy[i].birth == 77 || copy[i].birth == 1);
        kept += copy[i].birth == 77;
      }
    }
    assert_int_equal(kept, KEPT);
  }
  __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
  for (int i = 0; i < 2; ++i) {
    pthread_join(threads[i], NULL);
  }
  memtrack_objects_clear();
}

static int
open_once(void **state)
{
  (void)state;
  return memtrack_objects_open();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(random_operations_give_what_a_plain_list_gives),
    cmocka_unit_test(what_there_is_no_room_for_is_counted_and_the_rest_is_found),
    cmocka_unit_test(threads_do_not_meet_each_others_objects),
    cmocka_unit_test(partitions_grow_under_several_threads),
    cmocka_unit_test(what_was_read_of_an_object_is_dropped_if_it_has_ended),
    cmocka_unit_test(a_copy_without_the_lock_has_all_objects_that_stay),
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
