// SPDX-License-Identifier: Apache-2.0
//
// The rows of the dump that is being read, by site.

import { enlarged } from "./arrays.ts";
import type { Rows } from "./dump.ts";

/** Most rows of a dump: the capacity of all classes. */
const ROWS_MAX = 1 << 19;

/** Rows, and the position of each site's row. Reused for one dump after another. */
export class Scratch implements Rows {
  length = 0;
  site = new Int32Array(1024);
  allocs = new Float64Array(1024);
  frees = new Float64Array(1024);
  inUse = new Float64Array(1024);
  /** Position of a site's row plus 1. */
  #row = new Int32Array(1024);

  clear(): void {
    for (let i = 0; i < this.length; ++i) this.#row[this.site[i]!] = 0;
    this.length = 0;
  }

  /** @returns false if there are too many */
  add(site: number, allocs: number, frees: number, inUse: number): boolean {
    if (site >= this.#row.length) this.#row = enlarged(this.#row, Math.max(site + 1, this.#row.length * 2));
    const known = this.#row[site]!;
    if (known) {
      this.allocs[known - 1]! += allocs;
      this.frees[known - 1]! += frees;
      this.inUse[known - 1]! += inUse;
      return true;
    }
    const at = this.length;
    if (at === ROWS_MAX) return false;
    if (at === this.site.length) {
      this.site = enlarged(this.site, at * 2);
      this.allocs = enlarged(this.allocs, at * 2);
      this.frees = enlarged(this.frees, at * 2);
      this.inUse = enlarged(this.inUse, at * 2);
    }
    this.site[at] = site;
    this.allocs[at] = allocs;
    this.frees[at] = frees;
    this.inUse[at] = inUse;
    this.#row[site] = ++this.length;
    return true;
  }
}
