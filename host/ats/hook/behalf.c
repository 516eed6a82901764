/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/behalf.h"

#include <stddef.h>

#include "core/account.h"
#include "core/shard.h"
#include "hook/buffer.h"
#include "module/module.h"
#include "owner/location.h"

/* Words of the stack that are looked at: the server's frames between the buffer and the tracker are small. */
#define STACK_WORDS 192
#define OBJECTS     48
#define SAVED       16 /* words below a frame's address, with the registers that the function has saved */

static __thread struct {
  uintptr_t stack; /* the frame of the call; 0: there is none */
  uint32_t owner;
} call MT_INITIAL_EXEC;

bool
memtrack_behalf_begin(const void *stack)
{
  if (call.stack || memtrack_context.owner == MEMTRACK_OWNER_CORE) {
    return false;
  }
  call.stack = (uintptr_t)stack;
  call.owner = memtrack_context.owner;
  memtrack_shard_park();
  return true;
}

void
memtrack_behalf_end(const bool *began)
{
  if (*began) {
    memtrack_shard_unpark();
    call.stack = 0;
  }
}

/* Pointers to the heap among the words from `from` on, each once. The registers that the server's code has in use are among them:
   the functions from here to there have saved them on the stack. Returns their number. */
static MT_NO_ADDRESS_SANITIZER size_t
find_objects(const uintptr_t *from, uintptr_t *objects)
{
  size_t count          = 0;
  const uintptr_t stack = (uintptr_t)from;
  for (size_t i = 0; i < STACK_WORDS && (uintptr_t)(from + i) < call.stack && count < OBJECTS; ++i) {
    uintptr_t word = from[i];
    bool known = word % sizeof(word) != 0 || word < 4096 || word - stack < call.stack - stack || memtrack_module_at(word) != NULL;
    for (size_t j = 0; !known && j < count; ++j) {
      known = objects[j] == word;
    }
    if (!known) {
      objects[count++] = word;
    }
  }
  return count;
}

static MT_NOINLINE const char *
relocate(const char *location, int64_t size)
{
  uintptr_t objects[OBJECTS];
  if (size <= 0 || !call.stack || memtrack_location_of_text(location)) {
    return location;
  }
  __builtin_unwind_init(); /* saves the registers */
  size_t count = find_objects((const uintptr_t *)__builtin_frame_address(0) - SAVED, objects);
  struct memtrack_buffer_new found;
  const struct memtrack_location *via =
    memtrack_buffer_find_new(&found, objects, count, location) ? memtrack_location_via(location, call.owner) : NULL;
  if (!via) {
    return location;
  }
  memtrack_buffer_mark_new(&found, via->text);
  return via->text;
}

void
memtrack_behalf_open(void)
{
  memtrack_account_set_relocator(relocate);
}
