// SPDX-License-Identifier: Apache-2.0
//
// What is known of a searched site after a pass, and the packet that tells it to the model (layout in abi.ts).
//
// Of a site's ripe cohort (cohort.ts) it tells how many blocks are lost: as many as the share of the lost in its sample times its blocks;
// and at least the lower end of Wilson's interval for that share, at two standard deviations, times its blocks; exact if the sample has all
// of them. (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927.) Younger blocks may be lost as well.

import {
  EPOCH_MASK,
  FINDING_BLOCKS,
  FINDING_CHAIN,
  FINDING_CHAINED,
  FINDING_EPOCHS,
  FINDING_ESTIMATE,
  FINDING_EXPECTED,
  FINDING_FLAGS,
  FINDING_HELD,
  FINDING_IS_BLIND,
  FINDING_LENGTH,
  FINDING_LOST,
  FINDING_OLD,
  FINDING_PASSES,
  FINDING_PROBABLY,
  FINDING_SITE,
  FINDING_UNSURE,
  FINDING_WATCHED,
  SEARCHED_MAX,
  WATCHED_MAX,
} from "../abi";
import { output } from "../base/memory";
import { Block, blockAt, firstOf, VALUE_UNSURE } from "./block";
import { chainOf } from "./chain";
import { isOld, isRipe } from "./cohort";
import { isHeld, isLost, isProbablyLost } from "./rules";
import { NO_SLOT, Searched, searchedAt, Slot } from "./searched";

/** Fraction bits of a square root. */
const FRACTION: u64 = 10;

/** Sums the sample of a site after a pass. A block that waits for its site to be looked at as a whole may not have been judged yet. */
export function sumUp(slot: Slot): void {
  const site = searchedAt(slot);
  site.watched = site.old = site.lost = site.probably = site.held = site.unsure = 0;
  site.epochsLow = site.epochsHigh = 0;
  let ripe: u32 = 0;
  let lost: u32 = 0;
  for (let i: u32 = 0; i < WATCHED_MAX; ++i) {
    const block = blockAt(firstOf(slot) + i);
    if (!block.address || !block.passes) continue;
    add(site, block);
    if (isOld(slot, block)) site.old = site.old + 1;
    if (!isRipe(slot, block)) continue;
    ++ripe;
    if (isLost(block)) ++lost;
  }
  const all = max<u64>(site.ripe, ripe);
  site.estimate = max<u64>(lowerEnd(lost, ripe, all), site.lost);
  site.expected = max<u64>(ripe ? (all * lost) / ripe : 0, site.lost);
}

function add(site: Searched, block: Block): void {
  site.watched = site.watched + 1;
  if (isLost(block)) {
    site.lost = site.lost + 1;
    const epoch = block.birth & EPOCH_MASK;
    if (epoch < 64) site.epochsLow |= (<u64>1) << epoch;
    else site.epochsHigh |= (<u64>1) << (epoch - 64);
  } else if (isProbablyLost(block)) site.probably = site.probably + 1;
  else if (isHeld(block)) site.held = site.held + 1;
  else if (block.judged == VALUE_UNSURE) site.unsure = site.unsure + 1;
}

/** The number of lost among `all` blocks, at least, if `lost` of `sample` are. */
export function lowerEnd(lost: u32, sample: u32, all: u64): u64 {
  if (all <= sample) return lost;
  if (!lost) return 0;
  const l = <u64>lost;
  const n = <u64>sample;
  const deviation = squareRoot(((l * (n - l)) << (2 * FRACTION)) / n + (1 << (2 * FRACTION)));
  const least = ((l + 2) << FRACTION) - 2 * deviation;
  return max<u64>(((all * least) / (n + 4)) >> FRACTION, l);
}

/** Newton's method, rounded down. */
function squareRoot(value: u64): u64 {
  let root = value;
  let next = (value + 1) >> 1;
  while (next < root) {
    root = next;
    next = (root + value / root) >> 1;
  }
  return root;
}

/** Writes the packet of the index-th site that is searched into the output region. Returns its length; 0 if there is none. */
export function findings(index: u32): u32 {
  const slot = slotAt(index);
  if (slot == NO_SLOT) return 0;
  const site = searchedAt(slot);
  memory.fill(output, 0, FINDING_CHAIN);
  store<u32>(output, site.site, FINDING_SITE);
  store<u32>(output, site.blind ? FINDING_IS_BLIND : 0, FINDING_FLAGS);
  store<u32>(output, site.passes, FINDING_PASSES);
  store<u32>(output, site.watched, FINDING_WATCHED);
  store<u32>(output, site.old, FINDING_OLD);
  store<u32>(output, site.lost, FINDING_LOST);
  store<u32>(output, site.probably, FINDING_PROBABLY);
  store<u32>(output, site.held, FINDING_HELD);
  store<u32>(output, site.unsure, FINDING_UNSURE);
  store<u64>(output, site.blocks, FINDING_BLOCKS);
  store<u64>(output, site.estimate, FINDING_ESTIMATE);
  store<u64>(output, site.expected, FINDING_EXPECTED);
  store<u64>(output, site.epochsLow, FINDING_EPOCHS);
  store<u64>(output, site.epochsHigh, FINDING_EPOCHS + 8);
  store<u32>(output, site.chained, FINDING_CHAINED);
  store<u32>(output, site.chainLength, FINDING_LENGTH);
  memory.copy(output + FINDING_CHAIN, chainOf(slot), site.chainLength);
  return FINDING_CHAIN + site.chainLength;
}

function slotAt(index: u32): Slot {
  let at: u32 = 0;
  for (let slot: Slot = 0; slot < SEARCHED_MAX; ++slot) if (searchedAt(slot).used && at++ == index) return slot;
  return NO_SLOT;
}
