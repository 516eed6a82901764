// SPDX-License-Identifier: Apache-2.0
//
// Shared code of the specs: a new instance per test, text input and output, random numbers.

import {
  ATTRIBUTES_CLASS_SHIFT,
  ATTRIBUTES_OWNER_SHIFT,
  CLASS_IOBUFFER,
  CLASS_OPENSSL,
  OWNER_CORE,
  PAIR_SIZE,
  RECORD_ALLOCS,
  RECORD_FREES,
  ROLE_CONTROL,
  ROLE_MODEL,
} from "../../assembly/abi";
import { input, output, staging } from "../../assembly/base/memory";
import { position, begin as write } from "../../assembly/base/writer";
import { init, register, registerFile, registerOwner, siteCount } from "../../assembly/index";
import { applyBaseline, mergeAllocs, mergeFrees, start, sumRows, updateNames } from "../../assembly/model/model";
import * as rows from "../../assembly/model/rows";
import { lengthOf, show, textOf } from "../../assembly/registry/name";
import { version } from "../../assembly/registry/registry";
import { render } from "../../assembly/report/dump";
import { siteAt } from "../../assembly/shard/site";

export const IOBUFFER: u64 = CLASS_IOBUFFER << ATTRIBUTES_CLASS_SHIFT;
export const OPENSSL: u64 = CLASS_OPENSSL << ATTRIBUTES_CLASS_SHIFT;

/** At its first use the specs' own allocator takes all memory that there is: that must not be memory of an instance. */
function beginAllocator(): void {
  heap.free(heap.alloc(1));
}

/** A new instance with all roles: a model has the regions of the other roles too. */
export function fresh(sites: u32 = 64): void {
  beginAllocator();
  assert(init(ROLE_MODEL, sites) == 0, "init");
}

/** A new control instance. */
export function freshControl(): void {
  beginAllocator();
  assert(init(ROLE_CONTROL, 0) == 0, "init");
}

/** The text of an answer of this length, from the output region. */
export function answered(length: u32): string {
  return textFrom(output, length);
}

/** Puts a text into the input region. Returns its length in bytes. */
export function put(text: string): u32 {
  return <u32>String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, input);
}

export function textFrom(from: usize, length: usize): string {
  return String.UTF8.decodeUnsafe(from, length);
}

/** The text written since `from`. */
export function written(from: usize): string {
  return textFrom(from, position() - from);
}

export function nameOf(site: u32): string {
  return textFrom(textOf(site), lengthOf(site));
}

/** A site's name as dumps show it. */
export function shownName(site: u32): string {
  write(output, output + 512);
  show(site);
  return written(output);
}

/** Registers an IOBuffer location at a new address. */
export function site(name: string, address: u64 = 0): u32 {
  return register(address ? address : 0x1000 + siteCount(), IOBUFFER, put(name), OWNER_CORE, 0);
}

/** Registers file:line of OpenSSL; the same address means the same file. */
export function opensslSite(file: string, line: u32, address: u64): u32 {
  return register(address, OPENSSL | line, put(file), OWNER_CORE, 0);
}

/** Adds an owner for a loaded module. Returns its key. */
export function owner(text: string): u32 {
  return registerOwner(put(text));
}

/** Adds the file of a loaded module, with its owner's key or OWNER_NONE. Returns 0 or -1. */
export function file(name: string, buildId: string, path: string, key: u32): i32 {
  const lengths = StaticArray.fromArray([name, buildId, path].map<u32>((text) => <u32>String.UTF8.byteLength(text)));
  put(name + buildId + path);
  return registerFile(lengths[0], lengths[1], lengths[2], key);
}

/** The attributes of a site's key: `line` is an object's kind, or the line in an OpenSSL file. */
export function attributes(cls: u32, line: u32, key: u32): u64 {
  return ((<u64>key) << ATTRIBUTES_OWNER_SHIFT) | (cls << ATTRIBUTES_CLASS_SHIFT) | line;
}

/** Registers a plugin's call at a new address. */
export function pluginSite(cls: u32, text: string, key: u32, line: u32 = 0, flags: u32 = 0): u32 {
  return register(0x1000 + siteCount(), attributes(cls, line, key), put(text), key, flags);
}

/** Puts a pair of counters into staging, as a host does that copies it from a shard. */
export function stage(site: u32, count: u64, bytes: u64): void {
  const at = staging + <usize>site * PAIR_SIZE;
  store<u64>(at, count);
  store<u64>(at, bytes, 8);
}

export function unstage(): void {
  memory.fill(staging, 0, <usize>siteCount() * PAIR_SIZE);
}

/** Copies this instance's own counters of all sites into staging. */
export function stageRecords(pair: u32): void {
  for (let site: u32 = 0; site < siteCount(); ++site)
    memory.copy(staging + <usize>site * PAIR_SIZE, changetype<usize>(siteAt(site)) + pair, PAIR_SIZE);
}

/** Gives the names and owners of this instance's registry to its model. */
export function adoptNames(): void {
  assert(updateNames(siteCount(), version()) == 0, "adopt");
}

/** The row that a dump would now have for a site. */
export function rowOf(site: u32): u32 {
  adoptNames();
  return rows.rowOf(site);
}

/** Begins a dump. Names need no copying, because the registry is in this instance. */
export function begin(): void {
  start();
  unstage();
  adoptNames();
}

/** Sums up this instance's own counters, as a dump sums up those of a shard. */
export function collect(): void {
  begin();
  stageRecords(RECORD_FREES);
  mergeFrees(siteCount());
  stageRecords(RECORD_ALLOCS);
  mergeAllocs(siteCount());
  sumRows();
}

/** The steps of a dump after the merges. */
export function sumUp(): void {
  sumRows();
  applyBaseline();
}

/** The text of a dump. */
export function rendered(): string {
  return textFrom(output, render());
}

/** Sums of one site as if from one shard, before applyBaseline(). */
export function sumOne(site: u32, allocs: u64, allocBytes: u64, frees: u64, freeBytes: u64): void {
  begin();
  stage(site, frees, freeBytes);
  mergeFrees(siteCount());
  stage(site, allocs, allocBytes);
  mergeAllocs(siteCount());
  sumRows();
}

export function settleOne(site: u32, allocs: u64, allocBytes: u64, frees: u64, freeBytes: u64): void {
  sumOne(site, allocs, allocBytes, frees, freeBytes);
  applyBaseline();
}

/** Marsaglia, "Xorshift RNGs", J. Statistical Software 8 (2003); the multiplier is Vigna's xorshift64*. */
export class Random {
  constructor(private state: u64) {
    if (!state) this.state = 1;
  }

  next(): u64 {
    this.state ^= this.state >> 12;
    this.state ^= this.state << 25;
    this.state ^= this.state >> 27;
    return this.state * 0x2545f4914f6cdd1d;
  }

  /** Returns a number from 0 to n - 1. */
  below(n: u32): u32 {
    return <u32>((this.next() >> 32) % n);
  }
}

/** The seed of the run: an import, which as-pect.config.js provides under this file's name. */
export declare function seed(): u64;
