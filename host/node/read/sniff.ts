// SPDX-License-Identifier: Apache-2.0
//
// Identifies a file without a dump by its first bytes, and says what to do with it.

/** Number of bytes examined. */
const LOOKED_AT = 64 * 1024;

/** Compressed and binary files, by their first bytes. */
const MAGIC: [string, (name: string) => string][] = [
  ["\xfd7zXZ\0", (name) => `is packed by xz: xz -dc ${name} | memtrack report`],
  ["\x28\xb5\x2f\xfd", (name) => `is packed by zstd: zstd -dc ${name} | memtrack report`],
  ["BZh", (name) => `is packed by bzip2: bzip2 -dc ${name} | memtrack report`],
  ["PK\x03\x04", (name) => `is packed by zip: unzip -p ${name} | memtrack report`],
  ["LPKSHHRH", (name) => `is the journal itself: journalctl --file ${name} -o cat | memtrack report`],
];

export class Sniffer {
  #bytes = 0;
  #controls = 0;
  #begin = "";

  push(chunk: Buffer): void {
    if (this.#bytes >= LOOKED_AT) return;
    const text = chunk.subarray(0, LOOKED_AT - this.#bytes).toString("latin1");
    if (this.#begin.length < 16) this.#begin += text.slice(0, 16);
    // A hole at the beginning of a file is not content.
    const content = this.#controls || this.#bytes ? text : text.replace(/^\0+/, "");
    this.#controls += content.match(/[\0-\x07\x0e-\x1a\x1c-\x1f]/g)?.length ?? 0;
    this.#bytes += chunk.length;
  }

  /** "is empty"; undefined if it is text. @param name as given by the user */
  found(name: string): string | undefined {
    if (!this.#bytes) return "is empty";
    const [, say] = MAGIC.find(([begin]) => this.#begin.startsWith(begin)) ?? [];
    if (say) return say(name);
    return this.#controls ? "is binary (a program, an image), not the text of a log" : undefined;
  }
}
