// SPDX-License-Identifier: Apache-2.0
//
// What the search for references found of the rows that it watched: the sections `Search` and `Holders of searched rows` of a dump.

import { ageKey } from "./ages.ts";
import { columnsIn, type Section } from "./dump.ts";

/** Of a row. Dumps of older versions have no `ago`. */
export interface Proof {
  /** A word of `proofs` in format/format.ts. */
  proof: string;
  /** Blocks that are watched, of which are */
  watched: number;
  lost: number;
  probably: number;
  held: number;
  unsure: number;
  /** Complete passes over memory, and the seconds from the end of the last one to the dump. */
  passes: number;
  ago: number | undefined;
  /** Live blocks of the row, and how many of them are lost, at least. */
  blocks: number;
  atLeast: number;
  /** The chain that holds most of the held blocks, `held by foo.so table (.bss)`; undefined if none is known. */
  holder: string | undefined;
  /** Its share of them in per cent. */
  share: number | undefined;
}

const COUNTS = ["Watched", "Lost", "Probably", "Held", "Unsure", "Passes", "Blocks", "At least"] as const;

/** By the key of their row (keyOfRow() in stacks.ts), in the order of the section. */
export function proofsIn(sections: readonly Section[]): Map<string, Proof> {
  const found = new Map<string, Proof>();
  const holders = holdersIn(sections);
  for (const section of sections) {
    const columns = columnsIn(section, "search", ["No", "Proof", "Kind", "Location", ...COUNTS]);
    const [agoAt] = columnsIn(section, "search", ["Ago"]) ?? [];
    for (const row of columns ? section.rows : []) {
      const [number = "", proof = "", kind = "", location = "", ...counts] = columns!.map((column) => row[column]);
      const [watched = 0, lost = 0, probably = 0, held = 0, unsure = 0, passes = 0, blocks = 0, atLeast = 0] = counts.map(Number);
      const ago = agoAt === undefined ? NaN : Number(row[agoAt]);
      found.set(ageKey(kind, location), {
        ...{ proof, watched, lost, probably, held, unsure, passes, ago: Number.isNaN(ago) ? undefined : ago, blocks, atLeast },
        ...(holders.get(number) ?? { holder: undefined, share: undefined }),
      });
    }
  }
  return found;
}

/** By the number of the row in the section `Search`. */
function holdersIn(sections: readonly Section[]): Map<string, Pick<Proof, "holder" | "share">> {
  const found = new Map<string, Pick<Proof, "holder" | "share">>();
  for (const section of sections) {
    const columns = columnsIn(section, "holders", ["No", "Share %", "Holder"]);
    for (const row of columns ? section.rows : []) {
      const [number = "", share = "", holder = ""] = columns!.map((column) => row[column]);
      found.set(number, { holder, share: Number(share) });
    }
  }
  return found;
}
