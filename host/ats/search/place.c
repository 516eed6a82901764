/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "search/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/limits.h"
#include "core/shard.h"
#include "hook/state.h"
#include "module/module.h"
#include "search/locals.h"

#define PLACES    256u /* variables whose names are kept; further ones replace them */
#define TEXT_SIZE 192

enum { FREE, WANTED, KNOWN };

/* The search's thread makes a free or a known entry a wanted one, a task thread makes that known. */
static struct place {
  uint64_t address;
  uint32_t state;
  char text[TEXT_SIZE];
} places[PLACES];

/* ---- Variables of modules ------------------------------------------------------------------------------------------------------
 */

/* The names of unloaded modules are not those of what is at their addresses now. */
static void
forget_unloaded(void)
{
  static uint64_t unloads;
  uint64_t now = memtrack_load(&memtrack_hooks.unloads);
  for (uint32_t i = 0; now != unloads && i < PLACES; ++i) {
    if (memtrack_load_acquire(&places[i].state) == KNOWN) {
      memtrack_store(&places[i].state, FREE);
    }
  }
  unloads = now;
}

static size_t
write_variable(uint64_t address, char *text, size_t size)
{
  static uint32_t oldest;
  struct place *unused = NULL;
  forget_unloaded();
  for (uint32_t i = 0; i < PLACES; ++i) {
    uint32_t state = memtrack_load_acquire(&places[i].state);
    if (state != FREE && places[i].address == address) {
      return state == KNOWN ? (size_t)snprintf(text, size, "%s", places[i].text) : 0;
    }
    unused = unused || state != FREE ? unused : &places[i];
  }
  unused = unused ? unused : &places[oldest++ % PLACES];
  if (memtrack_load_acquire(&unused->state) != WANTED) {
    unused->address = address;
    memtrack_store_release(&unused->state, WANTED);
  }
  return 0;
}

struct search {
  uint64_t address;
  bool found;
  struct memtrack_module_source source;
};

static void
describe(struct memtrack_module *module, void *argument)
{
  struct search *search = argument;
  if (!search->found && search->address - module->start < module->end - module->start) {
    memtrack_module_describe(module, &search->source);
    search->found = true;
  }
}

static void
name_variable(struct place *place)
{
  struct search search = {.address = place->address};
  char variable[TEXT_SIZE / 2];
  variable[0] = '\0';
  memtrack_module_each(describe, &search);
  place->text[0] = '\0';
  if (!search.found) {
    return;
  }
  uint64_t offset                  = place->address - search.source.base;
  struct memtrack_symbols *symbols = memtrack_module_symbols(&search.source);
  if (symbols) {
    memtrack_symbols_variable(symbols, offset, variable, sizeof(variable));
    memtrack_symbols_close(symbols);
  }
  memtrack_module_source_close(&search.source);
  snprintf(place->text, sizeof(place->text), "%.90s %s", search.source.text, variable[0] ? variable : "(data)");
}

void
memtrack_place_poll(void)
{
  memtrack_locals_poll();
  for (uint32_t i = 0; i < PLACES; ++i) {
    if (memtrack_load_acquire(&places[i].state) == WANTED) {
      name_variable(&places[i]);
      memtrack_store_release(&places[i].state, KNOWN);
    }
  }
}

/* ---- Threads -------------------------------------------------------------------------------------------------------------------
 */

/* A thread whose stack is between two addresses, and of several the one that is nearest; 0 if there is none. */
static int32_t
thread_at(uint64_t address, uint64_t start, uint64_t end)
{
  uint64_t least  = UINT64_MAX;
  int32_t nearest = 0;
  uint32_t count  = memtrack_shard_count();
  for (uint32_t i = 0; i < count; ++i) {
    struct memtrack_shard *shard = memtrack_shard_get(i);
    int32_t thread               = memtrack_load(&shard->thread);
    uint64_t stack               = memtrack_load(&shard->stack);
    uint64_t distance            = stack < address ? address - stack : stack - address;
    if (thread && stack - start < end - start && distance < least) {
      least   = distance;
      nearest = thread;
    }
  }
  return nearest;
}

/* Writes what is a thread's; 0 if that has ended. */
static size_t
write_thread(int32_t thread, const char *what, char *text, size_t size)
{
  char path[64], name[32];
  snprintf(path, sizeof(path), "/proc/self/task/%d/comm", (int)thread);
  int file      = memtrack_limit_descriptor(open(path, O_RDONLY | O_CLOEXEC));
  ssize_t count = file < 0 ? 0 : read(file, name, sizeof(name) - 1);
  if (file >= 0) {
    close(file);
  }
  name[count > 0 ? count : 0] = '\0';
  name[strcspn(name, "\n")]   = '\0';
  return name[0] ? (size_t)snprintf(text, size, "%s of thread %s", what, name) : 0;
}

/* Thread-local memory is listed once a pass, if it is asked for. */
static bool has_locals;

void
memtrack_place_begin(void)
{
  has_locals = false;
}

static int32_t
local_thread_at(uint64_t address)
{
  if (!has_locals) {
    memtrack_locals_list();
  }
  has_locals = true;
  return memtrack_locals_at(address);
}

size_t
memtrack_place_write(struct memtrack_core *core, const struct memtrack_regions *regions, uint64_t address, char *text, size_t size)
{
  char name[256];
  struct memtrack_span mapping;
  if (memtrack_module_at(address)) {
    return write_variable(address, text, size);
  }
  if (!memtrack_regions_name(core, address, &mapping, name, sizeof(name))) {
    return 0;
  }
  int32_t local = local_thread_at(address);
  size_t length = local ? write_thread(local, "thread-local memory", text, size) : 0;
  if (length) {
    return length;
  }
  int32_t thread = strcmp(name, "[stack]") == 0 ? getpid() : thread_at(address, mapping.start, mapping.end);
  length         = thread ? write_thread(thread, "stack", text, size) : 0;
  if (length) {
    return length;
  }
  if (name[0] == '/') {
    return (size_t)snprintf(text, size, "file %.100s", strrchr(name, '/') + 1);
  }
  const struct memtrack_region *region = memtrack_regions_at(regions, address);
  return (size_t)snprintf(text, size, "%s of the server", region && region->rare ? "IOBuffers" : "heap");
}
