// SPDX-License-Identifier: Apache-2.0
//
// Locates a module's separate debug file: the path by a build id, or for a debug link the checksum of the whole file.

import { QUESTION_MAX } from "../abi";
import * as answer from "../base/answer";
import { input } from "../base/memory";
import { ascii, byte } from "../base/writer";

/** Limits of a build id's length in bytes. */
const ID_MIN: u64 = 2;
const ID_MAX: u64 = 64;

/** CRC-32 of IEEE 802.3, least significant bit first, as in .gnu_debuglink. */
const POLYNOMIAL: u32 = 0xedb88320;
const table: usize = memory.data(1024, 4);
let isReady: bool = false;

/**
 * Writes the path below the debug folder, ".build-id/4d/656d747261636b.debug", for the build id in the input region; no text for an
 * invalid id.
 */
export function debugPath(length: u64): u32 {
  if (length < ID_MIN || length > ID_MAX) return answer.say(0);
  answer.begin();
  ascii(".build-id/");
  for (let i: usize = 0; i < <usize>length; ++i) {
    const value = <u32>load<u8>(input + i);
    byte(digit(value >>> 4));
    byte(digit(value & 15));
    if (!i) byte(0x2f);
  }
  ascii(".debug");
  return answer.end();
}

/** Continues a checksum with the bytes in the input region. The checksum of no bytes is 0. */
export function checksum(before: u32, length: u64): u32 {
  if (!isReady) makeTable();
  const end = input + <usize>min<u64>(length, QUESTION_MAX);
  let sum = ~before;
  for (let at = input; at < end; ++at) sum = (sum >>> 8) ^ load<u32>(table + (((sum ^ load<u8>(at)) & 0xff) << 2));
  return ~sum;
}

function makeTable(): void {
  for (let i: u32 = 0; i < 256; ++i) {
    let value = i;
    for (let bit = 0; bit < 8; ++bit) value = (value >>> 1) ^ (value & 1 ? POLYNOMIAL : 0);
    store<u32>(table + (i << 2), value);
  }
  isReady = true;
}

/** A lower-case hexadecimal digit. */
function digit(value: u32): u32 {
  return value < 10 ? 0x30 + value : 0x57 + value;
}
