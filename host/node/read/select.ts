// SPDX-License-Identifier: Apache-2.0
//
// One dump of a file: `FILE` is its last whole one, `FILE#3` the one that says dump=3 (of a file with several runs, the last such),
// `FILE#-2` the one before the last. The built-in tracker's dumps are counted from 1.

import { existsSync, openSync, readSync, closeSync, fstatSync } from "node:fs";
import type { Readable } from "node:stream";
import { UsageError } from "../errors.ts";
import type { Dump } from "./dump.ts";
import { openInputs, readInputs, STDIN, type Progress } from "./input.ts";
import { nothingRead } from "./nothing.ts";
import type { Sites } from "./sites.ts";
import { hasRows, snapshotOf, type Snapshot } from "./snapshot.ts";
import { Streams } from "./streams.ts";

/** Who wants the last dump of a large file needs no more than its end: this much, or all where no dump is in there. */
const TAIL = 32 * 1024 * 1024;

export interface Selected {
  file: string;
  dump: Snapshot;
}

/** Which dump of which file. A `#` that belongs to an existing file's name is no number. */
export function parseSpec(spec: string): { file: string; number: number | undefined } {
  const [, file, digits] = /^(.*)#(-?\d+)$/s.exec(spec) ?? [];
  // yargs makes an empty text of a lone dash.
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
    // As many from the end as can be asked for.
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
      // A packed file's end is no text.
      if (at === size - TAIL && chunk.subarray(0, read).includes(0)) return undefined;
      streams.push(chunk.subarray(0, read));
    }
    streams.end();
    return last?.origin === "memtrack" ? last : undefined;
  } finally {
    closeSync(fd);
  }
}
