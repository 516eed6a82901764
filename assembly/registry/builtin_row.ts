// SPDX-License-Identifier: Apache-2.0
//
// Parses a row of the built-in tracker's table: three numbers, an average, a padded name.
//
//        201 |        201 |                    0 |          0 | memory/IOBuffer/HttpSM.cc:6495

import { INPUT_SIZE, SITE_UNKNOWN } from "../abi";
import * as reader from "../base/reader";
import { input } from "../base/memory";
import { registerName } from "./registry";

const BAR: u32 = 0x7c;

// Numbers of the last row parsed.
let allocs: i64 = 0;
let frees: i64 = 0;
let inUse: i64 = 0;

/** Registers, by its name, the site of the row in the input region. Returns SITE_UNKNOWN if the line is not a row. */
export function registerBuiltinRow(length: u64): u32 {
  reader.open(input, length < INPUT_SIZE ? <usize>length : INPUT_SIZE);
  reader.endAt(0x0a);
  if (!takeColumn()) return SITE_UNKNOWN;
  allocs = taken;
  if (!takeColumn()) return SITE_UNKNOWN;
  frees = taken;
  if (!takeColumn()) return SITE_UNKNOWN;
  inUse = taken;
  if (!takeColumn()) return SITE_UNKNOWN;
  reader.skipSpaces();
  const name = reader.position();
  let size = reader.left();
  while (size && load<u8>(name + size - 1) == 0x20) --size;
  memory.copy(input, name, size);
  return registerName(size);
}

export function builtinAllocs(): i64 {
  return allocs;
}

export function builtinFrees(): i64 {
  return frees;
}

export function builtinInUse(): i64 {
  return inUse;
}

let taken: i64 = 0;

/** A signed number and the bar after it. */
function takeColumn(): bool {
  reader.skipSpaces();
  const isNegative = reader.take(0x2d);
  if (!reader.isDigit(reader.peek())) return false;
  const size = <i64>min<u64>(reader.takeUnsigned(), i64.MAX_VALUE);
  taken = isNegative ? -size : size;
  reader.skipSpaces();
  return reader.take(BAR);
}
