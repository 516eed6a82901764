/* SPDX-License-Identifier: Apache-2.0 */
#include "dump/freelists.h"

#include <dlfcn.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/limits.h"
#include "base/printed.h"
#include "core/model.h"
#include "core/registry.h"

static void (*print)(FILE *);
static bool full; /* no further list can have a row */

/* Gives the list whose name is in the model's input region a row. */
static void
add_list(memtrack_core *model)
{
  uint32_t length = memtrack_call(model, freelistNameLength);
  if (memtrack_registry_freelist((const char *)memtrack_core_at(model, model->input), length) < MEMTRACK_SITE_FREELIST) {
    full = true;
    memtrack_limit_hit(MEMTRACK_LIMIT_FREELISTS);
  }
}

/* Passes the lines of the table. Returns the number of lists without a row, after giving them one. */
static uint32_t
pass(memtrack_core *model, const char *text, bool is_last)
{
  uint32_t unknown = 0;
  memtrack_call(model, beginFreelists);
  for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
    uint32_t length = memtrack_core_input(model, line, end - line);
    if (memtrack_call(model, readFreelist, length, is_last)) {
      add_list(model);
      ++unknown;
    }
  }
  return unknown;
}

static bool
pass_all(memtrack_core *model, const char *text, uint64_t *idle)
{
  if (pass(model, text, full)) {
    if (!memtrack_registry_copy(model)) {
      memtrack_trap_now(); /* the model must not be used any more */
    }
    pass(model, text, true);
  }
  *idle = memtrack_call(model, freelistsIdle);
  return memtrack_call(model, areFreelistsRead);
}

int
memtrack_freelists_find(const char *name, struct memtrack_reason *reason)
{
  uint64_t idle;
  void *found = name ? dlsym(RTLD_DEFAULT, name) : nullptr;
  if (!found) {
    return memtrack_reason_set(reason, "the server has no function %s", name ? name : "that prints them");
  }
  *(void **)&print = found;
  char *text       = memtrack_printed(print);
  bool good        = false;
  bool told        = text && memtrack_model_with([&](memtrack_core *model) { good = pass_all(model, text, &idle); });
  free(text);
  if (told && good) {
    return 0;
  }
  print = nullptr;
  return memtrack_reason_set(reason, text ? "the table that %s prints is not understood" : "no memory for the table that %s prints",
                             name);
}

bool
memtrack_freelists_read(uint64_t *idle)
{
  char *text = print ? memtrack_printed(print) : nullptr;
  bool good  = false;
  if (text) {
    memtrack_model_with([&](memtrack_core *model) { good = pass_all(model, text, idle); });
    free(text);
  }
  return good;
}
