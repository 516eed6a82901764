// SPDX-License-Identifier: Apache-2.0
//
// The Owners section: live bytes of each owner by class, live objects by kind, and the change since the last dump. The sum of the
// owners equals the sum of all rows. The sums of an owner, in 64-bit integers:
//
//    ┌────────────────┬─────────────────┬───────┬──────┬─────────┐
//    │ bytes by class │ objects by kind │ total │ last │ lastKey │
//    └────────────────┴─────────────────┴───────┴──────┴─────────┘

import { CLASS_COUNT, CLASS_OBJECT, KIND_COUNT, OWNER_CORE, OWNER_OTHER, OWNERS_MAX } from "../abi";
import { OWNER_TOTALS_SIZE, ownerTotals } from "../base/memory";
import { addToValueAt, valueAt } from "../base/regions";
import { OwnerSlot, Row } from "../base/types";
import { ascii, copy, newline } from "../base/writer";
import { SECTION_OWNERS } from "../format";
import { isRow, knownSites, siteClass, switches } from "../model/model";
import { orderedAt, setOrderedAt } from "../model/order";
import { alive, inUse } from "../model/sums";
import { kindOf, ownerOfSite } from "../registry/name";
import { isOwner, isRetired, ownerKey, ownerLength, ownerText } from "../registry/owner";
import * as table from "./table";

/** Follows the bytes by class and the objects by kind. */
@unmanaged
class Totals {
  total: i64;
  /** The total in the last dump, of the owner whose key is `lastKey`. */
  last: i64;
  lastKey: u64;
}

const OBJECTS: usize = CLASS_COUNT * sizeof<i64>();
const TOTALS: usize = OBJECTS + KIND_COUNT * sizeof<i64>();
/** Size of the sums that each dump computes anew. */
const SUMMED: usize = TOTALS + offsetof<Totals>("last");

if (TOTALS + offsetof<Totals>() != OWNER_TOTALS_SIZE) ERROR("not the size that memory.ts tells");

/** The sum of all rows in the last dump. Includes owners that no longer exist: TOTAL's change must show what they released. */
let lastTotal: i64 = 0;
const NEVER: u32 = u32.MAX_VALUE;
/** Value of `switches` at the last dump; NEVER before the first dump. */
let lastSwitches: u32 = NEVER;

export function reset(): void {
  lastTotal = 0;
  lastSwitches = NEVER;
}

/** Writes the section. Its lines do not count as rows of the dump: they repeat what the tables hold. */
export function renderOwners(): void {
  add();
  const anew = lastSwitches != NEVER && lastSwitches != switches;
  table.title(SECTION_OWNERS);
  if (anew) ascii(" counting began anew since the previous dump, so Change is not known\n");
  else ascii(lastSwitches == NEVER ? " change since tracking began\n" : " change since the previous dump\n");
  table.head(SECTION_OWNERS);
  const count = sortOwners();
  for (let i: u32 = 0; i < count; ++i) {
    const slot = orderedAt(i);
    beginLine(slot, anew);
    copy(ownerText(slot), ownerLength(slot));
    endLine(slot, isRetired(slot) ? "retired" : "loaded");
  }
  for (let slot: OwnerSlot = 0; slot < OWNERS_MAX; ++slot) if (slot != OWNER_CORE) addOwner(OWNER_CORE, slot);
  totalsOf(OWNER_CORE).last = lastTotal;
  beginLine(OWNER_CORE, anew);
  ascii("TOTAL");
  endLine(OWNER_CORE, "");
  keep();
  lastSwitches = switches;
}

function add(): void {
  for (let slot: OwnerSlot = 0; slot < OWNERS_MAX; ++slot) {
    memory.fill(at(slot), 0, SUMMED);
    const totals = totalsOf(slot);
    if (totals.lastKey == ownerKey(slot)) continue;
    totals.lastKey = ownerKey(slot);
    totals.last = 0;
  }
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isRow(row)) continue;
    const slot = ownerOfSite(row);
    const cls = siteClass(row);
    if (cls == CLASS_OBJECT) addToValueAt<i64>(at(slot) + OBJECTS, kindOf(row), alive(row));
    addToValueAt<i64>(at(slot), cls, inUse(row));
    totalsOf(slot).total = totalsOf(slot).total + inUse(row);
  }
}

/** The TOTAL line is computed in the entry of `core`, after core's own line is written; keep() stores core's total anew. */
function addOwner(to: OwnerSlot, from: OwnerSlot): void {
  for (let i: usize = 0; i < SUMMED / sizeof<i64>(); ++i) addToValueAt<i64>(at(to), i, valueAt<i64>(at(from), i));
}

function keep(): void {
  for (let slot: OwnerSlot = 0; slot < OWNERS_MAX; ++slot) {
    memory.fill(at(slot), 0, SUMMED);
    totalsOf(slot).last = 0;
  }
  lastTotal = 0;
  for (let row: Row = 0; row < knownSites(); ++row) {
    if (!isRow(row)) continue;
    const totals = totalsOf(ownerOfSite(row));
    totals.last = totals.last + inUse(row);
    lastTotal += inUse(row);
  }
}

/**
 * Sorts the owners by total, largest first: all that are loaded or keep a site, and `(other plugins)` if it holds memory now or did in
 * the last dump. Returns their number; orderedAt() returns each.
 */
function sortOwners(): u32 {
  let n: u32 = 0;
  for (let slot: OwnerSlot = 0; slot < OWNERS_MAX; ++slot) {
    if (!isOwner(slot) || (slot == OWNER_OTHER && isEmpty(slot))) continue;
    let to = n++;
    for (; to && before(slot, orderedAt(to - 1)); --to) setOrderedAt(to, orderedAt(to - 1));
    setOrderedAt(to, slot);
  }
  return n;
}

function before(a: OwnerSlot, b: OwnerSlot): bool {
  const ta = totalsOf(a).total;
  const tb = totalsOf(b).total;
  return ta != tb ? ta > tb : objectsOf(a) > objectsOf(b);
}

function objectsOf(slot: OwnerSlot): i64 {
  let sum: i64 = 0;
  for (let kind: u32 = 0; kind < KIND_COUNT; ++kind) sum += aliveOfKind(slot, kind);
  return sum;
}

function isEmpty(slot: OwnerSlot): bool {
  return !totalsOf(slot).total && !totalsOf(slot).last && !objectsOf(slot);
}

/** Writes the columns before the owner's name. */
function beginLine(slot: OwnerSlot, anew: bool): void {
  table.row(SECTION_OWNERS);
  table.signedCell(totalsOf(slot).total);
  if (anew) table.unknownCell();
  else table.signedCell(totalsOf(slot).total - totalsOf(slot).last);
  table.beginText();
}

function endLine(slot: OwnerSlot, state: string): void {
  table.endText(SECTION_OWNERS);
  table.textCell(state);
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) table.signedCell(bytesOfClass(slot, cls));
  for (let kind: u32 = 0; kind < KIND_COUNT; ++kind) table.signedCell(aliveOfKind(slot, kind));
  newline();
}

function bytesOfClass(slot: OwnerSlot, cls: u32): i64 {
  return valueAt<i64>(at(slot), cls);
}

function aliveOfKind(slot: OwnerSlot, kind: u32): i64 {
  return valueAt<i64>(at(slot) + OBJECTS, kind);
}

function totalsOf(slot: OwnerSlot): Totals {
  return changetype<Totals>(at(slot) + TOTALS);
}

function at(slot: OwnerSlot): usize {
  return ownerTotals + <usize>slot * OWNER_TOTALS_SIZE;
}
