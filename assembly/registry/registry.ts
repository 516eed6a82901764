// SPDX-License-Identifier: Apache-2.0
//
// The registry: all sites of all shards, numbered in order of first use. A number keeps its meaning while any memory of its site is
// in use: shards index counters by this number, and a block's tag contains it. The version tells a model whether names or owners
// have changed since its last copy.
//
// A number is reassigned only after its owner's module was unloaded and all of its memory was released (reclaim.ts). After the
// first refused site, no number is assigned any more: some shards then charge unknown keys to (other) without asking, and a site
// known to one thread but not to another would have its releases charged to a different site than its allocations. Instead the
// registry assigns rows (other), one for each class and owner with refused sites, from the numbers above the capacity.

import {
  ATTRIBUTES_CLASS_SHIFT,
  CLASS_COUNT,
  CLASS_FREELIST,
  CLASS_IOBUFFER,
  FREELISTS_MAX,
  INPUT_SIZE,
  OTHER_ADDRESS,
  OWNER_CORE,
  ROLE_REGISTRY,
  SITE_FIRST,
  SITE_FREELIST,
  SITE_OTHER,
} from "../abi";
import { slotOfHash } from "../base/hash";
import { indexBits, indexMask, limit, nameIndex, slots } from "../base/memory";
import { setValueAt, valueAt } from "../base/regions";
import { OwnerKey, Site } from "../base/types";
import { attributesOfOther, classOf, hasOther, ownerOfAttributes } from "../shard/site";
import { find, forget, insert } from "../shard/table";
import * as moduleFile from "./module_file";
import * as name from "./name";
import * as owner from "./owner";

/** An unused fixed site, in whose slot a name is built for a lookup. */
const SPARE: Site = SITE_FREELIST - 1;

let count: u32 = 0;
let refused: u64 = 0;
let changes: u32 = 0;
/** A freed number, or 0. The hash field of its name holds the next one. */
let free: Site = 0;
let freeCount: u32 = 0;
/** Number of rows (other) of a class and an owner. */
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

/** Number of sites assigned so far, fixed sites included: an upper bound of all site numbers. */
export function siteCount(): u32 {
  return others ? limit + others : count;
}

/** Number of registrations refused because the table was full. */
export function refusals(): u64 {
  return refused;
}

/** Number of registered sites whose numbers are not free. */
export function sitesInUse(): u32 {
  return count - SITE_FIRST - freeCount;
}

/** Increases with every change of a name or an owner. */
export function version(): u32 {
  return changes;
}

/**
 * Assigns a number to a key. The location's text is in the input region (see name.ts for its form).
 * @param length bytes of the text, at most INPUT_SIZE
 * @param ownerKey owner of the site: for a call from a plugin, that plugin, whatever owner the attributes have
 * @param flags NAME_...
 * @returns the site's number. If the table is full: the row (other) of its class and of the owner in the attributes, or, if that
 * row cannot exist, the row (other) of its class
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
  // The call is in one module on behalf of another or of none. The next module at this address would have the same key.
  const pinned = cls != CLASS_IOBUFFER && ownerOfAttributes(attributes) != ownerKey;
  name.write(site, attributes, length, slot, pinned ? flags | name.PINNED : flags);
  owner.addSite(slot);
  if (cls == CLASS_IOBUFFER && !findName(name.hashOf(site))) insertName(site);
  ++changes;
  return site;
}

/** Whether a number belongs to a registered site, not to a row (other). */
export function isOwnSite(site: Site): bool {
  return site >= SITE_FIRST && site < limit;
}

/** The row (other) of a class and an owner, under the key that a frozen shard looks up. */
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

/** Like register(), for an IOBuffer name without an address: a row of another accountant. */
export function registerName(length: u32): Site {
  if (length > INPUT_SIZE) length = INPUT_SIZE;
  const attributes: u64 = CLASS_IOBUFFER << ATTRIBUTES_CLASS_SHIFT;
  name.write(SPARE, attributes, length, OWNER_CORE, 0);
  const hash = name.hashOf(SPARE);
  name.clear(SPARE);
  const same = findName(hash);
  if (same) return same;
  const site = take();
  if (!site) {
    ++refused;
    return SITE_OTHER + CLASS_IOBUFFER;
  }
  forget(site); // if the number had another key before
  name.write(site, attributes, length, OWNER_CORE, 0);
  owner.addSite(OWNER_CORE);
  insertName(site);
  ++changes;
  return site;
}

/**
 * Returns the row of a freelist of the server, by its name in the input region: a fixed site. If all are taken, the row (other) of the
 * class.
 */
export function registerFreelist(length: u32): Site {
  const attributes: u64 = (<u64>CLASS_FREELIST) << ATTRIBUTES_CLASS_SHIFT;
  if (length > INPUT_SIZE) length = INPUT_SIZE;
  name.write(SPARE, attributes, length, OWNER_CORE, 0);
  let site = SITE_FREELIST;
  while (site < SITE_FREELIST + FREELISTS_MAX && name.lengthOf(site) && !name.sameName(site, SPARE)) ++site;
  name.clear(SPARE);
  if (site == SITE_FREELIST + FREELISTS_MAX) return SITE_OTHER + CLASS_FREELIST;
  if (name.lengthOf(site)) return site;
  name.write(site, attributes, length, OWNER_CORE, 0);
  owner.addSite(OWNER_CORE);
  ++changes;
  return site;
}

/** Sets a better text for a plugin's site: the part after memory/plugin/, in the input region. Returns 0 or -1. */
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

/** A module was loaded: what put() of module_file.ts takes. Returns 0, or -1 where there is no room. */
export function registerFile(nameLength: u32, idLength: u32, pathLength: u32, ownerKey: OwnerKey): i32 {
  const result = moduleFile.put(nameLength, idLength, pathLength, ownerKey);
  if (!result) ++changes;
  return result;
}

export function retireOwner(key: OwnerKey): i32 {
  return owner.retireOwner(key, ++changes);
}

/** Frees the number of a site that has no memory in use and cannot allocate again. Returns 0 or -1. */
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

/**
 * Reuses a freed number for the same key, which has occurred again after all: shards that still have the key then agree with the
 * others.
 */
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

// Hash index of IOBuffer names.

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
