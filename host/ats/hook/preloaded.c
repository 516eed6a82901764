/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/preloaded.h"

#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/peek.h"
#include "module/module.h"
#include "owner/context.h"
#include "server/api.h"

#define CONT_WORDS 40u        /* how many words of a continuation are searched for its handler */
#define AROUND     (1u << 20) /* bytes searched around memtrack's continuation: the server allocates 128 at a time */
#define PIECE      4096u

static int
no_event(void *cont, int event, void *data)
{
  (void)cont;
  (void)event;
  (void)data;
  return 0;
}

/* Position of the handler in a continuation, in words, if unique. 0 (the position of its class) if there is none or more than one.
 */
static size_t
find_handler(uintptr_t cont)
{
  uintptr_t words[CONT_WORDS];
  size_t count = memtrack_peek(cont, words, sizeof(words)) / sizeof(*words), place = 0;
  for (size_t i = 1; i < count; ++i) {
    if (words[i] == (uintptr_t)no_event) {
      if (place) {
        return 0;
      }
      place = i;
    }
  }
  return place;
}

static unsigned
wrap_those_in(uintptr_t from, const uintptr_t *words, size_t count, uintptr_t class, size_t place)
{
  unsigned wrapped = 0;
  for (size_t i = 0; i + place < count; ++i) {
    if (words[i] != class) {
      continue;
    }
    const struct memtrack_module *module = memtrack_module_at(words[i + place]);
    if (module && module->kind == MEMTRACK_MODULE_PLUGIN) {
      uintptr_t *function = (uintptr_t *)from + i + place, handler = words[i + place];
      wrapped += memtrack_replace_ordered(function, &handler, (uintptr_t)memtrack_context_wrap_handler((void *)handler));
    }
  }
  return wrapped;
}

unsigned
memtrack_preloaded_wrap(void)
{
  void *cont = memtrack_api.TSContCreate(no_event, NULL);
  if (cont == NULL) {
    return 0;
  }
  size_t place    = find_handler((uintptr_t)cont);
  uintptr_t class = 0;
  memtrack_peek((uintptr_t)cont, &class, sizeof(class));
  const struct memtrack_module *server = memtrack_module_at(class);
  unsigned wrapped                     = 0;
  if (place && server && server->kind == MEMTRACK_MODULE_SERVER) {
    uintptr_t words[PIECE / sizeof(uintptr_t) + CONT_WORDS]; /* an object that begins in a piece may end in the next */
    uintptr_t from = ((uintptr_t)cont - AROUND) & ~(uintptr_t)(PIECE - 1);
    for (; from < (uintptr_t)cont + AROUND; from += PIECE) {
      size_t size = memtrack_peek(from, words, sizeof(words));
      size        = size ? size : memtrack_peek(from, words, PIECE);
      wrapped += wrap_those_in(from, words, size / sizeof(*words), class, place);
    }
  }
  memtrack_api.TSContDestroy(cont);
  return wrapped;
}
