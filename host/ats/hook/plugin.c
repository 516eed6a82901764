/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/plugin.h"

#include <stddef.h>

#include "hook/plugin_hooks.h"

static const struct {
  enum memtrack_api_function function;
  void *hook;
} hooks[] = {
#define HOOKED(name) {MEMTRACK_API_##name, (void *)hook_##name},
#define PLAIN(name)
#define X(name, use, hooked, name_in_10, result, parameters) hooked(name)
  MEMTRACK_API(X)
#undef X
#undef PLAIN
#undef HOOKED
};

/* Not of the API, but of the same modules. */
static const struct memtrack_redirect thread_starts[] = {
  {"pthread_create", (void *)hook_pthread_create}, {"thrd_create", (void *)hook_thrd_create},
  {"timer_create", (void *)hook_timer_create},     {"mq_notify", (void *)hook_mq_notify},
  {"getaddrinfo_a", (void *)hook_getaddrinfo_a},
};

#define HOOKS  (sizeof(hooks) / sizeof(*hooks))
#define STARTS (sizeof(thread_starts) / sizeof(*thread_starts))

struct memtrack_redirect memtrack_plugin_api[HOOKS + STARTS + 1];
struct memtrack_redirect memtrack_plugin_api_inlined[HOOKS + STARTS + 1];

/* What stands in for a hook in a plugin that has the function's caller compiled into it. */
static void *
inlined_hook(enum memtrack_api_function function, void *hook)
{
  switch (function) {
  case MEMTRACK_API__TSmalloc:
    return (void *)memtrack_inlined__TSmalloc;
  case MEMTRACK_API__TSrealloc:
    return (void *)memtrack_inlined__TSrealloc;
  case MEMTRACK_API__TSstrdup:
    return (void *)memtrack_inlined__TSstrdup;
  default:
    return hook;
  }
}

int
memtrack_hook_plugin_open(struct memtrack_reason *reason)
{
  size_t count = 0;
  for (size_t i = 0; i < HOOKS; ++i) {
    const char *symbol = memtrack_api_name(hooks[i].function);
    if (symbol) {
      memtrack_plugin_api[count]           = (struct memtrack_redirect){symbol, hooks[i].hook};
      memtrack_plugin_api_inlined[count++] = (struct memtrack_redirect){symbol, inlined_hook(hooks[i].function, hooks[i].hook)};
    }
  }
  for (size_t i = 0; i < STARTS; ++i, ++count) {
    memtrack_plugin_api[count] = memtrack_plugin_api_inlined[count] = thread_starts[i];
  }
  const char *lacks = memtrack_api_lacks(MEMTRACK_API_HOOK);
  if (lacks) {
    return memtrack_reason_set(reason, "the server lacks the function %s", lacks);
  }
  return 0;
}

_Static_assert(HOOKS + STARTS <= MEMTRACK_REDIRECTS_MAX, "symbols of a table");
