// SPDX-License-Identifier: Apache-2.0
//
// A shard: the counters of one thread, written by that thread alone. This file is the hot path: one lookup, one record, two
// stores. It allocates nothing and knows no other shard; sums are made by the model (model.ts).
//
// A key that this shard has not seen is answered with SITE_UNKNOWN and not counted: the host asks the registry, tells this shard
// with bind(), and calls again. Once the registry is full and this shard knows all of it, the host calls seal(): from then on an
// unseen key is charged to (other) here, without asking: of its class and of the owner whose code runs, or of its class alone where
// there is no such row.
//
// Blocks with a tag have an epoch too. Those of the present one are counted by the records alone, what is older by bucket as well
// (bucket.ts). The host publishes epochs, and a shard turns to them before it next allocates, or releases what is of a later one than
// it has heard of: all that it has of its own goes into that one's bucket. So whatever a shard counts as of an epoch is of it, at
// whatever time each shard turns, and the sums over all shards are exact, by bucket.

import {
  CLASS_IOBUFFER,
  DETAIL_CLASS_SHIFT,
  OTHER_PLACE,
  SEALED_ALL,
  SEALED_SITES,
  SITE_FIRST,
  SITE_OTHER,
  SITE_UNKNOWN,
} from "../abi";
import { buckets, slots } from "../base/memory";
import { recordAt } from "../base/regions";
import { Site } from "../base/types";
import { Buckets, joinOf, passage, pushBuckets, subtractOld, turnBuckets } from "./bucket";
import { bucketOf, presentOf } from "./epoch";
import {
  addAlloc,
  addCounts,
  addFree,
  addSigned,
  classOf,
  detailOfOther,
  hasCounted,
  hasOther,
  liveBytesOf,
  liveOf,
  siteAt,
} from "./site";
import { find, findFirst, findNear, insert, reset as resetTable } from "./table";

const IOBUFFER: u64 = CLASS_IOBUFFER << DETAIL_CLASS_SHIFT;

/** The epochs that this shard has turned to. */
export let epochs: u64 = 0;

let sealed: u32 = 0;

export function reset(): void {
  sealed = 0;
  epochs = 0;
  resetTable();
}

/**
 * Accounts one IOBuffer event, as the server reports it.
 * @param place address of the location's text in the host
 * @param size bytes; negative for a release, 0 counts as an allocation (as the built-in tracker has it)
 * @returns the site charged, or SITE_UNKNOWN (nothing was counted)
 */
export function event(place: u64, size: i64): Site {
  const site = lookup(place, IOBUFFER);
  if (site != SITE_UNKNOWN) addSigned(siteAt(site), size);
  return site;
}

/**
 * As event(), where the key is in the first two slots of its probe, as nearly every key is; else SITE_UNKNOWN, and event() has to be
 * asked. Apart, so that a host can inline it: it has no loop and no call.
 */
export function tryEvent(place: u64, size: i64): Site {
  const site = findNear(place, IOBUFFER);
  if (site == SITE_UNKNOWN) return site;
  addSigned(siteAt(site), size);
  return site;
}

/**
 * Accounts an allocation whose release will name its site and epoch: the present one (epochs).
 * @returns the site charged, or SITE_UNKNOWN (nothing was counted)
 */
export function charge(place: u64, detail: u64, size: u64): Site {
  const site = lookup(place, detail);
  if (site != SITE_UNKNOWN) addAlloc(siteAt(site), size);
  return site;
}

/** As charge(), where the key is in the first slot of its probe; else SITE_UNKNOWN. */
export function tryCharge(place: u64, detail: u64, size: u64): Site {
  const site = findFirst(place, detail);
  if (site == SITE_UNKNOWN) return site;
  addAlloc(siteAt(site), size);
  return site;
}

/**
 * Accounts a release of what is of the present epoch, charged to the site that allocated.
 * @returns the site, or SITE_UNKNOWN where no such site can exist (nothing was counted)
 */
export function release(site: Site, size: u64): u32 {
  if (site >= slots) return SITE_UNKNOWN;
  // The mask changes nothing, slots being 65,536 at most; it lets a compiler prove that the record is within the memory.
  addFree(siteAt(site & 0xffff), size);
  return site;
}

/** Likewise of what is of an older one. (One that has not come yet is the present one.) */
export function releaseOld(site: Site, epoch: u32, size: u64): u32 {
  if (site >= slots) return SITE_UNKNOWN;
  const within = site & 0xffff;
  if (epoch < presentOf(epochs)) subtractOld(bucketsAt(within), bucketOf(epochs, epoch), size);
  addFree(siteAt(within), size);
  return site;
}

/**
 * Goes on in other epochs, later than those it has. The host does this before an allocation where it has published others, and before
 * a release of what is of a later epoch than the present one.
 * @param count sites that have been numbered: one pass over them
 */
export function turn(published: u64, count: u32): void {
  if (published == epochs) return;
  const map = passage(epochs, published);
  const join = joinOf(map);
  const end = count < slots ? count : slots;
  for (let site: Site = 0; site < end; ++site) {
    const at = siteAt(site & 0xffff);
    if (!hasCounted(at)) continue;
    if (join) pushBuckets(bucketsAt(site & 0xffff), liveOf(at), liveBytesOf(at), join);
    else turnBuckets(bucketsAt(site & 0xffff), liveOf(at), liveBytesOf(at), map);
  }
  epochs = published;
}

/** Adds counts that another accountant made before this one. Returns the site, or SITE_UNKNOWN. */
export function carry(site: Site, allocs: u64, allocBytes: u64, frees: u64, freeBytes: u64): u32 {
  if (site >= slots) return SITE_UNKNOWN;
  addCounts(siteAt(site), allocs, allocBytes, frees, freeBytes);
  return site;
}

/**
 * Tells this shard the number that the registry gave to a key. Telling it again changes nothing. A number that had another key is
 * one that the registry gives a second time (reclaim.ts): the old key, of an unloaded module, comes no more.
 * @returns 0, or -1 where no such site can exist
 */
export function bind(site: Site, place: u64, detail: u64): i32 {
  if (site < SITE_FIRST || site >= slots) return -1;
  if (!find(place, detail)) insert(site, place, detail);
  return 0;
}

/**
 * The registry is full, and every key of it that `knows` says is bound here. SEALED_SITES: every site's; a row (other) that is not,
 * is still asked for. SEALED_ALL: also those, and there will be no further one.
 */
export function seal(knows: u32): void {
  sealed = knows;
}

// @ts-ignore: decorator
@inline
function bucketsAt(site: Site): Buckets {
  return recordAt<Buckets>(buckets, site);
}

function lookup(place: u64, detail: u64): Site {
  const site = find(place, detail);
  if (site) return site;
  if (sealed < SEALED_SITES) return SITE_UNKNOWN;
  if (!hasOther(detail)) return SITE_OTHER + classOf(detail);
  const other = find(OTHER_PLACE, detailOfOther(detail));
  if (other) return other;
  return sealed == SEALED_ALL ? SITE_OTHER + classOf(detail) : SITE_UNKNOWN;
}
