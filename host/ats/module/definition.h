/* SPDX-License-Identifier: Apache-2.0
 *
 * Definitions: the entries of a module's dynamic symbol table (.dynsym), in which the loader looks up what the modules loaded later
 * import. Redirecting a definition takes one aligned store: the value of the entry is the hook's distance from the module's
 * address, to which the loader adds that address. Every later binding then leads to the hook, from the first call of a constructor
 * on; earlier bindings (slots.h) do not change.
 */
#ifndef MEMTRACK_DEFINITION_H
#define MEMTRACK_DEFINITION_H

#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_definition {
  const char *symbol;
  void *hook;
  void *(*resolver)(
    void);              /* returns the hook: replaces the value of a symbol that the loader calls to learn the function (IFUNC) */
  const void *original; /* the function that the process uses, or NULL if there is none */
};

/* An entry of a table; and before the table, the function that it names. `function` is the original as this file calls it, which
   may be a version of the symbol that a lookup does not find; or NULL, to look it up. */
#define MEMTRACK_DEFINITION(name, to, function)                                                             \
  {                                                                                                         \
    .symbol = #name, .hook = (void *)(to), .resolver = resolve_##name, .original = (const void *)(function) \
  }
#define MEMTRACK_RESOLVER(name, to) \
  static void *resolve_##name(void) \
  {                                 \
    return (void *)(to);            \
  }

/* Looks up each missing `original` of a table; the last entry has no symbol. init-only: takes the lock that the loader holds while
   it loads. */
void memtrack_definitions_resolve(struct memtrack_definition *table);

/* Makes later bindings lead to the hook, in the module that contains `original`. Holds this module for ever, and changes nothing if
   the hook is there already. Returns 0, or -1 with a reason. Not hook-safe: waits while another thread loads or unloads. */
int memtrack_definition_redirect(const struct memtrack_definition *definition, struct memtrack_reason *reason);

#ifdef __cplusplus
}
#endif

#endif
