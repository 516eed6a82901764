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

/** A word that contains the address of a function. */
export interface Word {
  symbol: string;
  /**
   * `call`: the module only calls through it. `address`: it may read the address from it (a slot, initialized data, a copy of a library's
   * variable). `definition`: in its symbol table, relative to the module.
   */
  kind: "call" | "address" | "definition";
}

const KINDS: Record<string, Word["kind"]> = { JUMP_SLOT: "call", GLOB_DAT: "address", 64: "address", COPY: "address" };

/** Words of a module with addresses of functions, or that may have such addresses, by their own address relative to the module. */
export function wordsOf(path: string): Map<number, Word> {
  const run = (...args: string[]) => execFileSync("readelf", [...args, path], { encoding: "utf8", maxBuffer: 1 << 28 });
  const found = new Map<number, Word>();
  const sizes = new Map<string, number>();
  const table = parseInt(/ \.dynsym +DYNSYM +([0-9a-f]+)/.exec(run("-SW"))?.[1] ?? "", 16);
  for (const [, number, size, symbol] of run("--dyn-syms", "-W").matchAll(
    /^ *(\d+): [0-9a-f]+ +(\w+) \w+ +\w+ +\w+ +(?:\[.*?\] +)?\w+ ([^@ \n]+)/gm,
  )) {
    found.set(table + Number(number) * 24 + 8, { symbol: symbol!, kind: "definition" });
    sizes.set(symbol!, Number(size));
  }
  for (const [, at, type, symbol] of run("-rW").matchAll(
    /^([0-9a-f]+) +[0-9a-f]+ +R_X86_64_(JUMP_SLOT|GLOB_DAT|64|COPY) +[0-9a-f]+ +([^@ ]+)/gm,
  )) {
    const size = type === "COPY" ? sizes.get(symbol!)! : 8;
    for (let offset = 0; offset + 8 <= size; offset += 8) {
      found.set(parseInt(at!, 16) + offset, { symbol: symbol!, kind: KINDS[type!]! });
    }
  }
  return found;
}

/** Addresses of a module's exported symbols, relative to the module. */
export function addressesOf(path: string, symbols: readonly string[]): { symbol: string; offset: number }[] {
  const lines = execFileSync("nm", ["-D", "--defined-only", path], { encoding: "utf8", maxBuffer: 1 << 28 }).split("\n");
  return lines.flatMap((line) => {
    const [offset = "", , symbol = ""] = line.split(" ");
    return symbols.includes(symbol) ? [{ symbol, offset: parseInt(offset, 16) }] : [];
  });
}
