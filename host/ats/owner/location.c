/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "owner/location.h"

#include <pthread.h>
#include <string.h>

#include "base/atomic.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/own.h"
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
  void *memory = memtrack_own_map(LOCATIONS_MAX * sizeof(*locations), 0);
  if (!memory) {
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

/* Most bytes of each part. With 16 digits all of them fit into the text, in each form. */
#define PREFIX       "memory/plugin/"
#define PLUGIN_PART  90
#define LIBRARY_PART 40
#define LINE_PART    56
#define OWNER_PART   45
#define DIGITS       16
_Static_assert(sizeof(PREFIX "+0x") + PLUGIN_PART + DIGITS <= sizeof(((struct memtrack_location *)0)->text), "a plugin's text");
_Static_assert(sizeof(PREFIX "+0x [via ]") + LIBRARY_PART + DIGITS + OWNER_PART <= sizeof(((struct memtrack_location *)0)->text),
               "a library's text");
_Static_assert(sizeof(MEMTRACK_LOCATION_PREFIX " [via ]") + LINE_PART + OWNER_PART <= sizeof(((struct memtrack_location *)0)->text),
               "a line's text");

/* Texts of different owners differ. */
static char *
append_owner(char *to, uint32_t owner)
{
  to = append(to, " [via ", 6);
  to = append(to, memtrack_module_owner_text(owner), OWNER_PART);
  return append(to, "]", 1);
}

/* The text that the server reports with every block. For a library's call it ends with the owner's name. */
static void
write_call(struct memtrack_location *location, const struct memtrack_module *module)
{
  char *to = append(location->text, PREFIX, sizeof(PREFIX));
  to       = append(to, module->text, location->in_plugin ? PLUGIN_PART : LIBRARY_PART);
  to       = append(to, "+0x", 3);
  to       = append_hexadecimal(to, location->offset - 1);
  to       = location->in_plugin ? to : append_owner(to, location->owner);
  *to      = '\0';
}

/* The last two parts of a path: a server that was built in another folder has the whole in its literals. */
static const char *
last_parts(const char *path)
{
  size_t length = strlen(path);
  for (int parts = 0; length > 0; --length) {
    if (path[length - 1] == '/' && ++parts == 2) {
      break;
    }
  }
  return path + length;
}

static void
write_line(struct memtrack_location *location, const char *line)
{
  const size_t prefix = sizeof(MEMTRACK_LOCATION_PREFIX) - 1;
  char *to            = append(location->text, MEMTRACK_LOCATION_PREFIX, prefix);
  to = append(to, last_parts(strncmp(line, MEMTRACK_LOCATION_PREFIX, prefix) == 0 ? line + prefix : line), LINE_PART);
  *append_owner(to, location->owner) = '\0';
}

/* The location of an address and an owner, added if there is none: of a call in a module, or of a line of the server (NULL).
   Returns NULL if the table is full. */
static struct memtrack_location *
find_or_add(const struct memtrack_location *wanted, const struct memtrack_module *module)
{
  pthread_mutex_lock(&mutex);
  struct memtrack_location *location = find_location(wanted->address, wanted->owner);
  if (!location && location_count < LOCATIONS_MAX) {
    uint32_t *head = &heads[bucket_of(wanted->address, wanted->owner)];
    location       = &locations[location_count];
    *location      = *wanted;
    location->next = *head;
    if (module) {
      write_call(location, module);
    } else {
      write_line(location, (const char *)(uintptr_t)wanted->address);
    }
    memtrack_store_release(head, location_count++);
  } else if (!location) {
    memtrack_limit_hit(MEMTRACK_LIMIT_LOCATIONS);
  }
  pthread_mutex_unlock(&mutex);
  return location;
}

const struct memtrack_location *
memtrack_location_of_call(uint64_t address, uint32_t context)
{
  const struct memtrack_module *module = memtrack_module_at(address - 1);
  if (!module || module->kind == MEMTRACK_MODULE_SERVER) {
    return NULL;
  }
  bool plugin                              = module->kind == MEMTRACK_MODULE_PLUGIN;
  uint32_t owner                           = plugin ? module->owner : context;
  const struct memtrack_location *location = find_location(address, owner);
  if (location || owner == MEMTRACK_OWNER_CORE) {
    return location;
  }
  const struct memtrack_location wanted = {
    .address = address, .offset = address - module->base, .module = module->id, .owner = owner, .in_plugin = plugin};
  return find_or_add(&wanted, module);
}

const struct memtrack_location *
memtrack_location_via(const char *line, uint32_t owner)
{
  const struct memtrack_location *location = find_location((uintptr_t)line, owner);
  return location ? location : find_or_add(&(struct memtrack_location){.address = (uintptr_t)line, .owner = owner}, NULL);
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
