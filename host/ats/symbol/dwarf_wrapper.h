/* SPDX-License-Identifier: Apache-2.0
 *
 * Wrappers, by debug information: functions that are never the site, since they only pass memory on to their caller. symbol.h says
 * which those are; here is how one is told, and which code of a module is theirs. None is hook-safe: it allocates and reads.
 */
#ifndef MEMTRACK_DWARF_WRAPPER_H
#define MEMTRACK_DWARF_WRAPPER_H

#include <elfutils/libdw.h>
#include <stdbool.h>

#include "symbol/dwarf_unit.h"
#include "symbol/range.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a function, inlined or not, is one. */
bool memtrack_scope_is_wrapper(Dwarf_Die *function);

/* Adds the code of wrappers that are functions of their own to `in`, and to `out` what is inlined into them and is none: a plugin's
   lambda inlined into std::for_each is the plugin's code. Neither is merged. */
void memtrack_units_wrappers(const struct memtrack_units *units, struct memtrack_ranges *in, struct memtrack_ranges *out);

#ifdef __cplusplus
}
#endif

#endif
