// SPDX-License-Identifier: Apache-2.0
//
// Rows: sites with equal names form one row. A header compiled into two objects gives two addresses with equal text; a call that
// the compiler duplicated gives two addresses with equal file and line. A row's number is the number of the first site with its
// name.

import { SITE_FIRST } from "../abi";
import { hashText, PHI, slotOfHash } from "../base/hash";
import { indexBits, indexMask, rowIndex, rows, slots } from "../base/memory";
import { setValueAt, valueAt } from "../base/regions";
import { Row, Site } from "../base/types";
import { identityOf, lengthOf, sameName, textOf } from "../registry/name";

/** Makes every site its own row. */
export function resetRows(): void {
  for (let site: Site = 0; site < slots; ++site) setValueAt<u16>(rows, site, <u16>site);
}

/** Finds the rows of the sites 0 to count - 1 by their present names. */
export function computeRows(count: u32): void {
  memory.fill(rowIndex, 0, (indexMask + 1) * sizeof<u16>());
  for (let site = SITE_FIRST; site < count; ++site) setValueAt<u16>(rows, site, <u16>(lengthOf(site) ? first(site) : site));
}

export function rowOf(site: Site): Row {
  return valueAt<u16>(rows, site);
}

/** First site with the same name as `site`, possibly `site`. */
function first(site: Site): Site {
  const hash = hashText(textOf(site), lengthOf(site)) ^ identityOf(site);
  let at = slotOfHash(hash * PHI, indexBits);
  for (;;) {
    const other = <u32>valueAt<u16>(rowIndex, at);
    if (!other) break;
    if (sameName(other, site)) return other;
    at = (at + 1) & indexMask;
  }
  setValueAt<u16>(rowIndex, at, <u16>site);
  return site;
}
