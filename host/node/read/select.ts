// SPDX-License-Identifier: Apache-2.0
//
// Selects a dump of a file: `FILE` is its last complete dump, `FILE#3` the dump with dump=3 (the last one, if the file has several
// runs), `FILE#-2` the dump before the last. The built-in tracker's dumps are counted from 1.

import { existsSync, openSync, readSync, closeSync, fstatSync } from "node:fs";
import type { Readable } from "node:stream";
import { UsageError } from "../errors.ts";
import type { Dump } from "./dump.ts";
import { openInputs, readInputs, STDIN, type Progress } from "./input.ts";
import { nothingRead } from "./nothing.ts";
import type { Sites } from "./sites.ts";
import { hasRows, snapshotOf, type Snapshot } from "./snapshot.ts";
import { Streams } from "./streams.ts";

/** For the last dump of a large file its end suffices: this much, or the whole file if it has no dump there. */
const TAIL = 32 * 1024 * 1024;

export interface Selected {
  file: string;
  dump: Snapshot;
}

/** Separates file and number. A `#` that belongs to an existing file's name is not a separator. */
export function parseSpec(spec: string): { file: string; number: number | undefined } {
  const [, file, digits] = /^(.*)#(-?\d+)$/s.exec(spec) ?? [];
  // yargs turns a single dash into an empty text.
  if (file === undefined || existsSync(spec)) return { file: spec || STDIN, number: undefined };
  const number = Number(digits);
  if (number === 0) throw new UsageError(`${spec}: dumps are counted from 1; #-1 is the last one`);
  return { file: file || STDIN, number };
}

export async function selectDump(spec: string, sites: Sites, stdin: Readable, progress?: Progress): Promise<Selected> {
  const { file, number } = parseSpec(spec);
  const inputs = await openInputs([file]);
  if (number === undefined && inputs[0]!.size !== undefined && inputs[0]!.size > TAIL) {
    const dump = lastInTail(file, sites);
    if (dump) return { file, dump };
  }
  const latest: Snapshot[] = [];
  const numbers: number[] = [];
  let partial: Snapshot | undefined;
  let found: Snapshot | undefined;
  const streams = new Streams(sites, (dump: Dump) => {
    if (dump.state !== "complete") {
      if (hasRows(dump)) partial = snapshotOf(dump, sites);
      return;
    }
    numbers.push(dump.number);
    // The most that can be requested from the end.
    if (number === undefined || number < 0) {
      latest.push(snapshotOf(dump, sites));
      if (latest.length > Math.abs(number ?? 1)) latest.shift();
    } else if (dump.number === number) {
      found = snapshotOf(dump, sites);
    }
  });
  await readInputs(inputs, stdin, streams, progress);
  if (number === undefined) found = latest.at(-1) ?? partial;
  else if (number < 0) found = latest.length === -number ? latest[0] : undefined;
  if (found) return { file, dump: found };
  if (number === undefined || !numbers.length) throw nothingRead(streams.sources);
  const range =
    numbers.length === 1 ? `only dump ${numbers[0]}` : `${numbers.length} dumps, from ${numbers[0]} to ${numbers.at(-1)}`;
  throw new UsageError(`${file} has no dump ${number}: it has ${range}`);
}

function lastInTail(file: string, sites: Sites): Snapshot | undefined {
  const fd = openSync(file, "r");
  try {
    const { size } = fstatSync(fd);
    let last: Snapshot | undefined;
    const streams = new Streams(sites, (dump) => {
      if (dump.state === "complete") last = snapshotOf(dump, sites);
    });
    streams.begin(file);
    const chunk = Buffer.alloc(256 * 1024);
    for (let at = size - TAIL, read; (read = readSync(fd, chunk, 0, chunk.length, at)) > 0; at += read) {
      // The end of a compressed file is not text.
      if (at === size - TAIL && chunk.subarray(0, read).includes(0)) return undefined;
      streams.push(chunk.subarray(0, read));
    }
    streams.end();
    return last?.origin === "memtrack" ? last : undefined;
  } finally {
    closeSync(fd);
  }
}
