/* SPDX-License-Identifier: Apache-2.0 */
#include "dump/spans.h"

#include "core/instance.h"
#include "hook/ranges.h"

void
memtrack_spans_collect(memtrack_core *model)
{
  constexpr uint32_t BATCH = 64;
  memtrack_mapped_range some[BATCH];
  uint32_t count;
  memtrack_call(model, beginSpans);
  for (uint64_t after = 0; (count = memtrack_ranges_copy(after, some, BATCH)); after = some[count - 1].end) {
    for (uint32_t i = 0; i < count; ++i) {
      memtrack_call(model, addSpan, some[i].birth >> MEMTRACK_EPOCH_BITS, some[i].end - some[i].start);
    }
  }
}
