/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/mbuffer.h"

#include <string.h>

#include "base/peek.h"
#include "server/api.h"

#define HANDLE_WORDS 2  /* of a TSMBuffer: how many are searched */
#define HEAD_WORDS   18 /* of a heap */
#define STRING_WORDS 4  /* of a heap of strings */
#define SHARED       3
#define BATCH        MEMTRACK_MBUFFER_BATCH

/* A chain doubles: no 32-bit size has more heaps. */
#define CHAIN_LENGTH 20
/* No heap is so large. */
#define TOO_LARGE (1u << 31)

struct head {
  uint64_t words[HEAD_WORDS];
};
struct strings {
  uint64_t words[STRING_WORDS];
};

static bool known;
static uint64_t first_size; /* of a first heap, and of a small heap of strings */
static uint64_t class_of_strings;
static uint32_t magic; /* the first half of the first word of each heap */
/* Positions: in words; with `half`, in halves of words. */
static unsigned heap_at, half_size, next_at, writable_at, shared_at, shared_step, half_strings_size, half_strings_refs;

static uint32_t
half(const uint64_t *words, unsigned at)
{
  return (uint32_t)(words[at / 2] >> (at % 2 * 32));
}

static bool
is_head(const struct head *head)
{
  uint32_t size = half(head->words, half_size);
  return (uint32_t)head->words[0] == magic && size >= first_size && size % first_size == 0 && size < TOO_LARGE;
}

static uint64_t
pointer_to_strings(const struct head *head, unsigned which)
{
  return head->words[which == SHARED ? writable_at : shared_at + which * shared_step];
}

/* ---- Measuring ------------------------------------------------------------------------------------------------------------------
 */

static uint64_t heaps[BATCH];
static struct head heads[BATCH], again[BATCH];
static bool readable[BATCH];

/* A list of addresses that belong to buffers of the batch. */
static uint64_t list[(SHARED + 1) * BATCH];
static uint32_t list_of[(SHARED + 1) * BATCH];
static bool list_writable[(SHARED + 1) * BATCH], list_readable[(SHARED + 1) * BATCH];

/* Adds the buffers' shares of their strings. */
static void
add_strings(uint32_t count, uint64_t *held)
{
  static struct strings strings[(SHARED + 1) * BATCH];
  uint32_t length = 0;
  for (uint32_t i = 0; i < count; ++i) {
    for (unsigned which = 0; held[i] != MEMTRACK_MBUFFER_UNKNOWN && which <= SHARED; ++which) {
      if (pointer_to_strings(&heads[i], which)) {
        list[length]          = pointer_to_strings(&heads[i], which);
        list_writable[length] = which == SHARED;
        list_of[length++]     = i;
      }
    }
  }
  memtrack_peek_many(list, length, strings, sizeof(*strings), list_readable);
  for (uint32_t at = 0; at < length; ++at) {
    uint64_t *sum = &held[list_of[at]];
    bool is_one   = list_readable[at] && strings[at].words[0] == class_of_strings;
    uint32_t size = half(strings[at].words, half_strings_size), refs = half(strings[at].words, half_strings_refs);
    bool good = is_one && size >= first_size && size % first_size == 0 && size < TOO_LARGE && refs > 0 && (int32_t)refs > 0;
    if (good && *sum != MEMTRACK_MBUFFER_UNKNOWN) {
      *sum += size / refs;
    } else if (is_one || list_writable[at] || !list_readable[at]) {
      *sum = MEMTRACK_MBUFFER_UNKNOWN; /* else strings in a block of an IOBuffer */
    }
  }
}

/* Adds the heaps after the first. Each is twice as large as the one before. */
static void
add_chains(uint32_t count, uint64_t *held)
{
  static struct head next[BATCH];
  static uint32_t sizes[BATCH];
  uint32_t length = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (held[i] != MEMTRACK_MBUFFER_UNKNOWN && heads[i].words[next_at]) {
      list[length]      = heads[i].words[next_at];
      sizes[length]     = half(heads[i].words, half_size);
      list_of[length++] = i;
    }
  }
  for (unsigned step = 0; length && step < CHAIN_LENGTH; ++step) {
    uint32_t left = 0;
    memtrack_peek_many(list, length, next, sizeof(*next), list_readable);
    for (uint32_t at = 0; at < length; ++at) {
      uint64_t *sum = &held[list_of[at]];
      uint32_t size = list_readable[at] && is_head(&next[at]) ? half(next[at].words, half_size) : 0;
      if (size != 2 * sizes[at]) {
        *sum = MEMTRACK_MBUFFER_UNKNOWN;
        continue;
      }
      *sum += size;
      if (next[at].words[next_at]) {
        list[left]      = next[at].words[next_at];
        sizes[left]     = size;
        list_of[left++] = list_of[at];
      }
    }
    length = left;
  }
}

static bool
is_same(const struct head *a, const struct head *b)
{
  bool same = half(a->words, half_size) == half(b->words, half_size) && a->words[next_at] == b->words[next_at];
  for (unsigned which = 0; which <= SHARED; ++which) {
    same = same && pointer_to_strings(a, which) == pointer_to_strings(b, which);
  }
  return same;
}

void
memtrack_mbuffer_measure(const uint64_t *buffers, const uint32_t *before, uint32_t count, uint64_t *held)
{
  for (uint32_t i = 0; i < count; ++i) {
    list[i] = buffers[i] + heap_at * sizeof(uint64_t);
  }
  memtrack_peek_many(list, count, heaps, sizeof(*heaps), list_readable);
  memtrack_peek_many(heaps, count, heads, sizeof(*heads), readable);
  for (uint32_t i = 0; i < count; ++i) {
    bool good = list_readable[i] && readable[i] && is_head(&heads[i]);
    held[i]   = good ? half(heads[i].words, half_size) - first_size : MEMTRACK_MBUFFER_UNKNOWN;
  }
  add_chains(count, held);
  add_strings(count, held);
  uint32_t changed = 0;
  for (uint32_t i = 0; i < count; ++i) {
    held[i] = held[i] > UINT32_MAX ? MEMTRACK_MBUFFER_UNKNOWN : held[i];
    if (held[i] != MEMTRACK_MBUFFER_UNKNOWN && held[i] != before[i]) {
      list[changed]      = heaps[i];
      list_of[changed++] = i;
    }
  }
  memtrack_peek_many(list, changed, again, sizeof(*again), readable);
  for (uint32_t at = 0; at < changed; ++at) {
    if (!readable[at] || !is_head(&again[at]) || !is_same(&heads[list_of[at]], &again[at])) {
      held[list_of[at]] = MEMTRACK_MBUFFER_UNKNOWN;
    }
  }
}

bool
memtrack_mbuffer_is_known(void)
{
  return known;
}

/* ---- Finding the words ----------------------------------------------------------------------------------------------------------
 */

/* The buffers that are created: with heaps in a chain; with few strings, with many, and with twice as many; and a copy of the last
   three. */
enum { CHAINED, FEW, MANY, MORE, COPY, BUFFERS };
static const int lengths[BUFFERS] = {[FEW] = 100, [MANY] = 3000, [MORE] = 5000};

struct trial {
  void *buffers[BUFFERS], *urls[BUFFERS];
  struct head empty, heads[BUFFERS];
  struct strings strings[BUFFERS];
};

static bool
read_words(uint64_t from, void *to, size_t size)
{
  return from >= 4096 && from % sizeof(uint64_t) == 0 && memtrack_peek(from, to, size) == size;
}

static uint64_t
heap_of(void *buffer)
{
  uint64_t words[HANDLE_WORDS];
  return read_words((uintptr_t)buffer, words, sizeof(words)) ? words[heap_at] : 0;
}

static bool
read_head(void *buffer, struct head *head)
{
  return read_words(heap_of(buffer), head, sizeof(*head));
}

/* Position of a half among the words of three objects where each has its value; `halves` if there is none or more than one. */
static unsigned
find_half(const uint64_t *const objects[3], const uint32_t values[3], unsigned halves)
{
  unsigned found = halves;
  for (unsigned at = 0; at < halves; ++at) {
    if (half(objects[0], at) == values[0] && half(objects[1], at) == values[1] && half(objects[2], at) == values[2]) {
      if (found < halves) {
        return halves;
      }
      found = at;
    }
  }
  return found;
}

/* A buffer gets URLs until a second and a third heap hang on its first: the only word that was empty and then leads to a heap,
   whose size is twice as large. */
static const char *
find_chain(struct trial *trial)
{
  struct head second, third;
  const uint64_t *const objects[3] = {trial->empty.words, second.words, third.words};
  const uint32_t sizes[3]          = {(uint32_t)first_size, (uint32_t)first_size * 2, (uint32_t)first_size * 4};
  void *url;
  magic = (uint32_t)trial->empty.words[0];
  for (int i = 0; i < 512 && memtrack_api.TSUrlCreate(trial->buffers[CHAINED], &url) == MEMTRACK_TS_SUCCESS; ++i) {
    struct head *head = &trial->heads[CHAINED];
    if (!read_head(trial->buffers[CHAINED], head)) {
      return "cannot read a TSMBuffer";
    }
    for (next_at = 1; next_at < HEAD_WORDS; ++next_at) {
      bool leads = trial->empty.words[next_at] == 0 && read_words(head->words[next_at], &second, sizeof(second)) &&
                   (uint32_t)second.words[0] == magic && second.words[next_at] &&
                   read_words(second.words[next_at], &third, sizeof(third)) && (uint32_t)third.words[0] == magic;
      half_size = leads ? find_half(objects, sizes, 2 * HEAD_WORDS) : 2 * HEAD_WORDS;
      if (half_size < 2 * HEAD_WORDS) {
        return NULL;
      }
    }
  }
  return "no chain of heaps found in a TSMBuffer";
}

/* Three buffers get strings of different length: the word that was empty, and then leads to the strings' heap, of a size that fits
   the length. */
static const char *
find_strings(struct trial *trial)
{
  static const char text[5000];
  const uint64_t *const objects[3] = {trial->strings[FEW].words, trial->strings[MANY].words, trial->strings[MORE].words};
  const uint32_t sizes[3]          = {(uint32_t)first_size, (uint32_t)first_size * 2, (uint32_t)first_size * 4};
  for (int i = FEW; i <= MORE; ++i) {
    if (memtrack_api.TSUrlCreate(trial->buffers[i], &trial->urls[i]) != MEMTRACK_TS_SUCCESS ||
        memtrack_api.TSUrlPathSet(trial->buffers[i], trial->urls[i], text, lengths[i]) != MEMTRACK_TS_SUCCESS ||
        !read_head(trial->buffers[i], &trial->heads[i])) {
      return "cannot fill a TSMBuffer";
    }
  }
  for (writable_at = 1; writable_at < HEAD_WORDS; ++writable_at) {
    bool leads = trial->empty.words[writable_at] == 0;
    for (int i = FEW; i <= MORE; ++i) {
      leads = leads && read_words(trial->heads[i].words[writable_at], &trial->strings[i], sizeof(trial->strings[i])) &&
              trial->strings[i].words[0] == trial->strings[FEW].words[0];
    }
    half_strings_size = leads ? find_half(objects, sizes, 2 * STRING_WORDS) : 2 * STRING_WORDS;
    if (half_strings_size < 2 * STRING_WORDS) {
      class_of_strings = trial->strings[FEW].words[0];
      return NULL;
    }
  }
  return "no strings found in a TSMBuffer";
}

/* The three are copied into one buffer, which then refers to their strings, at equal distances; each heap of strings has one user
   more. */
static const char *
find_shared(struct trial *trial)
{
  unsigned at[SHARED];
  struct strings now[SHARED];
  void *url;
  for (int i = 0; i < SHARED; ++i) {
    if (memtrack_api.TSUrlClone(trial->buffers[COPY], trial->buffers[FEW + i], trial->urls[FEW + i], &url) != MEMTRACK_TS_SUCCESS ||
        !read_words(trial->heads[FEW + i].words[writable_at], &now[i], sizeof(now[i]))) {
      return "cannot copy a TSMBuffer";
    }
  }
  if (!read_head(trial->buffers[COPY], &trial->heads[COPY])) {
    return "cannot read a TSMBuffer";
  }
  for (int i = 0; i < SHARED; ++i) {
    uint64_t wanted = trial->heads[FEW + i].words[writable_at];
    for (at[i] = 0; at[i] < HEAD_WORDS && trial->heads[COPY].words[at[i]] != wanted; ++at[i]) {
    }
  }
  shared_at   = at[0];
  shared_step = at[1] - at[0];
  if (at[2] >= HEAD_WORDS || at[1] >= HEAD_WORDS || at[1] <= at[0] || at[2] != at[1] + shared_step) {
    return "no strings of others found in a copy of a TSMBuffer";
  }
  for (half_strings_refs = 2; half_strings_refs < 2 * STRING_WORDS; ++half_strings_refs) {
    bool counts = true;
    for (int i = 0; i < SHARED; ++i) {
      counts = counts && half(trial->strings[FEW + i].words, half_strings_refs) == 1 && half(now[i].words, half_strings_refs) == 2;
    }
    if (counts) {
      return NULL;
    }
  }
  return "no count of users found in the strings of a TSMBuffer";
}

/* What the buffers hold must be what they were given. */
static const char *
prove(const struct trial *trial)
{
  const uint64_t expected[BUFFERS] = {
    [CHAINED] = 6 * first_size,
    [FEW]     = first_size / 2,
    [MANY]    = first_size,
    [MORE]    = 2 * first_size,
    [COPY]    = first_size / 2 + first_size + 2 * first_size,
  };
  static const uint32_t before[BUFFERS];
  uint64_t addresses[BUFFERS], held[BUFFERS];
  for (int i = 0; i < BUFFERS; ++i) {
    addresses[i] = (uintptr_t)trial->buffers[i];
  }
  memtrack_mbuffer_measure(addresses, before, BUFFERS, held);
  return memcmp(held, expected, sizeof(held)) == 0 ? NULL : "a TSMBuffer does not hold what it was given";
}

int
memtrack_mbuffer_calibrate(uint64_t heap, struct memtrack_reason *reason)
{
  struct trial trial = {0};
  const char *fault  = memtrack_peek_works() ? NULL : "no way to read memory that may be unmapped";
  first_size         = heap;
  if (!memtrack_api.TSUrlCreate || !memtrack_api.TSUrlPathSet || !memtrack_api.TSUrlClone) {
    return memtrack_reason_set(reason, "what a TSMBuffer holds is not known: the server lacks a function to fill it");
  }
  for (int i = 0; i < BUFFERS; ++i) {
    trial.buffers[i] = memtrack_api.TSMBufferCreate();
    fault            = trial.buffers[i] ? fault : "no TSMBuffer can be created";
  }
  for (heap_at = 0; !fault && heap_at < HANDLE_WORDS && !read_head(trial.buffers[CHAINED], &trial.empty); ++heap_at) {
  }
  fault = fault || heap_at < HANDLE_WORDS ? fault : "a TSMBuffer leads to no heap";
  fault = fault ? fault : find_chain(&trial);
  fault = fault ? fault : find_strings(&trial);
  fault = fault ? fault : find_shared(&trial);
  fault = fault ? fault : prove(&trial);
  for (int i = 0; i < BUFFERS; ++i) {
    if (trial.buffers[i]) {
      memtrack_api.TSMBufferDestroy(trial.buffers[i]);
    }
  }
  known = fault == NULL;
  return known ? 0 : memtrack_reason_set(reason, "what a TSMBuffer holds is not known: %s", fault);
}
