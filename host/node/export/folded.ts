// SPDX-License-Identifier: Apache-2.0
//
// Writes a dump as folded stacks, a line each, for flame graph programs: `owner;class;location value`. A semicolon separates frames
// and the last blank a value, so a semicolon in a name becomes a colon. Where the dump has call stacks of a row, the row's value is
// shared among them, and the calls stand between class and location, the outermost first.

import { printable } from "../../shared/printable.ts";
import { matches, type Filter } from "../read/filter.ts";
import { nameOf, type Site, type Sites } from "../read/sites.ts";
import type { Snapshot } from "../read/snapshot.ts";
import { callsAbove, keyOfRow, parted, stacksIn } from "../read/stacks.ts";

export const FOLDED_VALUES = ["inuse_space", "inuse_objects", "alloc_objects"] as const;
type FoldedValue = (typeof FOLDED_VALUES)[number];

export function folded(sites: Sites, dump: Snapshot, filter: Filter, value: FoldedValue): string {
  const lines: string[] = [];
  const stacks = stacksIn(dump.sections);
  for (const site of sites) {
    if (!dump.present[site.number] || !matches(site, filter)) continue;
    const weight = weightOf(site, dump, value);
    if (weight <= 0) continue;
    for (const [stack, part] of parted(stacks.get(keyOfRow(site)) ?? [], weight)) {
      const calls = stack ? callsAbove(stack).toReversed() : [];
      if (part > 0) lines.push(`${[site.owner, site.class, ...calls, nameOf(site)].map(frame).join(";")} ${part}\n`);
    }
  }
  return lines.sort().join("");
}

function weightOf({ number }: Site, dump: Snapshot, value: FoldedValue): number {
  if (value === "inuse_space") return dump.inUse[number]!;
  return value === "alloc_objects" ? dump.allocs[number]! : dump.allocs[number]! - dump.frees[number]!;
}

function frame(text: string): string {
  return printable(text).replaceAll(";", ":");
}
