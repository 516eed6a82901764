// SPDX-License-Identifier: Apache-2.0
//
// Cohorts: that of a pass is all blocks of a site whose epochs had ended when the pass began. Nothing joins it later, it only shrinks.
//
// In a row that grows, most of a sample of all its blocks are too young to be called lost. So the share of the lost is told of the *ripe*
// cohort, that of LOST_PASSES passes ago, and the sample keeps blocks of it, and of each that ripens later (sample.ts). Of each cohort its
// bound is known: since that pass every block with a lower rank has been watched. So those below the bound are a uniform sample of what is
// left of the cohort, whatever was released meanwhile, and whatever the sample had no room for. (Bottom-k samples of each prefix of a
// stream: E. Cohen, All-Distances Sketches, Revisited, IEEE TKDE 27, 2015.)

import { LOST_PASSES } from "../abi";
import { cohorts, COHORTS_COUNT, COHORT_SIZE } from "../base/memory";
import { recordAt } from "../base/regions";
import { Block } from "./block";
import { searchedAt, Slot } from "./searched";


@unmanaged
export class Cohort {
  /** All blocks of a lower rank have been watched since. */
  bound: u64;
  /** The epoch that was then present: its blocks, and later ones, are not in the cohort. */
  epoch: u32;
}

if (offsetof<Cohort>() > COHORT_SIZE) ERROR("larger than memory.ts tells");

/** The cohort of a pass of a site, one of the last LOST_PASSES. */
export function cohortOf(slot: Slot, pass: u32): Cohort {
  return recordAt<Cohort>(cohorts, slot * COHORTS_COUNT + (pass % COHORTS_COUNT), COHORT_SIZE);
}

/** The cohort of the site's present pass, in which all blocks of a rank below `bound` are watched from now on. It replaces the ripe one. */
export function beginCohort(slot: Slot, epoch: u32, bound: u64): void {
  const cohort = cohortOf(slot, searchedAt(slot).passes);
  cohort.bound = bound;
  cohort.epoch = epoch;
}

/** A block that was watched since a pass is not watched any more. */
export function lowerBounds(slot: Slot, since: u32, rank: u64): void {
  for (let pass = since; pass <= searchedAt(slot).passes; ++pass) {
    const cohort = cohortOf(slot, pass);
    cohort.bound = min(cohort.bound, rank);
  }
}

/** The first epoch that the cohort which is ripe in a pass of a site does not have; 0 if there is none yet. */
export function ripeEpoch(slot: Slot, pass: u32): u32 {
  return pass > LOST_PASSES ? cohortOf(slot, pass).epoch : 0;
}

/** Whether a block was watched in so many passes, with its site's present one, that it would be called lost. */
export function isOld(slot: Slot, block: Block): bool {
  return block.since + LOST_PASSES <= searchedAt(slot).passes;
}

/** Whether an old block counts for the cohort that is ripe in the site's present pass, before beginCohort(). */
export function isRipe(slot: Slot, block: Block): bool {
  return isOld(slot, block) && block.rank < cohortOf(slot, searchedAt(slot).passes).bound;
}
