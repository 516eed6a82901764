// SPDX-License-Identifier: Apache-2.0
//
// Accesses records and numbers in a memory region by index.

/** The record at an index. `size` is the stride, for records followed by text. */
// @ts-ignore: decorator
@inline
export function recordAt<T>(region: usize, number: u32, size: usize = offsetof<T>()): T {
  return changetype<T>(region + <usize>number * size);
}

// @ts-ignore: decorator
@inline
export function valueAt<T>(region: usize, number: usize): T {
  return load<T>(region + number * sizeof<T>());
}

// @ts-ignore: decorator
@inline
export function setValueAt<T>(region: usize, number: usize, value: T): void {
  store<T>(region + number * sizeof<T>(), value);
}

// @ts-ignore: decorator
@inline
export function addToValueAt<T>(region: usize, number: usize, value: T): void {
  const at = region + number * sizeof<T>();
  // @ts-ignore: T is a number
  store<T>(at, load<T>(at) + value);
}
