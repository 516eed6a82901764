// SPDX-License-Identifier: Apache-2.0
//
// The instance that reads texts for the host: here, the server's configuration, with the words that diags.log has for it.

import * as abi from "../../../assembly/abi.ts";
import { Instance } from "./instance.ts";

export class Control extends Instance {
  constructor(module: WebAssembly.Module) {
    super(module, abi.ROLE_CONTROL, 0);
  }

  /** What is wrong with memtrack's fields in a records.yaml, of which the core reads the first QUESTION_MAX bytes. */
  checkRecordsYaml(text: string): { line: number; text: string }[] {
    const bytes = Buffer.from(text).subarray(0, abi.QUESTION_MAX);
    this.bytes.set(bytes, this.wasm.inputAt());
    const found: { line: number; text: string }[] = [];
    for (;;) {
      const length = this.wasm.checkRecordsYaml(BigInt(bytes.length), found.length ? 0 : 1);
      if (!length) return found;
      found.push({ line: Number(this.wasm.answerNumber()), text: this.output(length).toString("latin1") });
    }
  }

  /** What is wrong with the value of the record `accept`; undefined if nothing is. */
  faultOfAccept(value: string): string | undefined {
    const length = this.wasm.acceptNotice(this.#put(value));
    return length && this.wasm.answerSeverity() === abi.LINE_WARNING ? this.output(length).toString("utf8") : undefined;
  }

  /** The patterns of that value that are used. */
  acceptPatterns(value: string): string[] {
    const size = this.#put(value);
    const patterns: string[] = [];
    for (let number = 0; ; ++number) {
      const length = this.wasm.acceptPattern(size, number);
      const state = Number(this.wasm.answerNumber());
      if (state < 0) return patterns;
      if (state) patterns.push(this.output(length).toString("utf8"));
    }
  }

  isAcceptedBy(pattern: string, name: string): boolean {
    return Boolean(this.wasm.acceptMatches(Buffer.byteLength(pattern), this.#put(pattern + name) - Buffer.byteLength(pattern)));
  }

  /** Copies a text into the input region. Returns its length. */
  #put(text: string): number {
    const bytes = Buffer.from(text).subarray(0, abi.QUESTION_MAX);
    this.bytes.set(bytes, this.wasm.inputAt());
    return bytes.length;
  }
}
