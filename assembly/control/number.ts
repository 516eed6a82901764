// SPDX-License-Identifier: Apache-2.0
//
// Whether the server reads the whole of a record's text as a number. Otherwise it silently uses a part of the text, or 0.

import * as reader from "../base/reader";

/** A minus, digits, and a multiplier known to the server; or 0x and hexadecimal digits. */
export function isNumber(text: usize, length: usize): bool {
  reader.open(text, length);
  if (reader.peek() == 0x2b) return false;
  if (reader.takeText("0x")) {
    if (!reader.left()) return false;
    while (reader.isHexadecimal(reader.peek())) reader.skip();
    return !reader.left();
  }
  // As in strtoll: other white space, a sign.
  while (reader.peek() == 0x20 || (reader.peek() >= 0x09 && reader.peek() <= 0x0d)) reader.skip();
  if (reader.peek() == 0x2b || reader.peek() == 0x2d) reader.skip();
  if (!reader.isDigit(reader.peek())) return false;
  while (reader.isDigit(reader.peek())) reader.skip();
  if (isMultiplier(reader.peek())) reader.skip();
  return !reader.left();
}

/** K, M, G, T. */
function isMultiplier(byte: u32): bool {
  return byte == 0x4b || byte == 0x4d || byte == 0x47 || byte == 0x54;
}
