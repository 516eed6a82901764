// SPDX-License-Identifier: Apache-2.0
//
// Runs comparisons one after the other. If one fails (a program or a permission is missing), the figures of the others are kept.

import type { Figure } from "./figure.ts";
import type { Run } from "./native.ts";

export type Comparisons = Record<string, (run: Run) => Promise<Figure[]>>;

export interface LeftOut {
  /** A comparison, or a part of one: "pairs: heaptrack". */
  what: string;
  reason: string;
}

export interface Measured {
  figures: Figure[];
  leftOut: LeftOut[];
}

/** @param tell is called after each comparison, with all results so far and with the results of this comparison */
export async function measure(
  comparisons: Comparisons,
  names: string[],
  run: Omit<Run, "leaveOut">,
  tell: (all: Measured, own: Measured) => void,
): Promise<Measured> {
  const all: Measured = { figures: [], leftOut: [] };
  for (const name of names) {
    const own: Measured = { figures: [], leftOut: [] };
    const leaveOut = (part: string, reason: string) => void own.leftOut.push({ what: `${name}: ${part}`, reason });
    try {
      own.figures = await comparisons[name]!({ ...run, leaveOut });
    } catch (error) {
      own.leftOut.push({ what: name, reason: (error as Error).message });
    }
    all.figures.push(...own.figures);
    all.leftOut.push(...own.leftOut);
    tell(all, own);
  }
  return all;
}
