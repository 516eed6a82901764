// SPDX-License-Identifier: Apache-2.0
//
// What a fuzz target in TypeScript is. Those in C are described in fuzz.h.

export interface Target {
  /** Inputs to begin with, beside those in tests/fuzz/corpus. */
  seeds(): Buffer[];
  /** Words of the format, which a mutation inserts. */
  words: string[];
  /** Reads an input. @throws if a claim does not hold */
  run(input: Buffer): void | Promise<void>;
}
