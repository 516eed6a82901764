// SPDX-License-Identifier: Apache-2.0
//
// Reads every dump of a server while its files grow, are renamed, truncated and replaced. Each file is read through a descriptor that
// stays with it after a rename.

import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parseDumps, type Dump } from "../../harness/dump.ts";

const POLL_MS = 50;
/** A renamed file is read for so long: the server may not have opened its new one. */
const OLD_FILES = 3;

interface Open {
  fd: number;
  inode: number;
  offset: number;
  /** Bytes after the last complete dump. */
  rest: string;
}

const BEGINS = /^memtrack format=/gm;

export class Dumps {
  read = 0;
  readonly #paths: string[];
  readonly #see: (dump: Dump) => void;
  readonly #fault: (what: string) => void;
  readonly #line: (line: string) => void;
  readonly #files = new Map<string, Open[]>();

  /**
   * @param see receives each dump
   * @param line receives each line that begins with "memtrack" outside of dumps
   */
  constructor(paths: string[], see: (dump: Dump) => void, line: (line: string) => void, fault: (what: string) => void) {
    this.#paths = paths;
    this.#see = see;
    this.#line = line;
    this.#fault = fault;
  }

  poll(): void {
    for (const path of this.#paths) {
      const files = this.#files.get(path) ?? [];
      const inode = statSync(path, { throwIfNoEntry: false })?.ino;
      if (inode !== undefined && files.at(-1)?.inode !== inode) {
        files.push({ fd: openSync(path, "r"), inode, offset: 0, rest: "" });
        if (files.length > OLD_FILES) closeSync(files.shift()!.fd);
        this.#files.set(path, files);
      }
      for (const file of files) this.#readOn(path, file);
    }
  }

  /** Waits for a dump that is read from now on. */
  async next(good: (dump: Dump) => boolean, request: () => Promise<void> | void, timeoutMs = 20_000): Promise<Dump> {
    this.poll();
    let found: Dump | undefined;
    const waiting = (dump: Dump) => void (good(dump) && (found ??= dump));
    this.#waiting.add(waiting);
    try {
      await request();
      for (const end = Date.now() + timeoutMs; !found;) {
        this.poll();
        if (found) break;
        if (Date.now() > end) throw new Error(`no dump within ${timeoutMs} ms`);
        await pause(POLL_MS);
      }
      return found;
    } finally {
      this.#waiting.delete(waiting);
    }
  }
  readonly #waiting = new Set<(dump: Dump) => void>();

  /** After a file was truncated; before, poll(). */
  truncated(path: string): void {
    const file = this.#files.get(path)?.at(-1);
    if (file) Object.assign(file, { offset: 0, rest: "" });
  }

  close(): void {
    for (const files of this.#files.values()) for (const { fd } of files) closeSync(fd);
    this.#files.clear();
  }

  #readOn(path: string, file: Open): void {
    const { size } = fstatSync(file.fd);
    if (size < file.offset) Object.assign(file, { offset: 0, rest: "" });
    if (size === file.offset) return;
    const bytes = Buffer.alloc(size - file.offset);
    file.offset += readSync(file.fd, bytes, 0, bytes.length, file.offset);
    file.rest += bytes.toString("latin1");
    const end = endOfDumps(file.rest);
    if (!end) return;
    const text = file.rest.slice(0, end);
    file.rest = file.rest.slice(end);
    const dumps = parseDumps(text);
    const begun = text.match(BEGINS)?.length ?? 0;
    if (begun !== dumps.length) this.#fault(`${path}: ${begun} dumps begin, and ${dumps.length} end`);
    for (const line of outside(text)) this.#line(line);
    for (const dump of dumps) {
      ++this.read;
      this.#see(dump);
      for (const waiting of this.#waiting) waiting(dump);
    }
  }
}

/** The position after the last line that ends a dump; 0 without one. */
function endOfDumps(text: string): number {
  const at = text.lastIndexOf("\nmemtrack end ");
  const end = at < 0 ? -1 : text.indexOf("\n", at + 1);
  return end + 1;
}

/** Lines of memtrack between dumps. */
function outside(text: string): string[] {
  let within = false;
  return text.split("\n").filter((line) => {
    if (line.startsWith("memtrack format=")) within = true;
    const out = !within && line.startsWith("memtrack ");
    if (line.startsWith("memtrack end ")) within = false;
    return out;
  });
}
