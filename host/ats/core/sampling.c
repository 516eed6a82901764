/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sampling.h"

#include "core/epoch.h"

uint8_t memtrack_sampling_rates[MEMTRACK_SITE_NUMBERS];
static memtrack_sampler sampler;

void
memtrack_sampling_set_sampler(memtrack_sampler chosen)
{
  sampler = chosen;
}

void
memtrack_sampling_tell(uint64_t address, uint32_t birth, uint64_t size, const void *what, bool tagged)
{
  if (sampler) {
    sampler(address, birth, size, what, tagged);
  }
}

/* Sites that remain keep their rate, or get another, without a word to the shards. */
void
memtrack_sampling_publish(const uint32_t (*list)[2], uint32_t count)
{
  static uint16_t sites[MEMTRACK_SEARCHED_MAX]; /* on the list so far */
  static uint32_t known;
  static uint8_t rates[MEMTRACK_SITE_NUMBERS];
  bool changed = false;
  for (uint32_t i = 0; i < count; ++i) {
    rates[list[i][0]] = (uint8_t)list[i][1];
  }
  for (uint32_t i = 0; i < known; ++i) {
    if (rates[sites[i]] == 0) {
      memtrack_store(&memtrack_sampling_rates[sites[i]], 0);
      changed = true;
    }
  }
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t site = list[i][0];
    changed       = changed || memtrack_sampling_rate(site) == 0;
    memtrack_store(&memtrack_sampling_rates[site], rates[site]);
    rates[site] = 0;
    sites[i]    = (uint16_t)site;
  }
  known = count;
  if (changed) {
    memtrack_epoch_sampling_changed();
  }
}
