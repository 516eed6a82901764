// SPDX-License-Identifier: Apache-2.0
//
// The text of a dump, from the sums since arming. The tables are those of the server's built-in tracker, byte for byte in its
// format (src/tscore/ink_resource.cc, ResourceTracker::dump), so that what reads those reads these. One such table for each class,
// the IOBuffers first; then what the built-in prints of OpenSSL at level 2; then our own sections.

import { CLASS_COUNT, CLASS_HEAP, CLASS_IOBUFFER, CLASS_OBJECT, CLASS_OPENSSL, CLASS_TSAPI } from "../abi";
import { ARMING, usualBaseline } from "../analysis/baseline";
import { judgeAll } from "../analysis/sample";
import { SPACE } from "../base/chars";
import { output, outputEnd, RANKED_MAX } from "../base/memory";
import { Row } from "../base/types";
import { ascii, begin, copy, newline, overflowed, padRight, position, repeat, signed, unsigned } from "../base/writer";
import { level, verifying } from "../model/facts";
import { isAnyArmed, isArmed, preArmingBytes, preArmingFrees } from "../model/model";
import { orderedAt, sortRows } from "../model/order";
import { alive, allocBytes, allocs, freeBytes, frees, inUse } from "../model/sums";
import { samples } from "../model/timeline";
import { kindOf, lengthOf, ownerOfSite, textOf } from "../registry/name";
import { isRetired } from "../registry/owner";
import { renderAges } from "./ages";
import { renderGrowth, renderOwnersGrowth } from "./growth";
import { renderEnd, renderHeader } from "./header";
import { className, kindName } from "./labels";
import { renderOwners } from "./owners";
import { renderReconciliation } from "./reconciliation";
import { renderSuspects } from "./suspects";
import { bar, column, padded, rule } from "./table";
import { renderVerify } from "./verify_section";

/** Rows that changed, of those a dump shows; one that was asked for as a difference shows more. */
const GROWTH_ROWS: u32 = 20;
/** Sites whose ages a dump shows; likewise. */
const AGES_ROWS: u32 = 20;
const UNSELECTED: i32 = -1;

let selected: i32 = UNSELECTED;

/** Makes the growth of the next dump that since another baseline, all rows of it: baselineNamed() told its number. */
export function selectBaseline(slot: u32): void {
  selected = slot <= ARMING ? <i32>slot : UNSELECTED;
}

/** Writes the dump into the output region. Returns its length in bytes, or 0 where it did not fit. */
export function render(): u32 {
  const asked = selected != UNSELECTED;
  const baseline = asked ? <u32>selected : usualBaseline();
  selected = UNSELECTED;
  begin(output, outputEnd);
  renderHeader();
  let rows: u32 = 0;
  if (level() >= 1) rows += table(CLASS_IOBUFFER);
  if (level() >= 2) {
    rows += table(CLASS_OPENSSL);
    summary();
  }
  if (level() >= 1) {
    rows += plugins(CLASS_TSAPI, "TSmalloc memory of plugins\n");
    rows += plugins(CLASS_HEAP, "Heap memory of plugins\n");
    rows += objects();
    renderOwners();
  }
  if (samples && isAnyArmed()) {
    judgeAll();
    renderGrowth(baseline, asked ? RANKED_MAX : GROWTH_ROWS);
    renderOwnersGrowth(baseline);
    renderSuspects();
    renderAges(asked ? RANKED_MAX : AGES_ROWS);
    renderReconciliation();
  }
  older();
  if (verifying()) renderVerify();
  renderEnd(rows);
  return overflowed() ? 0 : <u32>(position() - output);
}

/** A class that only plugins have: nothing, where none has any. */
function plugins(cls: u32, title: string): u32 {
  if (!sortRows(cls)) return 0;
  newline();
  ascii(title);
  return rowsOf(cls);
}

function table(cls: u32): u32 {
  newline();
  return rowsOf(cls);
}

function rowsOf(cls: u32): u32 {
  column("Allocs", 10);
  column("Frees", 10);
  column("Size In-use", 20);
  column("Avg Size", 10);
  location("Location");
  rule(11, true);
  rule(12, true);
  rule(22, true);
  rule(12, true);
  rule(68, false);
  const count = sortRows(cls);
  let total: i64 = 0;
  for (let i: u32 = 0; i < count; ++i) {
    const row = orderedAt(i);
    const count = alive(row);
    unsigned(allocs(row), 10);
    bar();
    unsigned(frees(row), 10);
    bar();
    signed(inUse(row), 20);
    bar();
    signed(count > 0 ? inUse(row) / count : 0, 10);
    bar();
    name(row);
    total += inUse(row);
  }
  repeat(SPACE, 26);
  signed(total, 20);
  ascii(" |            | ");
  location("TOTAL");
  rule(62 + 68, false);
  return count;
}

/** What the built-in prints at level 2, where its numbers are always 0: the sums of the OpenSSL table. */
function summary(): void {
  let allocated: u64 = 0;
  let freed: u64 = 0;
  const count = sortRows(CLASS_OPENSSL);
  for (let i: u32 = 0; i < count; ++i) {
    allocated += allocBytes(orderedAt(i));
    freed += freeBytes(orderedAt(i));
  }
  newline();
  column("Total Allocated", 20);
  column("Total Freed", 20);
  column("Currently Allocated", 20);
  padded("Type", 20);
  newline();
  summaryRule();
  unsigned(allocated, 20);
  bar();
  unsigned(freed, 20);
  bar();
  signed(<i64>(allocated - freed), 20);
  bar();
  location("SSL Allocated Memory");
  summaryRule();
}

function summaryRule(): void {
  rule(21, true);
  rule(22, true);
  rule(22, true);
  rule(22, false);
}

function objects(): u32 {
  const count = sortRows(CLASS_OBJECT);
  if (!count) return 0;
  ascii("\nObjects of plugins\n");
  ascii("Created    | Destroyed  | Alive      | Kind             | Location\n");
  ascii("-----------|------------|------------|------------------|------------------------------\n");
  for (let i: u32 = 0; i < count; ++i) {
    const row = orderedAt(i);
    unsigned(allocs(row), 10);
    bar();
    unsigned(frees(row), 10);
    bar();
    signed(alive(row), 10);
    bar();
    padded(kindName(kindOf(row)), 16);
    bar();
    name(row);
  }
  return count;
}

/** Releases of memory whose allocation no site was charged with. */
function older(): void {
  let any = false;
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) if (anyOlder(cls)) any = true;
  if (!any) return;
  ascii("\nReleased since arming, allocated before it or by others: in no row above\n");
  ascii("Frees      | Size                 | Class\n");
  ascii("-----------|----------------------|----------\n");
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) {
    if (!anyOlder(cls)) continue;
    unsigned(preArmingFrees(cls), 10);
    bar();
    unsigned(preArmingBytes(cls), 20);
    bar();
    ascii(className(cls));
    newline();
  }
}

/** Bytes can show it before the counts do: where a large buffer went and a small one came. */
function anyOlder(cls: u32): bool {
  return isArmed(cls) && (preArmingFrees(cls) != 0 || preArmingBytes(cls) != 0);
}

/** A row's last column. */
function name(row: Row): void {
  const from = position();
  copy(textOf(row), lengthOf(row));
  if (isRetired(ownerOfSite(row))) ascii(" [retired]");
  padRight(from, 50);
  newline();
}

function location(text: string): void {
  padded(text, 50);
  newline();
}
