/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/state.h"

struct memtrack_hooks memtrack_hooks = {.quick_size = MEMTRACK_QUICK_SIZE};

_Static_assert(sizeof(memtrack_hooks) <= 64, "the state is one cache line");
