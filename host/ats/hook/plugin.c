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

#define HOOKS (sizeof(hooks) / sizeof(*hooks))

struct memtrack_redirect memtrack_plugin_api[HOOKS + 2];

int
memtrack_hook_plugin_open(struct memtrack_reason *reason)
{
  struct memtrack_redirect *to = memtrack_plugin_api;
  for (size_t i = 0; i < HOOKS; ++i) {
    const char *symbol = memtrack_api_name(hooks[i].function);
    if (symbol) {
      *to++ = (struct memtrack_redirect){symbol, hooks[i].hook};
    }
  }
  *to++             = (struct memtrack_redirect){"pthread_create", (void *)hook_pthread_create};
  *to               = (struct memtrack_redirect){NULL, NULL};
  const char *lacks = memtrack_api_lacks(MEMTRACK_API_HOOK);
  if (lacks) {
    return memtrack_reason_set(reason, "the server lacks the function %s", lacks);
  }
  return 0;
}

_Static_assert(HOOKS + 1 <= MEMTRACK_REDIRECTS_MAX, "symbols of a table");
