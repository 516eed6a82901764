// SPDX-License-Identifier: Apache-2.0
//
// The registry: which sites there are, numbered in the order of their first sight, for all shards. A number keeps its meaning as
// long as anything of it is in use, so shards hold counters by number and a block's tag holds a number. What has changed since a
// model's last copy of names and owners, the version tells.
//
// A number is given a second time only after its owner's module was unloaded and everything it allocated was released (reclaim.ts).
// Once a site had to be refused, none is given any more: some shards then charge unseen keys to (other) without asking, and a site
// known to one thread and not to another would have its releases charged elsewhere than its allocations. What is given then are
// rows (other), one for each class and owner that has something refused, from the numbers above the capacity.

import {
  ATTRIBUTES_CLASS_SHIFT,
  CLASS_COUNT,
  CLASS_IOBUFFER,
  INPUT_SIZE,
  OTHER_ADDRESS,
  OWNER_CORE,
  ROLE_REGISTRY,
  SITE_FIRST,
  SITE_OTHER,
} from "../abi";
import { slotOfHash } from "../base/hash";
import { indexBits, indexMask, limit, nameIndex, slots } from "../base/memory";
import { setValueAt, valueAt } from "../base/regions";
import { OwnerKey, Site } from "../base/types";
import { attributesOfOther, classOf, hasOther, ownerOfAttributes } from "../shard/site";
import { find, forget, insert } from "../shard/table";
import * as name from "./name";
import * as owner from "./owner";

let count: u32 = 0;
let refused: u64 = 0;
let changes: u32 = 0;
/** A number that was given back; the next one stands in its name's hash. 0 where there is none. */
let free: Site = 0;
let freeCount: u32 = 0;
/** Rows (other) of a class and an owner. */
let others: u32 = 0;

export function reset(role: u32): void {
  count = SITE_FIRST;
  refused = 0;
  changes = 0;
  free = 0;
  freeCount = 0;
  others = 0;
  if (role < ROLE_REGISTRY) return;
  owner.reset();
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) name.writeOther(SITE_OTHER + cls, cls, OWNER_CORE);
}

/** Site numbers given so far, the fixed ones included: no site has a higher one. */
export function siteCount(): u32 {
  return others ? limit + others : count;
}

/** Registrations refused because the table was full. */
export function refusals(): u64 {
  return refused;
}

/** Registered sites whose numbers are not free. */
export function sitesInUse(): u32 {
  return count - SITE_FIRST - freeCount;
}

/** Grows with every change of a name or an owner. */
export function version(): u32 {
  return changes;
}

/**
 * Gives a key its number. The location's text is in the input region (name.ts says which part of it).
 * @param length bytes of the text; INPUT_SIZE at most
 * @param ownerKey whose site it is: for a call from a plugin the plugin, whatever owner the attributes have
 * @param flags NAME_...
 * @returns the site's number. Where the table is full: that of the row (other) of its class and the owner in the attributes, or,
 *   where
 *   there can be no such row, of its class
 */
export function register(address: u64, attributes: u64, length: u32, ownerKey: OwnerKey, flags: u32): Site {
  const known = find(address, attributes);
  if (known && name.lengthOf(known)) return known;
  const cls = classOf(attributes);
  const site = cls >= CLASS_COUNT || length > INPUT_SIZE ? 0 : known ? takeBack(known) : take();
  if (!site) {
    ++refused;
    return hasOther(attributes) ? other(attributes) : SITE_OTHER + (cls < CLASS_COUNT ? cls : CLASS_IOBUFFER);
  }
  if (!known) insert(site, address, attributes);
  const slot = owner.ownerOf(ownerKey);
  // A call in a module on behalf of another, or of none: the next module at that address has the same key.
  const pinned = cls != CLASS_IOBUFFER && ownerOfAttributes(attributes) != ownerKey;
  name.write(site, attributes, length, slot, pinned ? flags | name.PINNED : flags);
  owner.addSite(slot);
  if (cls == CLASS_IOBUFFER && !findName(name.hashOf(site))) insertName(site);
  ++changes;
  return site;
}

/** Whether a number is that of a registered site, and not of one that sums others. */
export function isOwnSite(site: Site): bool {
  return site >= SITE_FIRST && site < limit;
}

/** The row (other) of a class and an owner, as a frozen shard finds it. */
function other(attributes: u64): Site {
  const key = attributesOfOther(attributes);
  const known = find(OTHER_ADDRESS, key);
  if (known) return known;
  const site = limit + others;
  if (site == slots) return SITE_OTHER + classOf(attributes);
  ++others;
  insert(site, OTHER_ADDRESS, key);
  const slot = owner.ownerOf(ownerOfAttributes(attributes));
  name.writeOther(site, classOf(attributes), slot);
  owner.addSite(slot);
  ++changes;
  return site;
}

/** As register(), for an IOBuffer name whose address is not known: another accountant's row. */
export function registerName(length: u32): Site {
  if (length > INPUT_SIZE) length = INPUT_SIZE;
  // The name is built in the slot of a fixed site that has none, only to be looked for.
  const spare = SITE_FIRST - 1;
  const attributes: u64 = CLASS_IOBUFFER << ATTRIBUTES_CLASS_SHIFT;
  name.write(spare, attributes, length, OWNER_CORE, 0);
  const hash = name.hashOf(spare);
  name.clear(spare);
  const same = findName(hash);
  if (same) return same;
  const site = take();
  if (!site) {
    ++refused;
    return SITE_OTHER + CLASS_IOBUFFER;
  }
  forget(site); // where the number had another key before
  name.write(site, attributes, length, OWNER_CORE, 0);
  owner.addSite(OWNER_CORE);
  insertName(site);
  ++changes;
  return site;
}

/** A better text for a plugin's site: what comes after memory/plugin/ is in the input region. Returns 0 or -1. */
export function renameSite(site: Site, length: u32): i32 {
  if (!isOwnSite(site) || !name.lengthOf(site) || length > INPUT_SIZE) return -1;
  name.rename(site, length);
  ++changes;
  return 0;
}

export function registerOwner(length: u32): OwnerKey {
  ++changes;
  return owner.registerOwner(length);
}

export function retireOwner(key: OwnerKey): i32 {
  return owner.retireOwner(key, ++changes);
}

/** Nothing of this site is in use, and nothing will be: its number can be given again. Returns 0 or -1. */
export function freeSite(site: Site): i32 {
  if (!isOwnSite(site) || !name.lengthOf(site)) return -1;
  if (!owner.isRetired(name.ownerOfSite(site)) || name.isPinned(site)) return -1;
  const cls = name.classOfName(site);
  owner.dropSite(name.ownerOfSite(site));
  name.clear(site);
  name.freeNameAt(site).next = free;
  free = site;
  ++freeCount;
  if (cls == CLASS_IOBUFFER) rebuildNames();
  ++changes;
  return 0;
}

function take(): Site {
  if (refused) return 0;
  if (!free) return count == limit ? 0 : count++;
  const site = free;
  free = name.freeNameAt(site).next;
  --freeCount;
  return site;
}

/** Takes a number back whose own key has come again after all, so that the shards that still have it agree with the others. */
function takeBack(site: Site): Site {
  let at = free;
  while (at && at != site && name.freeNameAt(at).next != site) at = name.freeNameAt(at).next;
  if (!at) return 0;
  const next = name.freeNameAt(site).next;
  if (at == site) free = next;
  else name.freeNameAt(at).next = next;
  --freeCount;
  return site;
}

// The index of IOBuffer names, by their hashes.

function findName(hash: u64): Site {
  let at = slotOfHash(hash, indexBits);
  let site = <u32>valueAt<u16>(nameIndex, at);
  while (site && name.hashOf(site) != hash) {
    at = (at + 1) & indexMask;
    site = valueAt<u16>(nameIndex, at);
  }
  return site;
}

function insertName(site: Site): void {
  let at = slotOfHash(name.hashOf(site), indexBits);
  while (valueAt<u16>(nameIndex, at)) at = (at + 1) & indexMask;
  setValueAt<u16>(nameIndex, at, <u16>site);
}

function rebuildNames(): void {
  memory.fill(nameIndex, 0, (indexMask + 1) * sizeof<u16>());
  for (let site = SITE_FIRST; site < count; ++site) {
    if (!name.lengthOf(site) || name.classOfName(site) != CLASS_IOBUFFER) continue;
    if (!findName(name.hashOf(site))) insertName(site);
  }
}
