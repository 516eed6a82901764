// SPDX-License-Identifier: Apache-2.0
//
// The core, embedded in Node: the same Wasm as in the proxy, so the same numbers and the same bytes. An instance is in one of three
// roles, each a class with the calls of that role, typed: u32 are numbers, u64 are bigints.
//
//   Shard      counts the events of one thread
//   Registry   gives every site and owner its number
//   Model      sums shards, judges, and writes the text of a dump
//
// Nothing here decides anything about memory: that is in assembly/.

import { instantiateSync } from "@assemblyscript/loader";
import * as abi from "../../../assembly/abi.ts";
import type { instantiate } from "../../../build/memtrack.js";

/** The types that asc writes beside the Wasm. They are of its own glue: here an unsigned integer comes signed, a boolean as 0 or 1. */
type Exports = Awaited<ReturnType<typeof instantiate>>;

/** Text for the core: a string is handed over as UTF-8. */
export type Text = string | Uint8Array;

export class Instance {
  protected readonly wasm: Exports;
  /** All of the instance's memory. It grows in init() and never again, so this view stays good. */
  protected readonly bytes: Uint8Array;

  /**
   * @param role abi.ROLE_...
   * @param sites the capacity
   * @throws RangeError where a number is out of range, or there is no memory
   */
  constructor(module: WebAssembly.Module, role: number, sites: number) {
    this.wasm = instantiateSync<Exports>(module).exports;
    if (this.wasm.init(role, sites) !== 0) throw new RangeError(`the core refuses role ${role} with ${sites} sites`);
    this.bytes = new Uint8Array(this.wasm.memory.buffer);
  }

  /** Bytes of linear memory that it can come to use. */
  get size(): number {
    return this.wasm.size() >>> 0;
  }

  /** What the core wrote, a copy. Only the first byte's place is the core's to say. */
  protected output(size: number): Buffer {
    return Buffer.from(this.bytes.subarray(this.wasm.outputAt(), this.wasm.outputAt() + size));
  }

  /** Copies a text into the input region, cut to what it holds: a long one keeps its end. Returns the length. */
  protected input(text: Text): number {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    const kept = bytes.subarray(Math.max(0, bytes.length - abi.INPUT_SIZE));
    this.bytes.set(kept, this.wasm.inputAt());
    return kept.length;
  }
}
