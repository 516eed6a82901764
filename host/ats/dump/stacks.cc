/* SPDX-License-Identifier: Apache-2.0 */
#include "dump/stacks.h"

#include <cstring>

#include "base/limits.h"
#include "core/model.h"
#include "core/sampling.h"
#include "owner/call_stack.h"
#include "owner/naming.h"

namespace
{
/* Calls without a name are named soon. Within memtrack_model_with(). */
void
add(memtrack_core *model, const memtrack_sampled_stack &stack, uint32_t entry)
{
  memtrack_core_input(model, (const char *)&stack, sizeof(stack));
  auto result = (int32_t)memtrack_call(model, addStack, entry);
  if (result < 0) {
    memtrack_call_stack_drop(entry);
    memtrack_limit_hit(MEMTRACK_LIMIT_STACKS);
  }
  for (uint32_t i = 0; result > 0 && i < stack.count; ++i) {
    memtrack_naming_wait((uint32_t)(stack.calls[i] >> 32));
  }
}

void
tell_gone(uint32_t entry, void *model)
{
  memtrack_call((memtrack_core *)model, stackGone, entry);
}
} // namespace

void
memtrack_stacks_poll()
{
  memtrack_model_with([](memtrack_core *model) {
    memtrack_sampled_stack stack;
    uint32_t entry;
    while (memtrack_call_stack_next(&stack, &entry)) {
      add(model, stack, entry);
    }
    memtrack_call_stack_each_gone(tell_gone, model);
  });
}

void
memtrack_stacks_publish(memtrack_core *model)
{
  uint32_t list[MEMTRACK_SEARCHED_MAX][2];
  uint32_t count = memtrack_call(model, sampledList);
  memcpy(list, memtrack_core_at(model, model->output), count * sizeof(list[0]));
  memtrack_sampling_publish(list, count);
}

void
memtrack_stacks_stop()
{
  memtrack_model_with([](memtrack_core *) { memtrack_sampling_publish(nullptr, 0); });
}
