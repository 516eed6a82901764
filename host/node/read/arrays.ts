// SPDX-License-Identifier: Apache-2.0
//
// Helpers for typed arrays, which have a fixed length.

/** A longer array that begins with the contents of `from`. */
export function enlarged<T extends Int32Array | Uint8Array | Float64Array>(from: T, length: number): T {
  const to = new (from.constructor as new (length: number) => T)(length);
  to.set(from);
  return to;
}
