// SPDX-License-Identifier: Apache-2.0
//
// A shard: the counters of one thread, written by that thread alone. This file is the hot path: one lookup, one record, two
// stores. It allocates nothing and knows no other shard; the model adds the shards up (model.ts).
//
// A key that this shard has not seen is answered with SITE_UNKNOWN and not counted: the host asks the registry, tells this shard
// with insertKey(), and calls again. Once the registry is full and this shard knows all of its keys, the host calls freeze(): from
// then on an unseen key is charged to a row (other) without asking: that of its class and of the owner whose code runs, or that of
// its class alone where there is no such row.
//
// Blocks with a tag also have an epoch. Blocks of the present epoch are counted by the records alone, older blocks by bucket as
// well (bucket.ts). The host publishes epochs. A shard advances to them before its next allocation, or before it releases a block
// of a later epoch than its own: then all its young blocks move into a bucket. So every block is counted in its own epoch, whenever
// each shard advances, and the sums over all shards are exact by bucket.

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
import { advanceBuckets, advanceBucketsByOne, bucketMap, Buckets, mergedBucket, subtractOld } from "./bucket";
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
import { find, findFirst, findNear, insert, reset as resetTable } from "./table";

const IOBUFFER: u64 = CLASS_IOBUFFER << ATTRIBUTES_CLASS_SHIFT;

/** The epochs that this shard has advanced to. */
export let epochs: u64 = 0;

let frozen: u32 = 0;

export function reset(): void {
  frozen = 0;
  epochs = 0;
  resetTable();
}

/**
 * Accounts one IOBuffer event, as the server reports it.
 * @param address of the location's text in the host
 * @param size bytes; negative for a release, 0 counts as an allocation (as the built-in tracker has it)
 * @returns the site charged, or SITE_UNKNOWN (nothing was counted)
 */
export function recordBufferEvent(address: u64, size: i64): Site {
  const site = lookup(address, IOBUFFER);
  if (site != SITE_UNKNOWN) addSigned(siteAt(site), size);
  return site;
}

/**
 * As recordBufferEvent() for a key in the first two slots of its probe, where nearly every key is. Else SITE_UNKNOWN: then the host
 * calls recordBufferEvent(). It has no loop and no call, so that a host can inline it.
 */
export function recordBufferEventFast(address: u64, size: i64): Site {
  const site = findNear(address, IOBUFFER);
  if (site == SITE_UNKNOWN) return site;
  addSigned(siteAt(site), size);
  return site;
}

/**
 * Accounts an allocation whose release will name its site and epoch: the present one (epochs).
 * @returns the site charged, or SITE_UNKNOWN (nothing was counted)
 */
export function recordAlloc(address: u64, attributes: u64, size: u64): Site {
  const site = lookup(address, attributes);
  if (site != SITE_UNKNOWN) addAlloc(siteAt(site), size);
  return site;
}

/** As recordAlloc() for a key in the first slot of its probe; else SITE_UNKNOWN. */
export function recordAllocFast(address: u64, attributes: u64, size: u64): Site {
  const site = findFirst(address, attributes);
  if (site == SITE_UNKNOWN) return site;
  addAlloc(siteAt(site), size);
  return site;
}

/**
 * Accounts the release of a block of the present epoch, charged to the site that allocated.
 * @returns the site, or SITE_UNKNOWN where no such site can exist (nothing was counted)
 */
export function recordFree(site: Site, size: u64): u32 {
  if (site >= slots) return SITE_UNKNOWN;
  // The mask changes nothing, slots being 65,536 at most; it lets a compiler prove that the record is within the memory.
  addFree(siteAt(site & 0xffff), size);
  return site;
}

/** Likewise of a block of an older epoch. An epoch that this shard has not heard of counts as the present one. */
export function recordFreeOld(site: Site, epoch: u32, size: u64): u32 {
  if (site >= slots) return SITE_UNKNOWN;
  const within = site & 0xffff;
  if (epoch < presentOf(epochs)) subtractOld(bucketsAt(within), bucketOf(epochs, epoch), size);
  addFree(siteAt(within), size);
  return site;
}

/**
 * Advances to later epochs. The host calls this before an allocation if it has published other epochs, and before the release of a
 * block of a later epoch than this shard's.
 * @param count sites that have been numbered: one pass over them
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

/** Adds what another accountant has counted before. Returns the site, or SITE_UNKNOWN. */
export function carry(site: Site, allocs: u64, allocBytes: u64, frees: u64, freeBytes: u64): u32 {
  if (site >= slots) return SITE_UNKNOWN;
  addCounts(siteAt(site), allocs, allocBytes, frees, freeBytes);
  return site;
}

/**
 * Tells this shard the number that the registry gave to a key. A second time changes nothing. If the number had another key, the
 * registry has given it again (reclaim.ts): the old key, of an unloaded module, comes no more.
 * @returns 0, or -1 where no such site can exist
 */
export function insertKey(site: Site, address: u64, attributes: u64): i32 {
  if (site < SITE_FIRST || site >= slots) return -1;
  if (!find(address, attributes)) insert(site, address, attributes);
  return 0;
}

/**
 * The registry is full, and this shard has its keys. FROZEN_SITES: those of all sites; this shard still asks for a row (other) that
 * it does not know. FROZEN_ALL: those of all rows (other) too, and there will be no further one.
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
