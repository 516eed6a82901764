// SPDX-License-Identifier: Apache-2.0
//
// The tag: it is read back as written, and nothing else is ever taken for a tag.
#include "support.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "core/tag.h"

#define KEY         0x0123456789abcdefu
#define FIRST_BIRTH (1u << MEMTRACK_EPOCH_BITS) /* site 0 has no tags */
#define LAST_BIRTH  (65536u * 128 - 1)
#define BIRTH       (300u << MEMTRACK_EPOCH_BITS | 77)

// Blocks of every size up to 5,000 bytes with every padding that an allocator might add.
static void
a_tag_gives_back_birth_and_size(void **state)
{
  (void)state;
  static _Alignas(16) char block[16384];
  for (uint64_t size = 0; size < 5000; ++size) {
    for (uint64_t slack = MEMTRACK_TAG_SIZE; slack < 60; ++slack) {
      uint32_t birth = FIRST_BIRTH + (size * 3109 + slack * 1009) % (LAST_BIRTH - FIRST_BIRTH + 1), birth_read;
      uint64_t size_read;
      memset(block, 0xa5, size);
      memtrack_tag_write(block, size + slack, size, birth, KEY);
      assert_true(memtrack_tag_read(block, size + slack, KEY, &birth_read, &size_read));
      assert_int_equal(birth_read, birth);
      assert_int_equal(size_read, size);
      for (uint64_t i = 0; i < size; ++i) {
        if (block[i] != (char)0xa5) {
          fail_msg("size %lu, slack %lu: byte %lu of the user's was written", size, slack, i);
        }
      }
    }
  }
}

static void
a_large_padding_is_kept_in_full(void **state)
{
  (void)state;
  uint64_t usable = 1 << 20, size_read;
  char *block     = malloc(usable);
  uint32_t birth_read;
  memtrack_tag_write(block, usable, 1, LAST_BIRTH, KEY);
  assert_true(memtrack_tag_read(block, usable, KEY, &birth_read, &size_read));
  assert_int_equal(birth_read, LAST_BIRTH);
  assert_int_equal(size_read, 1);
  free(block);
}

static void
a_tag_is_good_for_its_key_its_address_and_one_release(void **state)
{
  (void)state;
  _Alignas(16) char block[128] = {0}, moved[128];
  uint32_t birth;
  uint64_t size;
  memtrack_tag_write(block, 64, 40, BIRTH, KEY);
  memcpy(moved, block, sizeof(moved));
  assert_false(memtrack_tag_read(moved, 64, KEY, &birth, &size));
  assert_false(memtrack_tag_read(block, 64, KEY + 1, &birth, &size));
  assert_false(memtrack_tag_read(block, 72, KEY, &birth, &size));
  memtrack_tag_clear(block, 64);
  assert_false(memtrack_tag_read(block, 64, KEY, &birth, &size));
}

static void
a_tag_with_any_bit_changed_is_not_one(void **state)
{
  (void)state;
  _Alignas(16) unsigned char block[128];
  for (uint64_t slack = 8; slack <= 40; slack += 4) {
    for (int bit = 0; bit < (slack >= 23 ? 128 : 64); ++bit) {
      uint32_t birth;
      uint64_t size;
      memtrack_tag_write(block, 100, 100 - slack, BIRTH, KEY);
      block[99 - bit / 8] ^= 1u << bit % 8;
      if (memtrack_tag_read(block, 100, KEY, &birth, &size)) {
        fail_msg("slack %lu, bit %d", slack, bit);
      }
    }
  }
}

// With any rounding by the allocator: an overrun first meets the bytes behind the user's memory, and with one or two bytes
// overwritten the block still identifies its site and epoch.
static void
one_byte_or_two_past_the_end_still_tell_whose_block_it_was(void **state)
{
  (void)state;
  _Alignas(16) unsigned char block[128];
  uint64_t seed = 7;
  for (int i = 0; i < 200000; ++i) {
    uint64_t r       = random_next(&seed), size;
    uint32_t written = FIRST_BIRTH + r % (LAST_BIRTH - FIRST_BIRTH + 1), birth;
    uint64_t slack   = 8 + (r >> 32) % 53;
    memtrack_tag_write(block, 100, 100 - slack, written, KEY);
    uint64_t end = memtrack_tag_room(100, 100 - slack);
    block[end] ^= 1 + (r >> 40) % 255;
    block[end + 1] ^= r >> 48 & 1 ? 1 + (r >> 50) % 255 : 0;
    assert_false(memtrack_tag_read(block, 100, KEY, &birth, &size));
    assert_true(memtrack_tag_damaged(block, 100, KEY, &birth, &size));
    assert_int_equal(birth, written);
    assert_int_equal(size, 100 - slack);
  }
}

// A word with an unassigned site number is rejected, whatever its check; site 0 is always rejected.
static void
a_site_that_was_not_given_is_in_no_tag(void **state)
{
  (void)state;
  _Alignas(16) char block[128] = {0};
  uint32_t births              = memtrack_tag_births, birth;
  uint64_t size;
  memtrack_tag_write(block, 64, 40, 5, KEY);
  assert_false(memtrack_tag_read(block, 64, KEY, &birth, &size));
  memtrack_tag_births = 19u << MEMTRACK_EPOCH_BITS; // sites 0 to 19
  for (uint32_t site = 1; site < 40; ++site) {
    for (uint32_t epoch = 0; epoch <= MEMTRACK_EPOCH_MASK; ++epoch) {
      memtrack_tag_write(block, 64, 40, site << MEMTRACK_EPOCH_BITS | epoch, KEY);
      assert_int_equal(memtrack_tag_read(block, 64, KEY, &birth, &size), site < 20);
    }
  }
  memtrack_tag_births = births;
}

static void
blocks_too_small_for_a_tag_have_none(void **state)
{
  (void)state;
  char block[16] = {0};
  uint32_t birth;
  uint64_t size;
  for (uint64_t usable = 0; usable < 8; ++usable) {
    assert_false(memtrack_tag_read(block, usable, KEY, &birth, &size));
  }
}

// Millions of foreign blocks: random contents, old heap contents, and remains of tagged blocks after their release.
static void
no_foreign_block_is_taken_for_tagged(void **state)
{
  (void)state;
  enum { COUNT = 2000000, KEPT = 1024 };
  uint64_t seed       = 20261122;
  void *kept[KEPT]    = {0};
  unsigned recognised = 0;
  uint32_t birth;
  uint64_t size;
  for (int i = 0; i < COUNT; ++i) {
    uint64_t r    = random_next(&seed);
    size_t wanted = 8 + r % 600;
    char *block   = malloc(wanted);
    size_t usable = malloc_usable_size(block);
    recognised += memtrack_tag_read(block, usable, KEY, &birth, &size);
    if (r >> 60 == 0) { // a tagged block of malloc's length, released like a hook does
      memtrack_tag_write(block, usable, usable - 8, FIRST_BIRTH + r % (LAST_BIRTH - FIRST_BIRTH), KEY);
      memtrack_tag_clear(block, usable);
    } else {
      for (size_t at = 0; at + 8 <= wanted; at += 8) {
        uint64_t noise = random_next(&seed);
        memcpy(block + at, &noise, 8);
      }
      recognised += memtrack_tag_read(block, usable, KEY, &birth, &size);
    }
    free(kept[r >> 32 & (KEPT - 1)]);
    kept[r >> 32 & (KEPT - 1)] = block;
  }
  for (int i = 0; i < KEPT; ++i) {
    free(kept[i]);
  }
  assert_int_equal(recognised, 0);
}

// The quick test must not reject any tag, intact or damaged as far as it is still recognizable; it must reject the usual last words
// of blocks.
static void
the_quick_look_misses_no_tag(void **state)
{
  (void)state;
  enum { SITES = 4111 };
  static const uint64_t others[] = {0, 1, 0x55d0c0ffee10, 0x00007fffffffffff, UINT64_MAX, 0x6b6f6f6c20747865};
  _Alignas(16) char block[64];
  uint32_t births     = memtrack_tag_births;
  memtrack_tag_births = SITES << MEMTRACK_EPOCH_BITS;
  for (uint32_t site = 1; site <= SITES; ++site) {
    memtrack_tag_write(block, sizeof(block), 40 + site % 16, site << MEMTRACK_EPOCH_BITS | site % 128, KEY + site);
    assert_false(memtrack_tag_absent(block, sizeof(block)));
    block[sizeof(block) - 8] ^= 0x55; // one and two bytes past the end
    block[sizeof(block) - 7] ^= 0x55;
    assert_false(memtrack_tag_absent(block, sizeof(block)));
    memtrack_tag_clear(block, sizeof(block));
    assert_true(memtrack_tag_absent(block, sizeof(block)));
  }
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); ++i) {
    memcpy(block + sizeof(block) - 8, &others[i], 8);
    assert_true(memtrack_tag_absent(block, sizeof(block)));
  }
  assert_true(memtrack_tag_absent(block, 7));
  memtrack_tag_births = births;
}

static void
fill(void *block, size_t size, uint64_t *seed)
{
  for (size_t at = 0; at < size; at += 8) {
    uint64_t noise = random_next(seed);
    memcpy((char *)block + at, &noise, 8);
  }
}

// With any rounding by the allocator: the tag is read as before, the user's bytes are left alone, and exactly the guard is not the
// user's.
static void
a_guard_leaves_tag_and_user_alone(void **state)
{
  (void)state;
  _Alignas(16) char block[512];
  for (uint64_t size = 0; size < 300; ++size) {
    for (uint64_t slack = MEMTRACK_TAG_GUARDED; slack < MEMTRACK_TAG_GUARDED + 70; ++slack) {
      uint32_t birth;
      uint64_t size_read;
      memset(block, 0xa5, sizeof(block));
      memtrack_tag_write(block, size + slack, size, BIRTH, KEY);
      assert_false(memtrack_tag_read_guarded(block, size + slack, KEY, &birth, &size_read));
      memtrack_tag_guard(block, size + slack, size, KEY);
      assert_true(memtrack_tag_read_guarded(block, size + slack, KEY, &birth, &size_read));
      assert_int_equal(birth, BIRTH);
      assert_int_equal(size_read, size);
      assert_false(memtrack_tag_read(block, size + slack, KEY, &birth, &size_read));
      assert_false(memtrack_tag_overrun(block, size + slack, size, KEY));
      for (uint64_t i = 0; i < size; ++i) {
        assert_int_equal((unsigned char)block[i], 0xa5);
      }
      assert_int_equal((unsigned char)block[size + slack], 0xa5);
      memtrack_tag_clear(block, size + slack);
      assert_false(memtrack_tag_read_guarded(block, size + slack, KEY, &birth, &size_read));
      assert_true(memtrack_tag_spent(block, size + slack, KEY, &birth, &size_read));
      memtrack_tag_restore(block, size + slack);
      assert_true(memtrack_tag_read_guarded(block, size + slack, KEY, &birth, &size_read));
    }
  }
}

// An overrun of 1 to 8 bytes, of zeros too, is proved. Up to the tag, the owner of the whole block in a life that memtrack did not
// see may have written as much: nothing is proved. A block without a guard proves nothing.
static void
an_overrun_of_the_zone_is_proved_and_no_other(void **state)
{
  (void)state;
  _Alignas(16) char block[256], copy[256];
  uint64_t seed = 11;
  for (int i = 0; i < 20000; ++i) {
    uint32_t birth;
    uint64_t r = random_next(&seed), size = r % 120, read, usable = size + MEMTRACK_TAG_GUARDED + (r >> 32) % 16;
    fill(block, sizeof(block), &seed);
    memtrack_tag_write(block, usable, size, BIRTH, KEY);
    assert_false(memtrack_tag_read_guarded(block, usable, KEY, &birth, &read));
    memtrack_tag_guard(block, usable, size, KEY);
    memcpy(copy, block, sizeof(copy));
    memset(block + size, 0, 1 + r % MEMTRACK_TAG_ZONE);
    assert_true(memtrack_tag_read_guarded(block, usable, KEY, &birth, &read) && read == size);
    assert_true(memtrack_tag_overrun(block, usable, size, KEY));
    memcpy(block, copy, sizeof(block));
    memset(block, 'x', usable - 31); // the least that the owner of such a block has asked glibc for
    assert_false(memtrack_tag_overrun(block, usable, size, KEY));
  }
}

#if MT_SANITIZED
#define WORDS 4000000
#else
#define WORDS 100000000
#endif

// Foreign blocks whose every field but the check is as in a tag. The check is a hash: of its 37 bits, any number of bits agrees by
// chance in one of 2^number blocks, and the copy agrees, or is inverted, independently. From this the chance of a proof follows:
// 37 and 16 bits. Bounds are 6 standard deviations.
static void
each_bit_of_the_evidence_halves_the_chance(void **state)
{
  (void)state;
  enum { LENGTHS = 8 };
  static const unsigned lengths[LENGTHS] = {8, 10, 12, 14, 16, 18, 20, 21};
  _Alignas(16) uint64_t block[8]         = {0};
  uint64_t seed = 20261126, upper[LENGTHS] = {0}, lower[LENGTHS] = {0}, inverted = 0, proofs = 0, proved = 0, read = 0, damaged = 0;
  print_message("seed %lu\n", seed);
  for (int i = 0; i < WORDS; ++i) {
    uint64_t r = random_next(&seed), key = random_next(&seed), size;
    uint32_t birth;
    block[7]         = (r & ((1ull << 37) - 1)) | (i % 15ull) << 37 | (uint64_t)BIRTH << 41;
    uint64_t differs = memtrack_tag_compare_(block, sizeof(block), key, 0, &birth, &size);
    for (int l = 0; l < LENGTHS; ++l) {
      upper[l] += differs >> (37 - lengths[l]) == 0;
      lower[l] += (differs & ((1ull << lengths[l]) - 1)) == 0;
    }
    read += differs == 0;
    damaged += memtrack_tag_damaged(block, sizeof(block), key, &birth, &size);
    // With a long slack and 4 bits of the check instead of 37.
    block[7] |= 15ull << 37;
    block[6]       = 50ull << 16 | (r >> 40 & 0xffff);
    uint64_t check = memtrack_tag_check_(key, block, 50, BIRTH) ^ block[7];
    bool guarded   = ((block[6] ^ block[7]) & 0xffff) == 0xffff;
    inverted += guarded;
    proofs += guarded && (check >> 33 & 15) == 0;
    proved += memtrack_tag_read_guarded(block, sizeof(block), key, &birth, &size);
  }
  for (int l = 0; l <= LENGTHS + 1; ++l) {
    unsigned bits   = l < LENGTHS ? lengths[l] : l == LENGTHS ? 16 : 20;
    double expected = (double)WORDS / (double)(1ull << bits), room = 36 * expected + 36;
    uint64_t counts[] = {l < LENGTHS ? upper[l] : l == LENGTHS ? inverted : proofs, l < LENGTHS ? lower[l] : (uint64_t)expected};
    for (int c = 0; c < 2; ++c) {
      double off = (double)counts[c] - expected;
      if (off * off > room) {
        fail_msg("%u bits: %lu of %d, expected %.1f", bits, counts[c], WORDS, expected);
      }
    }
  }
  assert_int_equal(damaged - read, upper[LENGTHS - 1] - read); // the candidates are those of 21 bits
  assert_true(read <= 1);
  assert_int_equal(proved, 0);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_tag_gives_back_birth_and_size),
    cmocka_unit_test(a_large_padding_is_kept_in_full),
    cmocka_unit_test(the_quick_look_misses_no_tag),
    cmocka_unit_test(a_tag_is_good_for_its_key_its_address_and_one_release),
    cmocka_unit_test(a_tag_with_any_bit_changed_is_not_one),
    cmocka_unit_test(one_byte_or_two_past_the_end_still_tell_whose_block_it_was),
    cmocka_unit_test(a_site_that_was_not_given_is_in_no_tag),
    cmocka_unit_test(blocks_too_small_for_a_tag_have_none),
    cmocka_unit_test(no_foreign_block_is_taken_for_tagged),
    cmocka_unit_test(a_guard_leaves_tag_and_user_alone),
    cmocka_unit_test(an_overrun_of_the_zone_is_proved_and_no_other),
    cmocka_unit_test(each_bit_of_the_evidence_halves_the_chance),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
