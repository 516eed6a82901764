// SPDX-License-Identifier: Apache-2.0
//
// A shard: the counters of one thread, written by that thread alone. This file is the hot path: one lookup, one record, two stores.
// It allocates nothing and knows no other shard; the model adds the shards up (model.ts).
//
// For an unknown key the shard counts nothing and returns SITE_UNKNOWN. The host then asks the registry, tells this shard with
// insertKey(), and calls again. Once the registry is full and this shard has all of its keys, the host calls freeze(). From then on
// the shard charges an unknown key to a row (other) without asking: to the row of its class and of the owner whose code is running,
// or else to the row of its class.
//
// Blocks with a tag also have an epoch. The records alone count blocks of the present epoch; the buckets (bucket.ts) also count
// older blocks. The host publishes epochs. A shard advances to the published epochs before its next allocation, and before it
// releases a block of a later epoch than its present one: its young blocks then move into a bucket. Every block is thus counted in
// its own epoch, no matter when each shard advances, and the sums over all shards are exact by bucket.

import {
  ATTRIBUTES_CLASS_SHIFT,
  CLASS_IOBUFFER,
  FROZEN_ALL,
  FROZEN_SITES,
  OTHER_ADDRESS,
  SITE_FIRST,
  SITE_OTHER,
  SITE_UNKNOWN,
} from "../abi";
import { buckets, slots } from "../base/memory";
import { recordAt } from "../base/regions";
import { Site } from "../base/types";
import { addOld, advanceBuckets, advanceBucketsByOne, bucketMap, Buckets, mergedBucket, subtractOld } from "./bucket";
import { bucketOf, presentOf } from "./epoch";
import {
  addAlloc,
  addCounts,
  addFree,
  addSigned,
  aliveOf,
  attributesOfOther,
  classOf,
  hasCounted,
  hasOther,
  inUseOf,
  siteAt,
} from "./site";
import { find, findFirst, findNear, insert, reset as resetTable, setSampled } from "./table";

const IOBUFFER: u64 = CLASS_IOBUFFER << ATTRIBUTES_CLASS_SHIFT;

/** The epochs to which this shard has advanced. */
export let epochs: u64 = 0;

let frozen: u32 = 0;

export function reset(): void {
  frozen = 0;
  epochs = 0;
  resetTable();
}

/**
 * Counts an IOBuffer event as the server reports it.
 * @param address of the location's text in the host
 * @param size bytes; negative for a release; 0 counts as an allocation, as in the built-in tracker
 * @returns the charged site, or SITE_UNKNOWN (nothing was counted)
 */
export function recordBufferEvent(address: u64, size: i64): Site {
  const site = lookup(address, IOBUFFER);
  if (site != SITE_UNKNOWN) addSigned(siteAt(site), size);
  return site;
}

/**
 * Like recordBufferEvent(), for a key in the first two slots of its probe, which hold nearly every key. Otherwise returns
 * SITE_UNKNOWN, and the host calls recordBufferEvent(). Without a loop or a call, so that a host can inline it.
 */
export function recordBufferEventFast(address: u64, size: i64): Site {
  const site = findNear(address, IOBUFFER);
  if (site == SITE_UNKNOWN) return site;
  addSigned(siteAt(site), size);
  return site;
}

/**
 * Counts an allocation in the present epoch. Its release must pass the returned site and this epoch.
 * @returns the charged site, or SITE_UNKNOWN (nothing was counted)
 */
export function recordAlloc(address: u64, attributes: u64, size: u64): Site {
  const site = lookup(address, attributes);
  if (site != SITE_UNKNOWN) addAlloc(siteAt(site), size);
  return site;
}

/** Like recordAlloc(), for a key in the first slot of its probe; otherwise SITE_UNKNOWN. */
export function recordAllocFast(address: u64, attributes: u64, size: u64): Site {
  const site = findFirst(address, attributes);
  if (site == SITE_UNKNOWN) return site;
  addAlloc(siteAt(site), size);
  return site;
}

/**
 * Counts the release of a block of the present epoch, for the site that allocated it.
 * @returns the site, or SITE_UNKNOWN if no such site can exist (nothing was counted)
 */
export function recordFree(site: Site, size: u64): u32 {
  if (site >= slots) return SITE_UNKNOWN;
  // `slots` is at most 65,536, so the mask changes nothing; it lets a compiler prove that the record is within the memory.
  addFree(siteAt(site & 0xffff), size);
  return site;
}

/** Like recordFree(), for a block of an older epoch. An epoch that this shard does not know yet counts as the present epoch. */
export function recordFreeOld(site: Site, epoch: u32, size: u64): u32 {
  if (site >= slots) return SITE_UNKNOWN;
  const within = site & 0xffff;
  if (epoch < presentOf(epochs)) subtractOld(bucketsAt(within), bucketOf(epochs, epoch), size);
  addFree(siteAt(within), size);
  return site;
}

/**
 * Counts that memory of a site and an epoch has grown, or shrunk, without an allocation or a release: what grows counts as allocated
 * bytes, what shrinks as released ones. Its release must then pass its size of that time.
 * @returns the site, or SITE_UNKNOWN
 */
export function recordResize(site: Site, epoch: u32, change: i64): u32 {
  if (site >= slots) return SITE_UNKNOWN;
  if (epoch < presentOf(epochs)) addOld(bucketsAt(site), bucketOf(epochs, epoch), 0, change);
  if (change > 0) addCounts(siteAt(site), 0, change, 0, 0);
  else addCounts(siteAt(site), 0, 0, 0, -change);
  return site;
}

/**
 * Advances to later epochs. The host calls this when the published epochs have changed: before an allocation, and before the
 * release of a block of a later epoch than this shard's.
 * @param count number of sites registered so far; the call visits each of them once
 */
export function advanceEpochs(published: u64, count: u32): void {
  if (published == epochs) return;
  const map = bucketMap(epochs, published);
  const merged = mergedBucket(map);
  const end = count < slots ? count : slots;
  for (let site: Site = 0; site < end; ++site) {
    const at = siteAt(site & 0xffff);
    if (!hasCounted(at)) continue;
    if (merged) advanceBucketsByOne(bucketsAt(site & 0xffff), aliveOf(at), inUseOf(at), merged);
    else advanceBuckets(bucketsAt(site & 0xffff), aliveOf(at), inUseOf(at), map);
  }
  epochs = published;
}

/** Adds counts from another accountant. Returns the site, or SITE_UNKNOWN. */
export function carry(site: Site, allocs: u64, allocBytes: u64, frees: u64, freeBytes: u64): u32 {
  if (site >= slots) return SITE_UNKNOWN;
  addCounts(siteAt(site), allocs, allocBytes, frees, freeBytes);
  return site;
}

/**
 * Stores the number that the registry assigned to a key. Repeating it has no effect. If the number had another key, the registry
 * has reassigned it (reclaim.ts): the old key belongs to an unloaded module and does not occur again.
 * @returns 0, or -1 if no such site can exist
 */
export function insertKey(site: Site, address: u64, attributes: u64): i32 {
  if (site < SITE_FIRST || site >= slots) return -1;
  if (!find(address, attributes)) insert(site, address, attributes);
  return 0;
}

/** No site of the sites 0 to count - 1 is sampled. */
export function sampleNone(count: u32): void {
  const end = count < slots ? count : slots;
  for (let site: Site = SITE_FIRST; site < end; ++site) setSampled(site, false);
}

/** recordAllocFast() does not find this site any more: the host samples its allocations. */
export function sampleSite(site: Site): void {
  if (site >= SITE_FIRST && site < slots) setSampled(site, true);
}

/**
 * Called when the registry is full. With FROZEN_SITES this shard has the keys of all sites, and still asks the registry for a row
 * (other) that it does not know. With FROZEN_ALL it also has the keys of all rows (other), and none will be added.
 */
export function freeze(knows: u32): void {
  frozen = knows;
}

// @ts-ignore: decorator
@inline
function bucketsAt(site: Site): Buckets {
  return recordAt<Buckets>(buckets, site);
}

function lookup(address: u64, attributes: u64): Site {
  const site = find(address, attributes);
  if (site) return site;
  if (frozen < FROZEN_SITES) return SITE_UNKNOWN;
  if (!hasOther(attributes)) return SITE_OTHER + classOf(attributes);
  const other = find(OTHER_ADDRESS, attributesOfOther(attributes));
  if (other) return other;
  return frozen == FROZEN_ALL ? SITE_OTHER + classOf(attributes) : SITE_UNKNOWN;
}
