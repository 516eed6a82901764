/* SPDX-License-Identifier: Apache-2.0
 *
 * Wrappers, by debug information: functions that are never a site, because they only pass memory on to their caller. symbol.h
 * defines them; this file detects them, and lists their code in a module. None is hook-safe: it allocates and reads.
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

/* Whether a function, inlined or not, is a wrapper. */
bool memtrack_scope_is_wrapper(Dwarf_Die *function);

/* Adds the code of standalone wrapper functions to `in`, and the code of other functions inlined into them to `out`: a plugin's
   lambda inlined into std::for_each is the plugin's code. Neither list is merged. */
void memtrack_units_wrappers(const struct memtrack_units *units, struct memtrack_ranges *in, struct memtrack_ranges *out);

#ifdef __cplusplus
}
#endif

#endif
