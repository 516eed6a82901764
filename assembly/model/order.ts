// SPDX-License-Identifier: Apache-2.0
//
// Sorts rows or owners for a table.

import { order } from "../base/memory";
import { setValueAt, valueAt } from "../base/regions";
import { Row } from "../base/types";
import { compareNames } from "../registry/name";
import { isRow, knownSites, siteClass } from "./model";
import { alive, allocs, frees, inUse } from "./sums";

/** Row or owner at a position. */
export function orderedAt(position: u32): u32 {
  return valueAt<u32>(order, position);
}

export function setOrderedAt(position: u32, number: u32): void {
  setValueAt<u32>(order, position, number);
}

/** Sorts the rows of a class with nonzero counters, largest in-use first. Returns their number; orderedAt() returns them. */
export function sortRows(cls: u32): u32 {
  let n: u32 = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (isRow(row) && siteClass(row) == cls && (allocs(row) || frees(row))) setOrderedAt(n++, row);
  }
  // Heapsort: in place, no recursion. Knuth, TAOCP 3, section 5.2.3.
  for (let i = n >>> 1; i > 0; --i) sift(i - 1, n);
  for (let end = n; end > 1;) {
    const last = orderedAt(--end);
    setOrderedAt(end, orderedAt(0));
    setOrderedAt(0, last);
    sift(0, end);
  }
  return n;
}

function sift(root: u32, end: u32): void {
  const moved = orderedAt(root);
  for (let child: u32 = 2 * root + 1; child < end; child = 2 * root + 1) {
    if (child + 1 < end && before(orderedAt(child), orderedAt(child + 1))) ++child;
    if (!before(moved, orderedAt(child))) break;
    setOrderedAt(root, orderedAt(child));
    root = child;
  }
  setOrderedAt(root, moved);
}

/** Total order: in-use, then alive, then allocations, largest first; then by name. */
function before(a: Row, b: Row): bool {
  if (inUse(a) != inUse(b)) return inUse(a) > inUse(b);
  if (alive(a) != alive(b)) return alive(a) > alive(b);
  if (allocs(a) != allocs(b)) return allocs(a) > allocs(b);
  return compareNames(a, b) < 0;
}
