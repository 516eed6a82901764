// SPDX-License-Identifier: Apache-2.0
//
// The modules of a running process in memory: address, protection and contents of each mapping.

import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

/** A mapping of a file. */
export interface Mapping {
  path: string;
  start: number;
  end: number;
  /** As in /proc/PID/maps: "r-xp". */
  mode: string;
  bytes: Buffer;
}

/** All mappings of files. The process keeps running: memory that it writes may be inconsistent. */
export function mappingsOf(pid: number): Mapping[] {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    return readFileSync(`/proc/${pid}/maps`, "utf8")
      .split("\n")
      .flatMap((line) => {
        const [range = "", mode = "", , , , path = ""] = line.split(/ +/);
        if (!path.startsWith("/")) return [];
        const [start = 0, end = 0] = range.split("-").map((text) => parseInt(text, 16));
        const bytes = Buffer.alloc(mode.startsWith("r") ? end - start : 0);
        readSync(memory, bytes, 0, bytes.length, start);
        return [{ path, start, end, mode, bytes }];
      });
  } finally {
    closeSync(memory);
  }
}

/** The words of a mapping, with their addresses. */
export function* words({ start, bytes }: Mapping): Generator<[address: number, word: bigint]> {
  for (let at = 0; at + 8 <= bytes.length; at += 8) yield [start + at, bytes.readBigUInt64LE(at)];
}

/** Symbols of a module's slots (R_*_JUMP_SLOT, R_*_GLOB_DAT), by the slot's address relative to the module. */
export function slotsOf(path: string): Map<number, string> {
  const options = { encoding: "utf8", maxBuffer: 1 << 28 } as const;
  const lines = execFileSync("readelf", ["-rW", path], options).matchAll(
    /^([0-9a-f]+) +[0-9a-f]+ +R_X86_64_(?:JUMP_SLOT|GLOB_DAT) +[0-9a-f]+ +([^@ ]+)/gm,
  );
  return new Map(Array.from(lines, ([, offset, symbol]) => [parseInt(offset!, 16), symbol!]));
}

/** Addresses of a module's exported symbols, relative to the module. */
export function addressesOf(path: string, symbols: readonly string[]): { symbol: string; offset: number }[] {
  const lines = execFileSync("nm", ["-D", "--defined-only", path], { encoding: "utf8", maxBuffer: 1 << 28 }).split("\n");
  return lines.flatMap((line) => {
    const [offset = "", , symbol = ""] = line.split(" ");
    return symbols.includes(symbol) ? [{ symbol, offset: parseInt(offset, 16) }] : [];
  });
}
