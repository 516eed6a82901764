// SPDX-License-Identifier: Apache-2.0
//
// The sites whose allocations are sampled with their call stacks: those of the watch list. One in so many allocations of a
// site is sampled that about SAMPLES are between two samples of the analysis, at the rate of the last such time.

import { WATCH_SITE, WATCH_SIZE } from "../abi";
import { output, SAMPLED_SIZE, sampledSites } from "../base/memory";
import { recordAt, setValueAt, valueAt } from "../base/regions";
import { Site } from "../base/types";
import { totalAllocs } from "../model/sums";
import { dropOtherStacks } from "../model/stacks";
import { samples } from "../model/timeline";
import { writeWatchList } from "./watch_list";

/** Allocations of a site to sample between two samples of the analysis. */
const SAMPLES: u64 = 32;
/** Highest power of 2 of the allocations of which one is sampled. */
const RATE_MAX: u32 = 20;

/** A sampled site, and how often it had allocated when the list was made. */
@unmanaged
export class Sampled {
  site: u32;
  unused: u32;
  allocs: u64;
}

if (offsetof<Sampled>() != SAMPLED_SIZE) ERROR("not the size that memory.ts tells");

let count: u32 = 0;

export function sampledReset(): void {
  count = 0;
}

/** Number of sampled sites, in the order of their urgency, and the site of a number. */
export function sampledCount(): u32 {
  return count;
}
export function sampledAt(number: u32): Site {
  return recordAt<Sampled>(sampledSites, number).site;
}

/** Writes the list into the output region: pairs (site, 1 and the power of 2). Returns their number. Drops the stacks of other sites. */
export function sampledList(): u32 {
  const listed = writeWatchList() / WATCH_SIZE;
  for (let i: u32 = 0; i < listed; ++i) {
    const site = load<u32>(output + i * WATCH_SIZE, WATCH_SITE); // an entry of the watch list is longer than a pair
    setValueAt<u32>(output, 2 * i, site);
    setValueAt<u32>(output, 2 * i + 1, 1 + rateOf(site));
  }
  for (let i: u32 = 0; i < listed; ++i) {
    const at = recordAt<Sampled>(sampledSites, i);
    at.site = valueAt<u32>(output, 2 * i);
    at.allocs = totalAllocs(at.site);
  }
  count = listed;
  dropOtherStacks(output, listed);
  return listed;
}

function rateOf(site: Site): u32 {
  const allocs = totalAllocs(site);
  let since = samples ? allocs / <u64>samples : allocs;
  for (let i: u32 = 0; i < count; ++i) {
    const before = recordAt<Sampled>(sampledSites, i);
    if (before.site == site && allocs >= before.allocs) since = allocs - before.allocs;
  }
  const each = since / SAMPLES;
  return each ? min<u32>(64 - <u32>clz<u64>(each), RATE_MAX) : 0;
}
