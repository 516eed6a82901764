// SPDX-License-Identifier: Apache-2.0
//
// Rows: sites that read the same are one. One header compiled into two objects gives two places with one text; a call that a
// compiler has copied gives two addresses with one line. A row is known by the number of the first site that has its name.

import { SITE_FIRST } from "../abi";
import { indexBits, indexMask, rowIndex, rows, slots } from "../base/memory";
import { hashText, identityOf, lengthOf, sameName, textOf } from "../registry/name";

/** Every site is its own row. */
export function resetRows(): void {
  for (let site: u32 = 0; site < slots; ++site) store<u16>(rows + ((<usize>site) << 1), <u16>site);
}

/** Finds the rows of the sites 0 to count - 1, by their present names. */
export function computeRows(count: u32): void {
  memory.fill(rowIndex, 0, (indexMask + 1) << 1);
  for (let site = SITE_FIRST; site < count; ++site)
    store<u16>(rows + ((<usize>site) << 1), <u16>(lengthOf(site) ? first(site) : site));
}

export function rowOf(site: u32): u32 {
  return load<u16>(rows + ((<usize>site) << 1));
}

/** The first site with this one's name; this one, where it is the first. */
function first(site: u32): u32 {
  const hash = hashText(textOf(site), lengthOf(site)) ^ identityOf(site);
  let at = <usize>((hash * 0x9e3779b97f4a7c15) >>> (64 - indexBits));
  for (;;) {
    const other = <u32>load<u16>(rowIndex + (at << 1));
    if (!other) break;
    if (sameName(other, site)) return other;
    at = (at + 1) & indexMask;
  }
  store<u16>(rowIndex + (at << 1), <u16>site);
  return site;
}
