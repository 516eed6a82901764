// SPDX-License-Identifier: Apache-2.0
//
// What the search for references found of a site some passes ago: its lost blocks, and the blocks that the counters then had alive. Since
// the first pass in which a block was lost, both are noted each time that the number of passes has doubled. What is told is the note
// before the last: of between a quarter and half of these passes ago.

import { FINDING_ESTIMATE, FINDING_LOST, FINDING_PASSES, FINDING_SITE } from "../abi";
import { FOUND_GROWTH_SIZE, foundGrowths, input } from "../base/memory";
import { recordAt } from "../base/regions";
import { totalAlive } from "./sums";


@unmanaged
export class FoundGrowth {
  /** Passes since the first in which a block was lost. */
  passes: u64;
  notedEstimate: u64;
  notedAlive: u64;
  earlierEstimate: u64;
  earlierAlive: u64;
  /** For analysis/early_epoch.ts: an epoch, the passes before it, and whether one was asked for because too many blocks were young. */
  epoch: u32;
  passesBefore: u32;
  young: bool;
}

if (offsetof<FoundGrowth>() > FOUND_GROWTH_SIZE) ERROR("larger than memory.ts tells");

/** By entry of findings.ts. */
export function growthAt(entry: u32): FoundGrowth {
  return recordAt<FoundGrowth>(foundGrowths, entry, FOUND_GROWTH_SIZE);
}

/** A packet in the input region is about to replace that at `before`, of the same site or of an earlier one of the entry. */
export function followGrowth(entry: u32, before: usize): void {
  const growth = growthAt(entry);
  const passes = load<u32>(input, FINDING_PASSES);
  const passesBefore = load<u32>(before, FINDING_PASSES);
  const known = passesBefore != 0 && load<u32>(before, FINDING_SITE) == load<u32>(input, FINDING_SITE);
  if (!known || passes < passesBefore) memory.fill(changetype<usize>(growth), 0, FOUND_GROWTH_SIZE);
  else if (passes == passesBefore) return; // a pass that proves nothing
  if (!load<u32>(input, FINDING_LOST) && !growth.passes) return;
  growth.passes = growth.passes + 1;
  if (growth.passes == 1) note(growth);
  if (growth.passes & (growth.passes - 1)) return;
  growth.earlierEstimate = growth.notedEstimate;
  growth.earlierAlive = growth.notedAlive;
  note(growth);
}

function note(growth: FoundGrowth): void {
  growth.notedEstimate = load<u64>(input, FINDING_ESTIMATE);
  growth.notedAlive = totalAlive(load<u32>(input, FINDING_SITE));
}

/** Passes since the first call in an epoch. */
export function passesSince(growth: FoundGrowth, epoch: u32, passes: u32): u32 {
  if (growth.epoch != epoch) {
    growth.epoch = epoch;
    growth.passesBefore = passes;
  }
  return passes - growth.passesBefore;
}
