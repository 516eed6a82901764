/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "owner/location.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "base/atomic.h"
#include "base/hash.h"
#include "base/limits.h"
#include "core_abi.h"
#include "module/module.h"

#define LOCATIONS_MAX 65536
#define HASH_BITS     14

static struct memtrack_location *locations;
static uint32_t location_count; /* under the mutex; 0 is no location */
static uint32_t heads[1 << HASH_BITS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

int
memtrack_locations_open(struct memtrack_reason *reason)
{
  void *memory = mmap(NULL, LOCATIONS_MAX * sizeof(*locations), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return memtrack_reason_set(reason, "out of memory for %d locations", LOCATIONS_MAX);
  }
  locations      = memory;
  location_count = 1;
  return 0;
}

static uint32_t
bucket_of(uint64_t address, uint32_t owner)
{
  return (address ^ (uint64_t)owner << 40 ^ owner) * MEMTRACK_HASH_FACTOR >> (64 - HASH_BITS);
}

static struct memtrack_location *
find_location(uint64_t address, uint32_t owner)
{
  uint32_t at = memtrack_load_acquire(&heads[bucket_of(address, owner)]);
  while (at && (locations[at].address != address || locations[at].owner != owner)) {
    at = locations[at].next;
  }
  return at ? &locations[at] : NULL;
}

/* Appends at most `most` bytes of a text. Composed by hand: snprintf() would take 1.5 KiB of the caller's stack. */
static char *
append(char *to, const char *text, size_t most)
{
  size_t length = strnlen(text, most);
  memcpy(to, text, length);
  return to + length;
}

static char *
append_hexadecimal(char *to, uint64_t number)
{
  int digits = number ? (67 - __builtin_clzll(number)) / 4 : 1;
  for (int i = digits - 1; i >= 0; --i) {
    *to++ = "0123456789abcdef"[number >> (4 * i) & 15];
  }
  return to;
}

/* Most bytes of each part. With 16 digits all of them fit into the text, in either form. */
#define PREFIX       "memory/plugin/"
#define PLUGIN_PART  90
#define LIBRARY_PART 40
#define OWNER_PART   45
#define DIGITS       16
_Static_assert(sizeof(PREFIX "+0x") + PLUGIN_PART + DIGITS <= sizeof(((struct memtrack_location *)0)->text), "a plugin's text");
_Static_assert(sizeof(PREFIX "+0x [via ]") + LIBRARY_PART + DIGITS + OWNER_PART <= sizeof(((struct memtrack_location *)0)->text),
               "a library's text");

/* The text that the server reports with every block. For a library's call it ends with the owner's name, so that texts of different
 * owners differ.
 */
static void
write_text(struct memtrack_location *location, const struct memtrack_module *module)
{
  char *to = append(location->text, PREFIX, sizeof(PREFIX));
  to       = append(to, module->text, location->in_plugin ? PLUGIN_PART : LIBRARY_PART);
  to       = append(to, "+0x", 3);
  to       = append_hexadecimal(to, location->offset - 1);
  if (!location->in_plugin) {
    to = append(to, " [via ", 6);
    to = append(to, memtrack_module_owner_text(location->owner), OWNER_PART);
    to = append(to, "]", 1);
  }
  *to = '\0';
}

const struct memtrack_location *
memtrack_location_of_call(uint64_t address, uint32_t context)
{
  const struct memtrack_module *module = memtrack_module_at(address - 1);
  if (!module || module->kind == MEMTRACK_MODULE_SERVER) {
    return NULL;
  }
  bool plugin                        = module->kind == MEMTRACK_MODULE_PLUGIN;
  uint32_t owner                     = plugin ? module->owner : context;
  struct memtrack_location *location = find_location(address, owner);
  if (location || owner == MEMTRACK_OWNER_CORE) {
    return location;
  }
  pthread_mutex_lock(&mutex);
  location = find_location(address, owner);
  if (!location && location_count < LOCATIONS_MAX) {
    uint32_t *head = &heads[bucket_of(address, owner)];
    location       = &locations[location_count];
    *location      = (struct memtrack_location){.address   = address,
                                                .offset    = address - module->base,
                                                .module    = module->id,
                                                .owner     = owner,
                                                .next      = *head,
                                                .in_plugin = plugin};
    write_text(location, module);
    memtrack_store_release(head, location_count++);
  } else if (!location) {
    memtrack_limit_hit(MEMTRACK_LIMIT_LOCATIONS);
  }
  pthread_mutex_unlock(&mutex);
  return location;
}

const struct memtrack_location *
memtrack_location_of_text(const char *text)
{
  uintptr_t offset = (uintptr_t)text - (uintptr_t)locations;
  if (!locations || offset >= LOCATIONS_MAX * sizeof(*locations)) {
    return NULL;
  }
  return &locations[offset / sizeof(*locations)];
}
