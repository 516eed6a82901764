// SPDX-License-Identifier: Apache-2.0
//
// Reads the section of call stacks: of a row the stacks with the most living allocations, each with its calls. Dumps of older versions do
// not have the section.

import { INLINED_SUFFIX } from "../../../format/format.ts";
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
  /** The innermost first, as in `foo.so handler (foo.c:88)`; with ` [inlined]` where the function is inlined into that of the next call. */
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

/** Whether the function of a call is inlined into that of the next call. */
export function isInlined(call: string): boolean {
  return call.endsWith(INLINED_SUFFIX);
}

/** The module, the function and the line of a call. */
export function codeOfCall(call: string): string {
  return isInlined(call) ? call.slice(0, -INLINED_SUFFIX.length) : call;
}

/** Whether the row names the place of the innermost call. */
export function isOfFirstCall({ location, calls: [first] }: Stack): boolean {
  return first !== undefined && location.endsWith(`/${codeOfCall(first)}`);
}

/** The calls above the place that the row names, without a word on what is inlined. */
export function callsAbove(stack: Stack): string[] {
  return (isOfFirstCall(stack) ? stack.calls.slice(1) : stack.calls).map(codeOfCall);
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
