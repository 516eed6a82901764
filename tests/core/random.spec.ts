// SPDX-License-Identifier: Apache-2.0
//
// Random operations compared with a simple model: a Map from names to counters. At each comparison the result of the core's table,
// registry, merge, arming and detection of older memory must equal it, row by row and in the totals.

import {
  CLASS_COUNT,
  CLASS_IOBUFFER,
  CLASS_OPENSSL,
  FROZEN_SITES,
  OWNER_CORE,
  SITE_FIRST,
  SITE_OTHER,
  SITE_PRE_ARMING,
  SITE_UNKNOWN,
} from "../../assembly/abi";
import { slots } from "../../assembly/base/memory";
import { applyBaseline, arm, preArmingBytes, preArmingFrees } from "../../assembly/model/model";
import { orderedAt, sortRows } from "../../assembly/model/order";
import { allocBytes, allocs, freeBytes, frees, inUse } from "../../assembly/model/sums";
import { refusals, register, siteCount } from "../../assembly/registry/registry";
import { freeze, insertKey, recordAlloc, recordBufferEvent, recordFree } from "../../assembly/shard/shard";
import { collect, fresh, IOBUFFER, nameOf, OPENSSL, put, Random, seed } from "./support";

/** A row of the model: its counts, the counts at the arming, and the older memory found. */
class Shadow {
  allocs: i64 = 0;
  allocBytes: i64 = 0;
  frees: i64 = 0;
  freeBytes: i64 = 0;
  allocs0: i64 = 0;
  allocBytes0: i64 = 0;
  frees0: i64 = 0;
  freeBytes0: i64 = 0;
  preArming: i64 = 0;
  preArmingBytes: i64 = 0;

  constructor(readonly cls: u32) {}

  arm(): void {
    this.allocs0 = this.allocs;
    this.allocBytes0 = this.allocBytes;
    this.frees0 = this.frees;
    this.freeBytes0 = this.freeBytes;
    this.preArming = 0;
    this.preArmingBytes = 0;
  }

  classify(): void {
    this.preArming = max(this.preArming, this.frees - this.frees0 - (this.allocs - this.allocs0));
    this.preArmingBytes = max(this.preArmingBytes, this.freeBytes - this.freeBytes0 - (this.allocBytes - this.allocBytes0));
  }

  shownFrees(): i64 {
    return this.frees - this.frees0 - this.preArming;
  }

  shownInUse(): i64 {
    return this.allocBytes - this.allocBytes0 - (this.freeBytes - this.freeBytes0 - this.preArmingBytes);
  }
}

/** A live block. */
class Block {
  constructor(
    readonly name: string,
    readonly address: u64,
    readonly site: u32,
    readonly size: u64,
  ) {}
}

let rows = new Map<string, Shadow>();
let untagged: u64 = 0;
let untaggedBytes: u64 = 0;
let mistakes = 0;

function row(name: string, cls: u32): Shadow {
  if (!rows.has(name)) rows.set(name, new Shadow(cls));
  return rows.get(name);
}

function check(right: bool, what: string): void {
  if (right) return;
  if (mistakes++ < 5) trace("MEMTRACK_SEED=" + seed().toString() + ": " + what);
}

function otherName(cls: u32): string {
  return nameOf(SITE_OTHER + cls);
}

/** The host's steps for a key unknown to the shard. */
function learn(address: u64, attributes: u64, text: string): void {
  const number = register(address, attributes, put(text), OWNER_CORE, 0);
  if (number >= SITE_FIRST) insertKey(number, address, attributes);
  else freeze(FROZEN_SITES);
}

/** Compares every row of a dump, and the sums of all rows, with the model. */
function classify(): void {
  collect();
  applyBaseline();
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) {
    const names = rows.keys();
    let expected: u32 = 0;
    let older: i64 = 0;
    let olderBytes: i64 = 0;
    for (let i = 0; i < names.length; ++i) {
      const shadow = rows.get(names[i]);
      if (shadow.cls != cls) continue;
      shadow.classify();
      older += shadow.preArming;
      olderBytes += shadow.preArmingBytes;
      if (shadow.allocs != shadow.allocs0 || shadow.shownFrees() != 0) ++expected;
    }
    const count = sortRows(cls);
    check(count == expected, "rows: " + count.toString() + ", expected " + expected.toString());
    for (let i: u32 = 0; i < count; ++i) {
      const number = orderedAt(i);
      const name = nameOf(number);
      if (!rows.has(name)) {
        check(false, "an unknown row " + name);
        continue;
      }
      const shadow = rows.get(name);
      check(<i64>allocs(number) == shadow.allocs - shadow.allocs0, "allocs of " + name);
      check(<i64>allocBytes(number) == shadow.allocBytes - shadow.allocBytes0, "bytes allocated of " + name);
      check(<i64>frees(number) == shadow.shownFrees(), "frees of " + name);
      check(<i64>freeBytes(number) == shadow.freeBytes - shadow.freeBytes0 - shadow.preArmingBytes, "bytes released of " + name);
      check(inUse(number) == shadow.shownInUse(), "in-use of " + name);
      check(inUse(number) >= 0, "below zero: " + name);
      if (i > 0) check(inUse(orderedAt(i - 1)) >= inUse(number), "the order at " + name);
    }
    check(preArmingFrees(cls) == <u64>older + (cls == CLASS_OPENSSL ? untagged : 0), "older memory, count");
    check(preArmingBytes(cls) == <u64>olderBytes + (cls == CLASS_OPENSSL ? untaggedBytes : 0), "older memory, bytes");
  }
}

function armClass(cls: u32): void {
  collect();
  arm(cls);
  const names = rows.keys();
  for (let i = 0; i < names.length; ++i) if (rows.get(names[i]).cls == cls) rows.get(names[i]).arm();
  if (cls == CLASS_OPENSSL) untagged = untaggedBytes = 0;
}

/** Runs `operations` at `places` locations, in a table for `sites`. */
function run(sites: u32, places: u32, operations: u32, salt: u64): void {
  const random = new Random(seed() ^ (salt * 0x9e3779b97f4a7c15));
  fresh(sites);
  rows = new Map<string, Shadow>();
  untagged = untaggedBytes = 0;
  mistakes = 0;
  const buffers: Block[] = [];
  const blocks: Block[] = [];
  const dice: u32 = 1000;
  for (let i: u32 = 0; i < operations; ++i) {
    const what = random.below(dice);
    const size = random.below(10) ? <u64>random.below(1 << (1 + random.below(20))) : 0;
    // A third of the places share their name with another place.
    const number = random.below(places);
    const address = 0x5500_0000_0000 + <u64>number * 8;
    const name = number % 3 ? number : number / 2;
    if (what < 300) {
      let text = "memory/IOBuffer/File" + (name % 17).toString() + ".cc:" + name.toString();
      let charged = recordBufferEvent(address, size);
      if (charged == SITE_UNKNOWN) {
        learn(address, IOBUFFER, text);
        charged = recordBufferEvent(address, size);
      }
      check(charged != SITE_UNKNOWN, "an event was not counted");
      if (charged < SITE_FIRST) text = otherName(CLASS_IOBUFFER);
      const shadow = row(text, CLASS_IOBUFFER);
      ++shadow.allocs;
      shadow.allocBytes += size;
      if (size) buffers.push(new Block(text, address, charged, size));
    } else if (what < 550) {
      if (!buffers.length) continue;
      const buffer = take(buffers, random);
      check(
        recordBufferEvent(buffer.address, -(<i64>buffer.size)) == buffer.site,
        "a release was charged to another site than its allocation",
      );
      const shadow = rows.get(buffer.name);
      ++shadow.frees;
      shadow.freeBytes += buffer.size;
    } else if (what < 780) {
      const line = name % 50;
      const file = 0x7f00_0000_0000 + <u64>(name / 50) * 32;
      let text = "memory/OpenSSL/crypto/f" + (name / 50).toString() + ".c:" + line.toString();
      let charged = recordAlloc(file, OPENSSL | line, size);
      if (charged == SITE_UNKNOWN) {
        learn(file, OPENSSL | line, "../crypto/f" + (name / 50).toString() + ".c");
        charged = recordAlloc(file, OPENSSL | line, size);
      }
      check(charged != SITE_UNKNOWN, "an allocation was not counted");
      if (charged < SITE_FIRST) text = otherName(CLASS_OPENSSL);
      const shadow = row(text, CLASS_OPENSSL);
      ++shadow.allocs;
      shadow.allocBytes += size;
      blocks.push(new Block(text, 0, charged, size));
    } else if (what < 980) {
      if (!blocks.length) continue;
      const block = take(blocks, random);
      check(recordFree(block.site, block.size) == block.site, "a release was refused");
      const shadow = rows.get(block.name);
      ++shadow.frees;
      shadow.freeBytes += block.size;
    } else if (what < 997) {
      recordFree(SITE_PRE_ARMING + CLASS_OPENSSL, size);
      ++untagged;
      untaggedBytes += size;
    } else if (what < 999) {
      classify();
    } else if (random.below(4) == 0) {
      armClass(random.below(CLASS_COUNT));
    }
  }
  classify();
  check(siteCount() <= slots, "more sites than there is room for");
  if (places > 2 * sites) check(refusals() != 0, "the table was to be full");
  expect(mistakes).toBe(0, "MEMTRACK_SEED=" + seed().toString());
}

/** Removes a random element. */
function take(from: Block[], random: Random): Block {
  const at = random.below(from.length);
  const block = from[at];
  from[at] = from[from.length - 1];
  from.pop();
  return block;
}

describe("random operations", () => {
  test("equal a Map of sites, in a table with room for all", () => {
    run(4096, 1000, 60000, 1);
  });
  test("equal a Map of sites, in a table that is much too small", () => {
    run(64, 5000, 60000, 2);
  });
  test("equal a Map of sites, in a table that is exactly full", () => {
    run(200, 130, 30000, 3);
  });
  test("equal a Map of sites, with all events at a few sites", () => {
    run(64, 5, 30000, 4);
  });
});
