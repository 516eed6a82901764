/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/block.h"

#include "core/sampling.h"

MT_NOINLINE uint32_t
memtrack_block_record_sampled(void *block, uint64_t size, uint64_t key, uint64_t address, uint32_t birth)
{
  birth &= ~MEMTRACK_BIRTH_SAMPLED;
  memtrack_block_tag(block, size, birth, key);
  memtrack_sampling_tell(address, birth, size, block, true);
  return birth;
}
