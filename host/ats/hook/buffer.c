/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/buffer.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "server/api.h"
#include "core_abi.h"
#include "module/module.h"
#include "base/peek.h"
#include "module/slots.h"
#include "base/atomic.h"
#include "base/limits.h"

#define PREFIX        "memory/IOBuffer/"
#define BUFFER_WORDS  64 /* how far an object is searched */
#define BLOCK_WORDS   24
#define DATA_WORDS    16
#define LOCATIONS_MAX 65536 /* never given back: the server may hold a pointer to any of them for ever */
#define HASH_BITS     14

static bool calibrated;
/* Where the words stand, counted in words: the location in a buffer, in a block, in a block's data; the data in a block. */
static unsigned buffer_location, block_location, block_data, data_location;

static struct memtrack_buffer_location *locations;
static uint32_t location_count; /* under the mutex; 0 is no location */
static uint32_t heads[1 << HASH_BITS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Reads whole words, if a pointer leads to any. Returns how many there were. */
static unsigned
peek_words(uintptr_t from, uintptr_t *to, unsigned count)
{
  return from % sizeof(*to) || from < 4096 ? 0 : memtrack_peek(from, to, count * sizeof(*to)) / sizeof(*to);
}

static bool
is_location(uintptr_t word)
{
  char text[sizeof(PREFIX) - 1];
  return word >= 4096 && memtrack_peek(word, text, sizeof(text)) == sizeof(text) && memcmp(text, PREFIX, sizeof(text)) == 0;
}

/* The first place of a word among others; `count` where it is not there. */
static unsigned
find_word(const uintptr_t *words, unsigned count, uintptr_t word)
{
  unsigned at = 0;
  while (at < count && words[at] != word) {
    ++at;
  }
  return at;
}

/* A block that was made while `mark` stood in the buffer holds it twice: itself, and in its data. */
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
      return true;
    }
  }
  return false;
}

int
memtrack_buffer_calibrate(char *reason)
{
  static const char mark[] = PREFIX "memtrack.so";
  uintptr_t words[BUFFER_WORDS];
  void *memory = mmap(NULL, LOCATIONS_MAX * sizeof(*locations), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    snprintf(reason, MEMTRACK_REASON_SIZE, "no memory for %d locations", LOCATIONS_MAX);
    return -1;
  }
  locations         = memory;
  location_count    = 1;
  uintptr_t *buffer = memtrack_api.TSIOBufferCreate();
  unsigned count    = peek_words((uintptr_t)buffer, words, BUFFER_WORDS);
  /* The first is the buffer's own; what follows may be another object. It is proved by what the server makes of it. */
  for (buffer_location = 0; buffer_location < count && !is_location(words[buffer_location]); ++buffer_location) {
  }
  if (buffer_location < count) {
    buffer[buffer_location] = (uintptr_t)mark;
    calibrated              = search_block((uintptr_t)memtrack_api.TSIOBufferStart(buffer), (uintptr_t)mark);
  }
  memtrack_api.TSIOBufferDestroy(buffer);
  if (!calibrated) {
    snprintf(reason, MEMTRACK_REASON_SIZE,
             count == 0                ? "a TSIOBuffer cannot be read (process_vm_readv)"
             : buffer_location < count ? "a block does not take over the location of its TSIOBuffer"
                                       : "no location stands in a TSIOBuffer");
    munmap(memory, LOCATIONS_MAX * sizeof(*locations));
    locations = NULL;
    return -1;
  }
  return 0;
}

static uint32_t
bucket_of(uint64_t place, uint32_t owner)
{
  return (place ^ (uint64_t)owner << 40 ^ owner) * 0x9e3779b97f4a7c15u >> (64 - HASH_BITS);
}

static struct memtrack_buffer_location *
find_location(uint64_t place, uint32_t owner)
{
  uint32_t at = memtrack_load_acquire(&heads[bucket_of(place, owner)]);
  while (at && (locations[at].place != place || locations[at].owner != owner)) {
    at = locations[at].next;
  }
  return at ? &locations[at] : NULL;
}

/* What the server will tell with every block: so that no two owners have one text, a library's call has the owner's name behind it.
 */
static void
write_text(struct memtrack_buffer_location *location, const struct memtrack_module *module)
{
  char name[MEMTRACK_MODULE_TEXT], owner[MEMTRACK_MODULE_TEXT];
  size_t room = sizeof(location->text);
  memtrack_module_text(module, name);
  int used = snprintf(location->text, room, "memory/plugin/%.40s+0x%llx", name, (unsigned long long)location->offset - 1);
  if (!location->in_plugin) {
    memtrack_module_owner_text(location->owner, owner);
    snprintf(location->text + used, room - used, " [via %.30s]", owner);
  }
}

/* The location of a call, made at its first sight. NULL where there is no room, or the call is in no plugin. */
static struct memtrack_buffer_location *
location_for(uint64_t place, uint32_t context)
{
  const struct memtrack_module *module = memtrack_module_at(place - 1);
  if (!module || module->kind == MEMTRACK_MODULE_SERVER) {
    return NULL;
  }
  bool plugin                               = module->kind == MEMTRACK_MODULE_PLUGIN;
  uint32_t owner                            = plugin ? module->owner : context;
  struct memtrack_buffer_location *location = find_location(place, owner);
  if (location || owner == MEMTRACK_OWNER_CORE) {
    return location;
  }
  pthread_mutex_lock(&mutex);
  location = find_location(place, owner);
  if (!location && location_count < LOCATIONS_MAX) {
    uint32_t *head = &heads[bucket_of(place, owner)];
    location       = &locations[location_count];
    *location      = (struct memtrack_buffer_location){
           .place = place, .offset = place - module->base, .owner = owner, .next = *head, .in_plugin = plugin};
    write_text(location, module);
    memtrack_store_release(head, location_count++);
  } else if (!location) {
    memtrack_limit_hit(MEMTRACK_LIMIT_LOCATIONS);
  }
  pthread_mutex_unlock(&mutex);
  return location;
}

void
memtrack_buffer_mark(void *buffer, bool sized, uint64_t place, uint32_t owner, void (*event)(const char *, int64_t))
{
  if (!calibrated || !buffer) {
    return;
  }
  struct memtrack_buffer_location *location = location_for(place, owner);
  if (!location) {
    return;
  }
  ((uintptr_t *)buffer)[buffer_location] = (uintptr_t)location->text;
  if (!sized) {
    return;
  }
  /* It has a block, accounted to the server's own line: that is taken back and told again under the plugin's. */
  uintptr_t *block      = memtrack_api.TSIOBufferStart(buffer);
  uintptr_t *data       = (uintptr_t *)block[block_data];
  const char *old       = (const char *)data[data_location];
  data[data_location]   = (uintptr_t)location->text;
  block[block_location] = (uintptr_t)location->text;
  int64_t size          = memtrack_api.TSIOBufferBlockWriteAvail(block);
  event(old, -size);
  event(location->text, size);
}

const struct memtrack_buffer_location *
memtrack_buffer_location_of(const char *text)
{
  uintptr_t offset = (uintptr_t)text - (uintptr_t)locations;
  if (!locations || offset >= LOCATIONS_MAX * sizeof(*locations)) {
    return NULL;
  }
  return &locations[offset / sizeof(*locations)];
}
