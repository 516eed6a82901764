// SPDX-License-Identifier: Apache-2.0
//
// Cells of a table of the server: lines of texts between bars, with heads in the first line.
//
//        Allocated      |        In-Use      | Type Size  |   Free List Name
//                 67108 |              10008 |       2502 | memory/httpSMAllocator

import { BAR } from "./chars";
import * as reader from "./reader";

/** The number of no column. */
export const NO_COLUMN: u32 = u32.MAX_VALUE;

/** Moves the reader to the text of a cell of the line. Returns false if the line has fewer. */
export function toCell(line: usize, bytes: u32, column: u32): bool {
  reader.open(line, bytes);
  for (; column; --column) {
    if (!reader.skipTo("|")) return false;
    reader.skip();
  }
  reader.skipSpaces();
  return true;
}

/** The number in a cell; -1 if there is none. */
export function numberAt(line: usize, bytes: u32, column: u32): i64 {
  if (!toCell(line, bytes, column) || !reader.isDigit(reader.peek())) return -1;
  return <i64>min<u64>(reader.takeUnsigned(), i64.MAX_VALUE);
}

/** The column of a line whose whole text is `head`. */
export function columnOf(line: usize, bytes: u32, head: string): u32 {
  for (let column: u32 = 0; toCell(line, bytes, column); ++column) {
    if (!reader.takeText(head)) continue;
    reader.skipBlanks();
    if (reader.peek() == BAR || reader.peek() == reader.END) return column;
  }
  return NO_COLUMN;
}
