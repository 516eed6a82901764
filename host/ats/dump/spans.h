/* SPDX-License-Identifier: Apache-2.0
 *
 * The address space of mapped memory, for a dump: the model sums the ranges of the host's table by row (assembly/model/spans.ts).
 */
#ifndef MEMTRACK_SPANS_H
#define MEMTRACK_SPANS_H

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_core;

/* Passes all ranges to the model, by the names that it knows. Within memtrack_model_with(); not hook-safe. */
void memtrack_spans_collect(struct memtrack_core *model);

#ifdef __cplusplus
}
#endif

#endif
