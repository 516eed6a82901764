// SPDX-License-Identifier: Apache-2.0
//
// The table of objects: random operations compared with a list, full partitions, threads, and mutexes that end with the last
// continuation that owns them.
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
      assert_true(memtrack_objects_add(address_of(number), step, &object));
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

static void
what_there_is_no_room_for_is_counted_and_the_rest_is_found(void **state)
{
  (void)state;
  enum { MANY = 1100000 };
  struct memtrack_object object;
  uint64_t before = memtrack_objects_untracked(), refused = 0;
  for (uint64_t number = 0; number < MANY; ++number) {
    refused += !memtrack_objects_add(address_of(number), number, &object);
  }
  assert_true(refused > 0);
  assert_int_equal(memtrack_objects_untracked() - before, refused);
  uint64_t found = 0;
  for (uint64_t number = 0; number < MANY; ++number) {
    if (memtrack_objects_remove(address_of(number), &object)) {
      assert_int_equal(object.birth, number);
      ++found;
    }
  }
  assert_int_equal(found, MANY - refused);
}

static void *
create_and_destroy(void *argument)
{
  uint64_t base = (uintptr_t)argument * 1000000;
  struct memtrack_object object;
  for (uint32_t i = 0; i < 50000; ++i) {
    assert_true(memtrack_objects_add(address_of(base + i % 100), i, &object));
    assert_int_equal(object.address, 0);
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
  };
  return cmocka_run_group_tests(tests, open_once, NULL);
}
