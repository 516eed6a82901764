// SPDX-License-Identifier: Apache-2.0
//
// What `status` says of the search for references.

import type { Ats } from "../../harness/ats.ts";

/** A row that is searched. */
export interface Searched {
  location: string;
  watched: number;
  blocks: number;
  lost: number;
  probably: number;
  held: number;
  unsure: number;
  passes: number;
  isBlind: boolean;
  /** The chain of most blocks; empty if none is known. */
  holder: string;
}

export interface SearchStatus {
  passes: number;
  complete: number;
  /** Bytes that the last pass read. */
  bytes: number;
  rows: Searched[];
  text: string;
}

const LINE =
  /search for references: .*?, (\d+) of (\d+) passes so far were complete(?:; the last one read ([\d.]+) (\w+) in .*)?\n/;
const ROW =
  /searched: (.+): (\d+) of (\d+) blocks watched, (\d+) lost, (\d+) probably, (\d+) held, (\d+) unsure, after (\d+) passes(; the search is blind here)?(?:; held by (.*))?/g;
const UNITS: Record<string, number> = { B: 1, bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** Asks for it. The server needs the option `ctl`. */
export async function searchStatus(ats: Ats): Promise<SearchStatus> {
  const from = ats.sizeOf(ats.diagsPath);
  await ats.ctl("plugin", "msg", "memtrack", "status");
  const text = await ats.waitFor(ats.diagsPath, LINE, { from });
  const [, complete, passes, amount = "0", unit = "B"] = LINE.exec(text)!;
  const rows = [...text.matchAll(ROW)].map(readRow);
  return { passes: Number(passes), complete: Number(complete), bytes: Number(amount) * UNITS[unit]!, rows, text };
}

function readRow([, location, ...rest]: RegExpMatchArray): Searched {
  const [watched, blocks, lost, probably, held, unsure, passes] = rest.slice(0, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [blind, holder = ""] = rest.slice(7);
  return { location: location!, watched, blocks, lost, probably, held, unsure, passes, isBlind: blind !== undefined, holder };
}
