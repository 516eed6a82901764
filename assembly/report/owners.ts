// SPDX-License-Identifier: Apache-2.0
//
// The roll-up: what each owner holds, in bytes by class and in objects by kind, and how that changed since the last dump. The sum of
// the owners is the sum of all rows.

import { CLASS_COUNT, CLASS_HEAP, CLASS_IOBUFFER, CLASS_OBJECT, CLASS_OPENSSL, CLASS_TSAPI } from "../abi";
import { KIND_COUNT, OWNERS_MAX, OWNER_CORE, OWNER_OTHER } from "../abi";
import { order, rollup, ROLLUP_SIZE } from "../base/memory";
import { ascii, byte, copy, signed } from "../base/writer";
import { isRow, knownSites, siteClass } from "../model/model";
import { alive, inUse } from "../model/sums";
import { kindOf, ownerOfSite } from "../registry/name";
import { isOwner, isRetired, ownerKey, ownerLength, ownerText } from "../registry/owner";
import { bar, column, rule } from "./table";

const BYTES: usize = 0; // by class
const OBJECTS: usize = CLASS_COUNT * 8; // by kind
const TOTAL: usize = OBJECTS + KIND_COUNT * 8;
const LAST: usize = TOTAL + 8;
const LAST_KEY: usize = LAST + 8;
const BYTES_WIDTH: i32 = 14;
const OBJECTS_WIDTH: i32 = 8;

/** The sum of all rows in the last dump. The owners of that moment may be gone, what they held is missing all the same. */
let lastTotal: i64 = 0;

export function reset(): void {
  lastTotal = 0;
}

/** Writes the section. Returns nothing to add to the dump's rows: what it shows stands in the tables already. */
export function renderOwners(): void {
  add();
  ascii("\nOwners: bytes in use by class, objects alive by kind; change is that of the total since the last dump\n");
  column("IOBuffer", BYTES_WIDTH);
  column("OpenSSL", BYTES_WIDTH);
  column("TSmalloc", BYTES_WIDTH);
  column("Heap", BYTES_WIDTH);
  column("Total", BYTES_WIDTH);
  column("Change", BYTES_WIDTH);
  column("Conts", OBJECTS_WIDTH);
  column("Mutexes", OBJECTS_WIDTH);
  column("Buffers", OBJECTS_WIDTH);
  column("Readers", OBJECTS_WIDTH);
  column("MBuffers", OBJECTS_WIDTH);
  column("Others", OBJECTS_WIDTH);
  ascii("State   | Owner\n");
  for (let i = 0; i < 6; ++i) rule(BYTES_WIDTH + (i ? 2 : 1), true);
  for (let i = 0; i < <i32>KIND_COUNT; ++i) rule(OBJECTS_WIDTH + 2, true);
  rule(9, true);
  rule(30, false);
  const count = sortOwners();
  for (let i: u32 = 0; i < count; ++i) {
    const slot = numberAt(i);
    line(slot);
    ascii(isRetired(slot) ? "retired | " : "loaded  | ");
    copy(ownerText(slot), ownerLength(slot));
    byte(0x0a);
  }
  for (let slot: u32 = 0; slot < OWNERS_MAX; ++slot) if (slot != OWNER_CORE) addOwner(OWNER_CORE, slot);
  store<i64>(at(OWNER_CORE), lastTotal, LAST);
  line(OWNER_CORE);
  ascii("        | TOTAL\n");
  keep();
}

function add(): void {
  for (let slot: u32 = 0; slot < OWNERS_MAX; ++slot) {
    memory.fill(at(slot), 0, LAST);
    if (load<u64>(at(slot), LAST_KEY) == ownerKey(slot)) continue;
    store<u64>(at(slot), ownerKey(slot), LAST_KEY);
    store<i64>(at(slot), 0, LAST);
  }
  for (let row: u32 = 0; row < knownSites(); ++row) {
    if (!isRow(row)) continue;
    const to = at(ownerOfSite(row));
    const cls = siteClass(row);
    if (cls == CLASS_OBJECT) grow(to + OBJECTS + kindOf(row) * 8, alive(row));
    grow(to + BYTES + cls * 8, inUse(row));
    grow(to + TOTAL, inUse(row));
  }
}

/** The sums that the TOTAL line shows are added up in core's own entry; keep() has seen to what the next dump needs of it. */
function addOwner(to: u32, from: u32): void {
  for (let field = BYTES; field < LAST; field += 8) grow(at(to) + field, load<i64>(at(from) + field));
}

function keep(): void {
  for (let slot: u32 = 0; slot < OWNERS_MAX; ++slot) memory.fill(at(slot), 0, LAST_KEY);
  lastTotal = 0;
  for (let row: u32 = 0; row < knownSites(); ++row) {
    if (!isRow(row)) continue;
    grow(at(ownerOfSite(row)) + LAST, inUse(row));
    lastTotal += inUse(row);
  }
}

/**
 * Owners that are loaded or keep a site, (other plugins) where they hold anything or did in the last dump, by total, largest first.
 * Returns how many; numberAt() tells them.
 */
function sortOwners(): u32 {
  let n: u32 = 0;
  for (let slot: u32 = 0; slot < OWNERS_MAX; ++slot) {
    if (!isOwner(slot) || (slot == OWNER_OTHER && isEmpty(slot))) continue;
    let to = n++;
    for (; to && before(slot, numberAt(to - 1)); --to) setNumber(to, numberAt(to - 1));
    setNumber(to, slot);
  }
  return n;
}

function before(a: u32, b: u32): bool {
  const ta = load<i64>(at(a), TOTAL);
  const tb = load<i64>(at(b), TOTAL);
  return ta != tb ? ta > tb : objectsOf(a) > objectsOf(b);
}

function objectsOf(slot: u32): i64 {
  let sum: i64 = 0;
  for (let kind: u32 = 0; kind < KIND_COUNT; ++kind) sum += load<i64>(at(slot) + OBJECTS + kind * 8);
  return sum;
}

function isEmpty(slot: u32): bool {
  return !load<i64>(at(slot), TOTAL) && !load<i64>(at(slot), LAST) && !objectsOf(slot);
}

function line(slot: u32): void {
  bytes(load<i64>(at(slot), BYTES + CLASS_IOBUFFER * 8));
  bytes(load<i64>(at(slot), BYTES + CLASS_OPENSSL * 8));
  bytes(load<i64>(at(slot), BYTES + CLASS_TSAPI * 8));
  bytes(load<i64>(at(slot), BYTES + CLASS_HEAP * 8));
  bytes(load<i64>(at(slot), TOTAL));
  bytes(load<i64>(at(slot), TOTAL) - load<i64>(at(slot), LAST));
  for (let kind: u32 = 0; kind < KIND_COUNT; ++kind) {
    signed(load<i64>(at(slot) + OBJECTS + kind * 8), OBJECTS_WIDTH);
    bar();
  }
}

function bytes(value: i64): void {
  signed(value, BYTES_WIDTH);
  bar();
}

function grow(to: usize, by: i64): void {
  store<i64>(to, load<i64>(to) + by);
}

function at(slot: u32): usize {
  return rollup + <usize>slot * ROLLUP_SIZE;
}

function numberAt(position: u32): u32 {
  return load<u32>(order + ((<usize>position) << 2));
}

function setNumber(position: u32, slot: u32): void {
  store<u32>(order + ((<usize>position) << 2), slot);
}
