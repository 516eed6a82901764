// SPDX-License-Identifier: Apache-2.0
//
// Writes a dump as folded stacks, a line each, for flame graph programs: `owner;class;location value`. A semicolon separates frames
// and the last blank a value, so a semicolon in a name becomes a colon.

import { printable } from "../../shared/printable.ts";
import { matches, type Filter } from "../read/filter.ts";
import { nameOf, type Site, type Sites } from "../read/sites.ts";
import type { Snapshot } from "../read/snapshot.ts";

export const FOLDED_VALUES = ["inuse_space", "inuse_objects", "alloc_objects"] as const;
type FoldedValue = (typeof FOLDED_VALUES)[number];

export function folded(sites: Sites, dump: Snapshot, filter: Filter, value: FoldedValue): string {
  const lines: string[] = [];
  for (const site of sites) {
    if (!dump.present[site.number] || !matches(site, filter)) continue;
    const weight = weightOf(site, dump, value);
    if (weight <= 0) continue;
    lines.push(`${[site.owner, site.class, nameOf(site)].map(frame).join(";")} ${weight}\n`);
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
