/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/buffer.h"

#include <string.h>

#include "base/peek.h"
#include "owner/location.h"
#include "server/api.h"

#define BUFFER_WORDS 64 /* how many words of an object are searched */
#define BLOCK_WORDS  24
#define DATA_WORDS   16
#define REFERENCES   1 /* the word of a block and of its data that begins with the number of references */

static bool calibrated;
/* Positions in words: of the location in a buffer, in a block and in a block's data; of the block in a buffer, of the data in a
 * block. */
static unsigned buffer_location, buffer_block, block_location, block_data, data_location;
/* First words of a block and of its data: the tables of their virtual functions. 0: what is new cannot be told from what is old. */
static uintptr_t block_type, data_type;
static uintptr_t created; /* the location of a buffer from TSIOBufferCreate(), always the same literal */

/* Reads whole words through a pointer, if it is valid. Returns their number. */
static unsigned
peek_words(uintptr_t from, uintptr_t *to, unsigned count)
{
  return from % sizeof(*to) || from < 4096 ? 0 : memtrack_peek(from, to, count * sizeof(*to)) / sizeof(*to);
}

static bool
is_location(uintptr_t word)
{
  char text[sizeof(MEMTRACK_LOCATION_PREFIX) - 1];
  return word >= 4096 && memtrack_peek(word, text, sizeof(text)) == sizeof(text) &&
         memcmp(text, MEMTRACK_LOCATION_PREFIX, sizeof(text)) == 0;
}

/* Index of a word among others; `count` if it is absent. */
static unsigned
find_word(const uintptr_t *words, unsigned count, uintptr_t word)
{
  unsigned at = 0;
  while (at < count && words[at] != word) {
    ++at;
  }
  return at;
}

/* A block allocated while the buffer contained `mark` has it twice: in the block and in the block's data. */
static bool
search_block(uintptr_t block, uintptr_t mark)
{
  uintptr_t words[BLOCK_WORDS], inner[DATA_WORDS];
  unsigned count = peek_words(block, words, BLOCK_WORDS);
  block_location = find_word(words, count, mark);
  for (block_data = 0; block_location < count && block_data < count; ++block_data) {
    unsigned inner_count = peek_words(words[block_data], inner, DATA_WORDS);
    data_location        = find_word(inner, inner_count, mark);
    if (words[block_data] != block && data_location < inner_count) {
      bool counted = (uint32_t)inner[REFERENCES] == 1;
      block_type   = counted ? words[0] : 0;
      data_type    = counted ? inner[0] : 0;
      return true;
    }
  }
  return false;
}

int
memtrack_buffer_calibrate(struct memtrack_reason *reason)
{
  static const char mark[] = MEMTRACK_LOCATION_PREFIX "memtrack.so";
  uintptr_t words[BUFFER_WORDS];
  bool proved = false;
  if (memtrack_peek_open(reason)) {
    return -1;
  }
  uintptr_t *buffer = memtrack_api.TSIOBufferCreate();
  unsigned count    = peek_words((uintptr_t)buffer, words, BUFFER_WORDS);
  /* The first match belongs to the buffer; later words may belong to another object. The server's use of it confirms the match. */
  for (buffer_location = 0; buffer_location < count && !is_location(words[buffer_location]); ++buffer_location) {
  }
  if (buffer_location < count) {
    created                 = words[buffer_location];
    buffer[buffer_location] = (uintptr_t)mark;
    uintptr_t block         = (uintptr_t)memtrack_api.TSIOBufferStart(buffer);
    proved                  = search_block(block, (uintptr_t)mark);
    buffer_block            = find_word(words, peek_words((uintptr_t)buffer, words, BUFFER_WORDS), block);
  }
  memtrack_api.TSIOBufferDestroy(buffer);
  if (!proved) {
    return memtrack_reason_set(reason, count == 0                ? "cannot read a TSIOBuffer"
                                       : buffer_location < count ? "a block does not inherit the location of its TSIOBuffer"
                                                                 : "no location found in a TSIOBuffer");
  }
  calibrated = memtrack_locations_open(reason) == 0;
  return calibrated ? 0 : -1;
}

/* A block's data, if both contain the location of their buffer, which proves that they are what they seem to be; else NULL. */
static uintptr_t *
data_of(const uintptr_t *block, uintptr_t location)
{
  uintptr_t *data = block && block[block_location] == location ? (uintptr_t *)block[block_data] : NULL;
  return data && (uintptr_t)data % sizeof(*data) == 0 && data[data_location] == location ? data : NULL;
}

void
memtrack_buffer_mark(void *buffer, bool sized, uint64_t address, uint32_t owner, void (*event)(const char *, int64_t))
{
  const struct memtrack_location *location = calibrated && buffer ? memtrack_location_of_call(address, owner) : NULL;
  if (!location) {
    return;
  }
  uintptr_t *place = (uintptr_t *)buffer + buffer_location, old = *place;
  if (!sized) {
    *place = old == created ? (uintptr_t)location->text : old;
    return;
  }
  /* The buffer already has a block, counted for the server's own line: move this count to the plugin's line. */
  uintptr_t *block = memtrack_api.TSIOBufferStart(buffer), *data = data_of(block, old);
  if (!data) {
    return;
  }
  *place = data[data_location] = block[block_location] = (uintptr_t)location->text;
  int64_t size                                         = memtrack_api.TSIOBufferBlockWriteAvail(block);
  event((const char *)old, -size);
  event(location->text, size);
}

/* Whether the words are those of an object without references that has a location. */
static bool
is_new(const uintptr_t *words, uintptr_t type, unsigned location_at, uintptr_t location)
{
  return words[0] == type && (uint32_t)words[REFERENCES] == 0 && words[location_at] == location;
}

bool
memtrack_buffer_find_new(struct memtrack_buffer_new *found, const uintptr_t *objects, size_t count, const char *location)
{
  uintptr_t words[BUFFER_WORDS];
  unsigned data = 0, blocks = 0, buffers = 0;
  uintptr_t wanted = (uintptr_t)location, held = 0;
  *found = (struct memtrack_buffer_new){0};
  for (size_t i = 0; calibrated && data_type && i < count; ++i) {
    memset(words, 0, sizeof(words));
    peek_words(objects[i], words, BUFFER_WORDS);
    if (is_new(words, data_type, data_location, wanted)) {
      found->data = (uintptr_t *)objects[i];
      ++data;
    } else if (words[0] == block_type && words[block_location] == wanted && words[block_data] == 0) {
      found->block = (uintptr_t *)objects[i];
      ++blocks;
    } else if (words[buffer_location] == wanted && words[buffer_block]) {
      found->buffer = (uintptr_t *)objects[i];
      held          = words[buffer_block];
      ++buffers;
    }
  }
  found->block  = blocks == 1 ? found->block : NULL;
  found->buffer = buffers == 1 && found->block && held == (uintptr_t)found->block ? found->buffer : NULL;
  return data == 1;
}

void
memtrack_buffer_mark_new(const struct memtrack_buffer_new *found, const char *text)
{
  found->data[data_location] = (uintptr_t)text;
  if (found->block) {
    found->block[block_location] = (uintptr_t)text;
  }
  if (found->buffer) {
    found->buffer[buffer_location] = (uintptr_t)text;
  }
}
