// SPDX-License-Identifier: Apache-2.0
//
// Composes the text of a plugin's call, the part after memory/plugin/, from the module, the address or function in it, and the file
// and line that the caller passed. The parts follow one another in the input region; the composed text replaces them.

import { INPUT_SIZE } from "../abi";
import { PLUS } from "../base/chars";
import { input } from "../base/memory";
import { register, renameSite } from "./registry";
import { ascii, begin, byte, copy, hexadecimal, position } from "../base/writer";

/** Most bytes of all parts together; the text is written behind them. */
const PARTS_MAX: u32 = INPUT_SIZE / 2;
/** Most bytes of each part in the text, so that no part displaces another. */
const PART_SHOWN: u32 = INPUT_SIZE / 8;
/** Most bytes of a file and line beside an address. */
const FILE_SHOWN: u32 = 60;

/**
 * Like register(), for "foo.so+0x1a2b (foo.c:88)" or "foo.so+0x1a2b"; "0x1a2b" without a module.
 * @param offset of the call in the module
 */
export function registerCall(
  place: u64,
  detail: u64,
  moduleLength: u32,
  offset: u64,
  fileLength: u32,
  ownerKey: u32,
  flags: u32,
): u32 {
  const module = min(moduleLength, PARTS_MAX);
  const file = min(fileLength, PARTS_MAX - module);
  start();
  writePart(input, module);
  ascii(module ? "+0x" : "0x");
  hexadecimal(offset);
  writeFile(input + module, min(file, FILE_SHOWN));
  return register(place, detail, finish(), ownerKey, flags);
}

/**
 * Like renameSite(), to "foo.so handler (foo.c:88)", where the line may be part of the function text; without a line to
 * "foo.so handler+0x1a calls inflateInit2_" or "foo.so+0x1a2b calls inflateInit2_". The function text may be an offset:
 * "traffic_server+0x1a2b (below Foo::bar)".
 * @param offset of the call in the module, if the function is not known
 */
export function renameCall(
  site: u32,
  moduleLength: u32,
  offset: u64,
  functionLength: u32,
  fileLength: u32,
  calledLength: u32,
): i32 {
  const module = min(moduleLength, PARTS_MAX);
  const name = min(functionLength, PARTS_MAX - module);
  const file = min(fileLength, PARTS_MAX - module - name);
  const called = min(calledLength, PARTS_MAX - module - name - file);
  start();
  writePart(input, module);
  if (name) {
    if (load<u8>(input + module) != PLUS) byte(0x20);
    writePart(input + module, name);
  } else {
    ascii("+0x");
    hexadecimal(offset);
  }
  writeFile(input + module + name, file);
  if (called) {
    ascii(" calls ");
    writePart(input + module + name + file, called);
  }
  return renameSite(site, finish());
}

function writePart(from: usize, length: u32): void {
  copy(from, min(length, PART_SHOWN));
}

function writeFile(from: usize, length: u32): void {
  if (!length) return;
  ascii(" (");
  writePart(from, length);
  byte(0x29);
}

function start(): void {
  begin(input + PARTS_MAX, input + INPUT_SIZE);
}

function finish(): u32 {
  const length = <u32>(position() - input) - PARTS_MAX;
  memory.copy(input, input + PARTS_MAX, length);
  return length;
}
