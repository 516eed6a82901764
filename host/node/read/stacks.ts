// SPDX-License-Identifier: Apache-2.0
//
// Reads the section of call stacks: of a row the stacks with the most living allocations, each with its calls. Dumps of older versions do
// not have the section.

import { ageKey } from "./ages.ts";
import { columnsIn, type Section } from "./dump.ts";
import { printedLocation, type Site } from "./sites.ts";

export interface Stack {
  /** The row's location and kind, as in the section. */
  location: string;
  kind: string;
  samples: number;
  /** Share of what is still allocated of the row, from 0 to 1; undefined if it is not known. */
  share: number | undefined;
  /** The innermost first, as in `foo.so handler (foo.c:88)`. */
  calls: string[];
  /** Whether the calls reach the thread's first function. */
  whole: boolean;
}

const COLUMNS = ["Samples", "Share %", "Location", "Kind"] as const;
/** What a call begins with, and a line that says that there are calls that are not known. */
const CALL = "  ";
const UNKNOWN = "  ...";

/** The stacks in a dump, by the key of their row (ages.ts), the largest first. */
export function stacksIn(sections: readonly Section[]): Map<string, Stack[]> {
  const found = new Map<string, Stack[]>();
  for (const section of sections) {
    const columns = columnsIn(section, "stacks", COLUMNS);
    let stack: Stack | undefined;
    for (const row of columns ? section.rows : []) {
      const [samples = "", share = "", location = "", kind = ""] = columns!.map((column) => row[column]);
      if (!location.startsWith(CALL)) {
        stack = {
          ...{ location, kind, samples: Number(samples), calls: [], whole: true },
          share: share === "-" ? undefined : Number(share) / 100,
        };
        const key = ageKey(kind, location);
        found.set(key, [...(found.get(key) ?? []), stack]);
      } else if (location.startsWith(UNKNOWN) && stack) {
        stack.whole = false;
      } else {
        stack?.calls.push(location.trim());
      }
    }
  }
  return found;
}

/** The key of a site in stacksIn(). */
export function keyOfRow(site: Pick<Site, "kind" | "class" | "location" | "retired">): string {
  return ageKey(site.kind || site.class, printedLocation(site));
}

/** The calls above the place that the row names. */
export function callsAbove({ location, calls }: Stack): string[] {
  return location.endsWith(`/${calls[0]}`) ? calls.slice(1) : calls;
}

/** The stacks of a row with the part of a number that belongs to each; the last part belongs to no stack. */
export function parted(stacks: readonly Stack[], value: number): [Stack | undefined, number][] {
  let rest = value;
  const parts = stacks.map(({ share }, index): [Stack | undefined, number] => {
    const part = Math.min(rest, Math.floor(value * (share ?? 0)));
    rest -= part;
    return [stacks[index], part];
  });
  return [...parts, [undefined, rest]];
}
