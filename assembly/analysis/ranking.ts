// SPDX-License-Identifier: Apache-2.0
//
// The top of a list: the series with the largest keys, sorted, at most RANKED_MAX. sortRanked() sorts them again, by other keys and by
// group, so that the members of a group are adjacent.
//
//    0        8        12      16
//    ┌────────┬────────┬───────┐
//    │ key    │series │ group │
//    └────────┴────────┴───────┘

import { RANK_SIZE, RANKED_MAX, ranking } from "../base/memory";
import { recordAt } from "../base/regions";
import { Series } from "../base/types";


@unmanaged
class Ranked {
  key: u64;
  series: Series;
  group: u32;
}

if (offsetof<Ranked>() != RANK_SIZE) ERROR("not the size that memory.ts tells");

let count: u32 = 0;
let limit: u32 = 0;
/** Number of series offered. */
export let offered: u32 = 0;

export function rankingStart(most: u32): void {
  count = 0;
  offered = 0;
  limit = most < RANKED_MAX ? most : RANKED_MAX;
}

/** Offers a series. Must be called in the order of series: for equal keys the lower series comes first. */
export function rank(series: Series, key: u64): void {
  ++offered;
  if (count == limit && key <= keyAt(count - 1)) return;
  let at = count < limit ? count++ : count - 1;
  for (; at > 0 && keyAt(at - 1) < key; --at) {
    memory.copy(changetype<usize>(entryAt(at)), changetype<usize>(entryAt(at - 1)), RANK_SIZE);
  }
  entryAt(at).key = key;
  entryAt(at).series = series;
  entryAt(at).group = 0;
}

/** Gives an entry another key and a group, for sortRanked(). */
export function setOrder(position: u32, key: u64, group: u32 = 0): void {
  entryAt(position).key = key;
  entryAt(position).group = group;
}

/** By key, the largest first; of one key by group, the lowest first; of one group as they stood. */
export function sortRanked(): void {
  const free = entryAt(RANKED_MAX);
  for (let i: u32 = 1; i < count; ++i) {
    memory.copy(changetype<usize>(free), changetype<usize>(entryAt(i)), RANK_SIZE);
    let at = i;
    for (; at > 0 && comesBefore(free, entryAt(at - 1)); --at) {
      memory.copy(changetype<usize>(entryAt(at)), changetype<usize>(entryAt(at - 1)), RANK_SIZE);
    }
    memory.copy(changetype<usize>(entryAt(at)), changetype<usize>(free), RANK_SIZE);
  }
}

function comesBefore(a: Ranked, b: Ranked): bool {
  return a.key != b.key ? a.key > b.key : a.group < b.group;
}

export function groupAt(position: u32): u32 {
  return entryAt(position).group;
}

export function rankedCount(): u32 {
  return count;
}

export function ranked(position: u32): u32 {
  return entryAt(position).series;
}

export function keyAt(position: u32): u64 {
  return entryAt(position).key;
}

function entryAt(position: u32): Ranked {
  return recordAt<Ranked>(ranking, position);
}
