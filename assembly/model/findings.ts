// SPDX-License-Identifier: Apache-2.0
//
// What the search for references (assembly/search) found last of each site that it watches. The host passes its packets from the search
// instance to the model.
//
//    0      4       8        12        16    20     24         28     32       36        40       44
//    ┌──────┬───────┬────────┬─────────┬─────┬──────┬──────────┬──────┬────────┬─────────┬────────┐
//    │ site │ flags │ passes │ watched │ old │ lost │ probably │ held │ unsure │ chained │ length │
//    └──────┴───────┴────────┴─────────┴─────┴──────┴──────────┴──────┴────────┴─────────┴────────┘
//   48 blocks       56 estimate       64 expected       72 epochs, a bit for each       88 time       96 chain, until 424
//
// A row may have several sites: their numbers are summed. Of their chains the one counts that holds most blocks.

import {
  CHAIN_SITE,
  CLASS_MAPPED,
  CLASS_OBJECT,
  FINDING_BLOCKS,
  FINDING_CHAIN,
  FINDING_CHAINED,
  FINDING_EPOCHS,
  FINDING_ESTIMATE,
  FINDING_EXPECTED,
  FINDING_FLAGS,
  FINDING_HELD,
  FINDING_IS_BLIND,
  FINDING_LENGTH,
  FINDING_LOST,
  FINDING_OLD,
  FINDING_PASSES,
  FINDING_PROBABLY,
  FINDING_SITE,
  FINDING_SIZE,
  FINDING_TIME,
  FINDING_UNSURE,
  FINDING_WATCHED,
  GAP_NONE,
  SEARCHED_MAX,
} from "../abi";
import { blindSites, findings, FINDING_TEXT_SIZE, holderTexts, input, slots } from "../base/memory";
import { SPACE } from "../base/chars";
import * as reader from "../base/reader";
import { setValueAt, valueAt } from "../base/regions";
import { Row, Site } from "../base/types";
import { CLASS_NAMES, CORE_PREFIX, KIND_NAMES, PLUGIN_PREFIX } from "../format";
import { classOfName, kindOf, lengthOf, textOf } from "../registry/name";
import { followGrowth, growthAt, passesSince } from "./found_growth";
import { lastingGap } from "./gaps";
import { rowOf } from "./rows";
import { totalAlive } from "./sums";
import { samples } from "./timeline";

const HELD_BY: string = "held by ";

/** Number of entries in use, and the entry that the next packet of a site without one replaces, once all are. */
let count: u32 = 0;
let oldest: u32 = 0;

/** When the search last asked what to watch: the number of samples then. */
let askedAt: u32 = 0;
/** Samples without a question after which there is no search. */
const SILENCE: u32 = 16;

export function findingsReset(): void {
  count = oldest = 0;
  askedAt = 0;
}

/** The search asks what to watch. */
export function noteSearch(): void {
  askedAt = samples;
}

/** Whether something searches, and can find something. */
export function isSearching(): bool {
  return askedAt != 0 && samples - askedAt < SILENCE && lastingGap() == GAP_NONE;
}

/** Takes the packet of one site, in the input region, at this time in seconds. Returns 0, or -1 if it is none. */
export function takeFindings(length: u32, now: u64): i32 {
  if (length < FINDING_CHAIN || length > FINDING_SIZE) return -1;
  const site = load<u32>(input, FINDING_SITE);
  if (site >= slots || load<u32>(input, FINDING_LENGTH) > length - FINDING_CHAIN) return -1;
  const passes = load<u32>(input, FINDING_PASSES);
  const before = find(site);
  const isKnown = before && load<u32>(before, FINDING_PASSES) == passes;
  store<u64>(input, isKnown ? load<u64>(before, FINDING_TIME) : passes ? now : 0, FINDING_TIME);
  const at = before || entryOf();
  followGrowth(indexOf(at), at);
  memory.copy(at, input, length);
  if (load<u32>(at, FINDING_FLAGS) & FINDING_IS_BLIND) markBlind(site);
  return 0;
}

/** The search can say nothing of a site from now on, until the process ends. */
export function markBlind(site: Site): void {
  if (site < slots) setValueAt<u8>(blindSites, site, 1);
}

/** Forgets what was found of a site: its number belongs to another from now on, or its memory is older than what is counted. */
export function findingsForget(site: Site): void {
  const at = find(site);
  if (at) memory.fill(at + FINDING_FLAGS, 0, FINDING_SIZE - FINDING_FLAGS);
}

/** Forgets that the search is blind at a site: its number belongs to another from now on. */
export function blindForget(site: Site): void {
  if (site < slots) setValueAt<u8>(blindSites, site, 0);
}

/** Sites of which the search knows something, in no order. */
export function searchedSites(): u32 {
  return count;
}
export function searchedSite(index: u32): Site {
  return load<u32>(findings + index * FINDING_SIZE, FINDING_SITE);
}

/** Complete passes that watched a site since the first call in an epoch. */
export function passesInEpoch(index: u32, epoch: u32): u32 {
  return passesSince(growthAt(index), epoch, load<u32>(findings + index * FINDING_SIZE, FINDING_PASSES));
}

/** Returns true once for each search of a site. */
export function takeYoung(index: u32): bool {
  const taken = growthAt(index).young;
  growthAt(index).young = true;
  return !taken;
}

/** Whether a complete pass over memory watched the row. */
export function isSearched(row: Row): bool {
  return passesOf(row) != 0;
}

/** Complete passes that watched the row. */
export function passesOf(row: Row): u32 {
  let most: u32 = 0;
  for (let at = first(row); at; at = next(at, row)) most = max(most, load<u32>(at, FINDING_PASSES));
  return most;
}

/** When the last complete pass ended that watched the row. */
export function lastPassOf(row: Row): u64 {
  let last: u64 = 0;
  for (let at = first(row); at; at = next(at, row)) last = max(last, load<u64>(at, FINDING_TIME));
  return last;
}

/**
 * Blocks of the sample: all of them, and of these those that would be called lost by now, the lost, the probably lost, the held and those of
 * which neither is sure.
 */
export function watchedOf(row: Row): u32 {
  return sum(row, FINDING_WATCHED);
}
export function oldOf(row: Row): u32 {
  return sum(row, FINDING_OLD);
}
export function lostOf(row: Row): u32 {
  return sum(row, FINDING_LOST);
}
export function probablyLostOf(row: Row): u32 {
  return sum(row, FINDING_PROBABLY);
}
export function heldOf(row: Row): u32 {
  return sum(row, FINDING_HELD);
}
export function unsureOf(row: Row): u32 {
  return sum(row, FINDING_UNSURE);
}

/** Number of different epochs in which the lost blocks of the sample were allocated. */
export function lostEpochsOf(row: Row): u32 {
  let low: u64 = 0;
  let high: u64 = 0;
  for (let at = first(row); at; at = next(at, row)) {
    low |= load<u64>(at, FINDING_EPOCHS);
    high |= load<u64>(at, FINDING_EPOCHS + 8);
  }
  return <u32>(popcnt<u64>(low) + popcnt<u64>(high));
}

/** Live blocks of the row that the last pass found. */
export function blocksOf(row: Row): u64 {
  return sumLong(row, FINDING_BLOCKS);
}

/** Lost blocks of the whole row, at least. */
export function lostEstimateOf(row: Row): u64 {
  return sumLong(row, FINDING_ESTIMATE);
}

/** Lost blocks of the whole row, if its old blocks are as those of the sample. */
export function expectedLostOf(row: Row): u64 {
  return sumLong(row, FINDING_EXPECTED);
}

/** Lost blocks, at least, some passes ago. */
export function earlierEstimateOf(row: Row): u64 {
  let all: u64 = 0;
  for (let at = first(row); at; at = next(at, row)) all += growthAt(indexOf(at)).earlierEstimate;
  return all;
}

/** Blocks that the counters have alive of the row's searched sites, and those that they had some passes ago. */
export function searchedAliveOf(row: Row): u64 {
  let all: u64 = 0;
  for (let at = first(row); at; at = next(at, row)) all += totalAlive(load<u32>(at, FINDING_SITE));
  return all;
}
export function earlierAliveOf(row: Row): u64 {
  let all: u64 = 0;
  for (let at = first(row); at; at = next(at, row)) all += growthAt(indexOf(at)).earlierAlive;
  return all;
}

/** Whether the search cannot tell what of the row is lost. */
export function isBlind(row: Row): bool {
  for (let site: Site = row; site < slots; ++site) if (valueAt<u8>(blindSites, site) && rowOf(site) == row) return true;
  return false;
}

/** Of the held blocks of the sample those that the chain of holderText() holds, in per cent. */
export function holderShareOf(row: Row): u32 {
  const held = heldOf(row);
  const at = best(row);
  return held && at ? min<u32>(100, (100 * load<u32>(at, FINDING_CHAINED)) / held) : 0;
}

/** Bytes of holderText(); 0 if nothing is known that holds the row. */
export function holderLength(row: Row): u32 {
  return writeHolder(row);
}

/**
 * `held by foo.so cache_insert (foo.c:120) <- foo.so table (.bss)`: the chain that holds most blocks of the row. Valid until the next call
 * of holderLength() or holderText().
 */
export function holderText(row: Row): usize {
  writeHolder(row);
  return holderTexts;
}

let end: usize = 0;

/** Writes the text. Not by base/writer, with which the caller writes a dump. */
function writeHolder(row: Row): u32 {
  const at = best(row);
  end = holderTexts;
  if (!at) return 0;
  for (let i = 0; i < HELD_BY.length; ++i) put(HELD_BY.charCodeAt(i));
  const stop = at + FINDING_CHAIN + load<u32>(at, FINDING_LENGTH);
  for (let from = at + FINDING_CHAIN; from < stop; ++from) {
    const byte = <u32>load<u8>(from);
    if (byte != CHAIN_SITE) put(byte);
    else if (from + 2 < stop) {
      putName(load<u16>(from, 1));
      from += 2;
    }
  }
  return <u32>(end - holderTexts);
}

/** A site's name without the beginning that all names of plugins have; of objects with their kind, of mapped memory with its class. */
function putName(site: Site): void {
  if (site >= slots || !lengthOf(site)) return;
  if (classOfName(site) == CLASS_OBJECT) putWord(KIND_NAMES[min(kindOf(site), <u32>KIND_NAMES.length - 1)]);
  if (classOfName(site) == CLASS_MAPPED) putWord(CLASS_NAMES[CLASS_MAPPED]);
  const length = lengthOf(site);
  let from = textOf(site);
  const stop = from + length;
  if (reader.begins(from, length, PLUGIN_PREFIX)) from += PLUGIN_PREFIX.length;
  else if (reader.begins(from, length, CORE_PREFIX)) from += CORE_PREFIX.length;
  for (; from < stop; ++from) put(load<u8>(from));
}

function putWord(word: string): void {
  for (let i = 0; i < word.length; ++i) put(word.charCodeAt(i));
  put(SPACE);
}

function put(byte: u32): void {
  if (end < holderTexts + FINDING_TEXT_SIZE) store<u8>(end++, <u8>byte);
}

/** The row's entry whose chain holds most blocks; 0 if none has a chain. */
function best(row: Row): usize {
  let found: usize = 0;
  for (let at = first(row); at; at = next(at, row)) {
    if (!load<u32>(at, FINDING_LENGTH)) continue;
    if (!found || load<u32>(at, FINDING_CHAINED) > load<u32>(found, FINDING_CHAINED)) found = at;
  }
  return found;
}

function sum(row: Row, field: u32): u32 {
  let all: u32 = 0;
  for (let at = first(row); at; at = next(at, row)) all += load<u32>(at + field);
  return all;
}

function sumLong(row: Row, field: u32): u64 {
  let all: u64 = 0;
  for (let at = first(row); at; at = next(at, row)) all += load<u64>(at + field);
  return all;
}

/** The first entry of a row, and the next; 0 behind the last. */
function first(row: Row): usize {
  return next(findings - FINDING_SIZE, row);
}
function next(after: usize, row: Row): usize {
  for (let at = after + FINDING_SIZE; at < findings + count * FINDING_SIZE; at += FINDING_SIZE) {
    if (rowOf(load<u32>(at, FINDING_SITE)) == row) return at;
  }
  return 0;
}

function indexOf(at: usize): u32 {
  return <u32>((at - findings) / FINDING_SIZE);
}

/** An entry for a site without one: one that is free, or else the oldest. */
function entryOf(): usize {
  if (count < SEARCHED_MAX) return findings + count++ * FINDING_SIZE;
  const at = findings + oldest * FINDING_SIZE;
  oldest = (oldest + 1) % SEARCHED_MAX;
  return at;
}

function find(site: Site): usize {
  for (let at = findings; at < findings + count * FINDING_SIZE; at += FINDING_SIZE) {
    if (load<u32>(at, FINDING_SITE) == site) return at;
  }
  return 0;
}
