// SPDX-License-Identifier: Apache-2.0
//
// How many letters differ between two names (Levenshtein's distance): to find what a misspelt name means.

/** Most letters of a known name. */
const NAME_MAX: u32 = 64;
const row = memory.data((NAME_MAX + 1) * 4, 4);

function cell(at: u32): u32 {
  return load<u32>(row + at * 4);
}

/** Letters to insert, to take out or to change, to make `name` of the `length` bytes at `from`. */
export function distance(from: usize, length: u32, name: string): u32 {
  const width = min<u32>(name.length, NAME_MAX);
  for (let at: u32 = 0; at <= width; ++at) store<u32>(row + at * 4, at);
  for (let i: u32 = 0; i < length; ++i) {
    let diagonal = cell(0);
    store<u32>(row, i + 1);
    for (let at: u32 = 1; at <= width; ++at) {
      const above = cell(at);
      const isSame = <u32>load<u8>(from + i) == <u32>name.charCodeAt(at - 1);
      store<u32>(row + at * 4, isSame ? diagonal : 1 + min(diagonal, min(above, cell(at - 1))));
      diagonal = above;
    }
  }
  return cell(width);
}
