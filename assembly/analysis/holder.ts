// SPDX-License-Identifier: Apache-2.0
//
// Who holds what a freelist of the server has in use: a plugin that never lets transactions go makes the lists of all that a transaction
// has grow, and has a row of its own for the transactions that it holds.

import { Row, Series } from "../base/types";
import { isOfTransactions } from "../model/freelists";
import { knownSites } from "../model/model";
import { inObjects, isActive, isHeld, isOfFreelist } from "./series";
import { isLeak } from "./verdict";

/** Returned by holderOf() for nobody. */
export const NO_HOLDER: Row = u32.MAX_VALUE;

/**
 * The row of transactions or sessions that explains a freelist: that of a suspect, else one with at least half as many as the list of
 * transactions has in use. Of several the one with most.
 */
export function holderOf(series: Series): Row {
  let holder = NO_HOLDER;
  if (!isOfFreelist(series)) return holder;
  const few = isOfTransactions(series) ? inObjects(series) / 2 : u64.MAX_VALUE;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isHeld(row) || !isActive(row) || !inObjects(row)) continue;
    if (!isLeak(row) && inObjects(row) < few) continue;
    if (holder == NO_HOLDER || inObjects(row) > inObjects(holder)) holder = row;
  }
  return holder;
}
