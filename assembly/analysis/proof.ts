// SPDX-License-Identifier: Apache-2.0
//
// What the search for references says of a growth (model/findings.ts), where the counters cannot tell a leak from a cache.
//
//   lost    a leak by proof: LOST_MIN blocks of the sample that nothing refers to, of EPOCHS_MIN epochs; in the whole row more than what
//           the registers of all threads could hide, and more than some passes ago. As many blocks as a structure has room for, whose
//           references are hidden, can all be lost, and the estimate varies with the sample: so the row must have grown since, too
//   held    most of the sample is held, and next to nothing is without a reference: a growth that has HELD_SECONDS to end
//
// Where the search is blind, or sees neither, the counters decide alone.

import {
  CLASS_FREELIST,
  CLASS_IOBUFFER,
  EXPLAINED_BY_CONFIRMATION,
  EXPLAINED_BY_HOLDER,
  MEASURE_THREADS,
  PROOF_BLIND,
  PROOF_HELD,
  PROOF_LOST,
  PROOF_NONE,
  PROOF_PROBABLY,
  PROOF_UNSURE,
} from "../abi";
import { slots } from "../base/memory";
import { Row, Series } from "../base/types";
import { measured, measureOf } from "../model/environment";
import {
  blocksOf,
  earlierAliveOf,
  earlierEstimateOf,
  expectedLostOf,
  heldOf,
  isBlind,
  isSearched,
  isSearching,
  lostEpochsOf,
  lostEstimateOf,
  lostOf,
  passesOf,
  probablyLostOf,
  searchedAliveOf,
  unsureOf,
  watchedOf,
} from "../model/findings";
import { stateOf } from "../model/history";
import { knownSites, siteClass } from "../model/model";
import { entryHolds } from "./owner_series";
import { GROWTH_SIGMA } from "./saturation";
import { isHeld as isHeldByPlugin, isOwnerSeries, isRowSeries } from "./series";

const LOST_MIN: u32 = 8;
const EPOCHS_MIN: u32 = 3;
/** Registers of a thread that can have the only reference to a block while it waits: those that a call keeps. */
const REGISTERS: u64 = 6;
/** Blocks of a sample of which it can be said that they are held, and the share of the held, and of those without a reference. */
const HELD_MIN: u32 = 8;
const HELD_PARTS: u32 = 4;
const BARE_PARTS: u32 = 8;
/** Complete passes before which the search says nothing of a holder. */
const PASSES_MIN: u32 = 3;
/** Seconds that a held growth has to end. */
export const HELD_SECONDS: u32 = 3600;

/** What the search says of a row: PROOF_.... */
export function proofOf(series: Series): u32 {
  if (!isRowSeries(series) || !isSearched(series)) return PROOF_NONE;
  if (isBlind(series)) return PROOF_BLIND;
  if (!watchedOf(series)) return PROOF_NONE; // none was found: all are young, or too large (assembly/search/giant.ts)
  if (lostOf(series) >= LOST_MIN) return PROOF_LOST;
  if (lostOf(series) + probablyLostOf(series) >= LOST_MIN) return PROOF_PROBABLY;
  return isMostlyHeld(series) ? PROOF_HELD : PROOF_UNSURE;
}

/** Whether a row is a leak by proof. */
export function isProved(series: Series): bool {
  if (!isRowSeries(series) || lostOf(series) < LOST_MIN || areLostAlike(series)) return false;
  if (!isMoreThanRegisters(expectedLostOf(series))) return false;
  return lostEstimateOf(series) > earlierEstimateOf(series) && hasGrown(series) && !isBlind(series);
}

/** Whether blocks are more than the registers of all threads could hide. */
function isMoreThanRegisters(blocks: u64): bool {
  return measured(MEASURE_THREADS) && blocks > REGISTERS * measureOf(MEASURE_THREADS);
}

/** Whether a searched row has enough blocks for a proof, but so many of the present epoch, of which none is watched, that it cannot be one. */
export function isYoung(row: Row): bool {
  return isSearched(row) && isMoreThanRegisters(searchedAliveOf(row)) && !isMoreThanRegisters(blocksOf(row));
}

/** Whether enough blocks are lost for a proof, but of too few epochs. */
export function areLostAlike(row: Row): bool {
  return lostOf(row) >= LOST_MIN && lostEpochsOf(row) < EPOCHS_MIN;
}

/** Whether a leak by proof is none: a block that was called lost was released. */
export function isDisproved(series: Series): bool {
  return isRowSeries(series) && stateOf(series).proved && isBlind(series);
}

/** Whether the row has more blocks than some passes ago, by more than a population at rest changes at random. */
function hasGrown(row: Row): bool {
  const before = earlierAliveOf(row);
  const alive = searchedAliveOf(row);
  const growth = alive - min(before, alive);
  return growth != 0 && growth * growth >= GROWTH_SIGMA * GROWTH_SIGMA * before;
}

/** Whether a growth is held by somebody: of a row, or of an owner, of which a growing row is. */
export function isHeldFast(series: Series): bool {
  if (isRowSeries(series)) return isSearched(series) && passesOf(series) >= PASSES_MIN && isMostlyHeld(series) && !isBlind(series);
  return anyRow(series, EXPLAINED_BY_HOLDER);
}

/** Whether the search has still to say something of a growth that looks like a leak. */
export function isAwaited(series: Series): bool {
  if (!isSearching()) return false;
  if (!isRowSeries(series)) return anyRow(series, EXPLAINED_BY_CONFIRMATION);
  return isSearchable(series) && passesOf(series) < PASSES_MIN;
}

/**
 * Whether the search can watch a row: the addresses of its blocks are known. Not of transactions and sessions that a plugin holds: as long
 * as they wait the server refers to them, which says nothing for the plugin.
 */
export function isSearchable(row: Row): bool {
  return siteClass(row) != CLASS_IOBUFFER && siteClass(row) != CLASS_FREELIST && !isHeldByPlugin(row);
}

function isMostlyHeld(row: Row): bool {
  const watched = watchedOf(row);
  const held = heldOf(row);
  const bare = watched - min(watched, held + unsureOf(row));
  return held >= HELD_MIN && held * HELD_PARTS >= watched * (HELD_PARTS - 1) && bare * BARE_PARTS <= watched;
}

/** Whether a row of an owner has this explanation. */
function anyRow(series: Series, explanation: u32): bool {
  if (!isOwnerSeries(series)) return false;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (<u32>stateOf(row).explanation == explanation && entryHolds(series - slots, row)) return true;
  }
  return false;
}
