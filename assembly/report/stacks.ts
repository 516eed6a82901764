// SPDX-License-Identifier: Apache-2.0
//
// The section of call stacks: of each sampled site the stacks with the most living allocations. A stack is a line with its numbers and
// the row, and a line for each function of its calls, the innermost first: one that is inlined into that of the next line says so. A line
// tells if there are more calls, or what is above them cannot be known.
//
//    1 |      40 |       2560 |               256000 |     100 |      83 | memory/plugin/foo.so keep (foo.c:12)   | tsapi
//    1 |       - |          - |                    - |       - |       - |   foo.so keep (foo.c:12) [inlined]     | -
//    1 |       - |          - |                    - |       - |       - |   foo.so handler (foo.c:88)            | -
//    1 |       - |          - |                    - |       - |       - |   ... more calls                       | -

import { CALLS_MAX, STACK_IS_CUT, STACK_IS_WHOLE, STACKS_MAX } from "../abi";
import { sampledAt, sampledCount } from "../analysis/sampled";
import { writeSeries } from "../analysis/series";
import { STACK_LINES_MAX, STACKS_SHOWN_MAX } from "../base/memory";
import { percent } from "../base/muldiv";
import { Row } from "../base/types";
import { ascii, newline } from "../base/writer";
import { INLINED_SUFFIX, SECTION_STACKS } from "../format";
import { rowOf } from "../model/rows";
import { aliveOfStack, functionsOf, Stack, stackAt, writeFunctionOf } from "../model/stacks";

import { rowKindName } from "./labels";
import * as table from "./table";

/** Stacks of a row that are shown. */
const EACH: u32 = 3;

let number: u32 = 0;

/** Writes the section, or nothing if no site has a stack. */
export function renderStacks(): void {
  number = 0;
  for (let i: u32 = 0; i < sampledCount() && number < STACKS_SHOWN_MAX; ++i) {
    if (!isShown(rowOf(sampledAt(i)), i)) renderRow(rowOf(sampledAt(i)));
  }
}

/** Whether a site before this one has the same row. */
function isShown(row: Row, before: u32): bool {
  for (let i: u32 = 0; i < before; ++i) if (rowOf(sampledAt(i)) == row) return true;
  return false;
}

function renderRow(row: Row): void {
  let above: u64 = u64.MAX_VALUE;
  let whole: u64 = 0;
  for (let i: u32 = 0; i < STACKS_MAX; ++i) if (isOf(i, row)) whole += aliveOfStack(stackAt(i));
  for (let shown: u32 = 0; shown < EACH && number < STACKS_SHOWN_MAX; ++shown) {
    let best: i32 = -1;
    for (let i: u32 = 0; i < STACKS_MAX; ++i) {
      if (!isOf(i, row) || orderOf(i) >= above) continue;
      if (best < 0 || orderOf(i) > orderOf(best)) best = i;
    }
    if (best < 0) return;
    above = orderOf(best);
    if (!number++) writeHead();
    writeStack(row, stackAt(best), whole);
  }
}

function isOf(at: u32, row: Row): bool {
  return stackAt(at).site != 0 && rowOf(stackAt(at).site) == row;
}

/** Living allocations first, then all of them. Different for each stack. */
function orderOf(at: u32): u64 {
  const stack = stackAt(at);
  return ((min<u64>(aliveOfStack(stack), 1 << 40) << 8) | min<u64>(stack.samples, 255)) * STACKS_MAX + (STACKS_MAX - 1 - at);
}

function writeHead(): void {
  table.title(SECTION_STACKS);
  newline();
  table.head(SECTION_STACKS);
}

function writeStack(row: Row, stack: Stack, whole: u64): void {
  table.row(SECTION_STACKS);
  table.unsignedCell(number);
  table.unsignedCell(stack.samples);
  table.unsignedCell(stack.allocs);
  table.unsignedCell(stack.bytes);
  const known = stack.alive + stack.gone;
  if (known) table.unsignedCell(percent(stack.alive, known));
  else table.unknownCell();
  if (whole) table.unsignedCell(percent(aliveOfStack(stack), whole));
  else table.unknownCell();
  table.beginText();
  writeSeries(row);
  table.endText(SECTION_STACKS);
  table.textCell(rowKindName(row));
  newline();
  const isCut = !writeCalls(stack) || stack.end == STACK_IS_CUT;
  if (!isCut && stack.end == STACK_IS_WHOLE) return;
  beginCall();
  ascii(isCut ? "... more calls" : "... no unwind tables from here on");
  endCall();
}

/** Returns false if there are more functions than lines. */
function writeCalls(stack: Stack): bool {
  let lines: u32 = 0;
  for (let at: u32 = 0; at < stack.count && at < CALLS_MAX; ++at) {
    for (let level: u32 = 0, functions = functionsOf(stack, at); level < functions; ++level) {
      if (lines++ == STACK_LINES_MAX) return false;
      beginCall();
      writeFunctionOf(stack, at, level);
      if (level + 1 < functions) ascii(INLINED_SUFFIX);
      endCall();
    }
  }
  return true;
}

function beginCall(): void {
  table.row(SECTION_STACKS);
  table.unsignedCell(number);
  for (let i = 0; i < 5; ++i) table.unknownCell();
  table.beginText();
  ascii("  ");
}

function endCall(): void {
  table.endText(SECTION_STACKS);
  table.textCell("-");
  newline();
}
