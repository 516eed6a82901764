// SPDX-License-Identifier: Apache-2.0
//
// Owners: the server (`core`) and every plugin loaded since the start. A module that is loaded again is a new owner with another
// text ("foo.so#2", naming/module.ts). When its module is unloaded, an owner is retired: it records the registry's version of that
// moment, and keeps its slot as long as it has a site (reclaim.ts). The bytes of an owner:
//
//    0      2      4           8           12          16                         128
//    ┌──────┬──────┬───────────┬───────────┬───────────┬──────────────────────────┐
//    │length│state │ sites     │ key       │ retired   │ text, ASCII or UTF-8     │
//    └──────┴──────┴───────────┴───────────┴───────────┴──────────────────────────┘
//
// The registry keeps this table; a model has a copy.

import { INPUT_SIZE, OWNER_CORE, OWNER_OTHER, OWNER_SIZE, OWNER_SLOT_BITS, OWNER_TEXT_MAX, OWNERS_MAX } from "../abi";
import { input, owners } from "../base/memory";
import { recordAt } from "../base/regions";
import { OwnerKey, OwnerSlot } from "../base/types";
import * as writer from "../base/writer";


@unmanaged
class OwnerRecord {
  length: u16;
  state: u16;
  sites: u32;
  key: OwnerKey;
  retiredWith: u32;
}

const TEXT: usize = offsetof<OwnerRecord>();

if (TEXT + OWNER_TEXT_MAX != OWNER_SIZE) ERROR("not the sizes that abi.ts tells");

const FREE: u32 = 0;
const LOADED: u32 = 1;
const RETIRED: u32 = 2;

export function reset(): void {
  writer.begin(ownerText(OWNER_CORE), ownerText(OWNER_CORE) + OWNER_TEXT_MAX);
  writer.ascii("core");
  finish(OWNER_CORE, OWNER_CORE);
  writer.begin(ownerText(OWNER_OTHER), ownerText(OWNER_OTHER) + OWNER_TEXT_MAX);
  writer.ascii("(other plugins)");
  finish(OWNER_OTHER, OWNER_OTHER);
}

/**
 * Registers the owner for a loaded module. Its text is in the input region.
 * @returns the owner's key, or the key of (other plugins) if every slot is taken
 */
export function registerOwner(length: u32): OwnerKey {
  if (length > INPUT_SIZE) length = INPUT_SIZE;
  for (let slot: OwnerSlot = OWNER_OTHER + 1; slot < OWNERS_MAX; ++slot) {
    if (state(slot) != FREE) continue;
    const key = (((ownerKey(slot) >>> OWNER_SLOT_BITS) + 1) << OWNER_SLOT_BITS) | slot;
    writer.begin(ownerText(slot), ownerText(slot) + OWNER_TEXT_MAX);
    writer.writeSanitized(input, length);
    ownerAt(slot).sites = 0;
    finish(slot, key);
    return key;
  }
  return OWNER_OTHER;
}

/**
 * Retires the owner of an unloaded module.
 * @param version of the registry after this change
 * @returns 0, or -1 if there is no such owner
 */
export function retireOwner(key: OwnerKey, version: u32): i32 {
  const slot = slotOf(key);
  if (slot <= OWNER_OTHER || ownerKey(slot) != key || state(slot) != LOADED) return -1;
  const at = ownerAt(slot);
  at.state = <u16>RETIRED;
  at.retiredWith = version;
  releaseSlot(slot);
  return 0;
}

/** Slot of a key, or the slot of (other plugins) if the owner is gone. */
export function ownerOf(key: OwnerKey): OwnerSlot {
  const slot = slotOf(key);
  return state(slot) != FREE && ownerKey(slot) == key ? slot : OWNER_OTHER;
}

export function addSite(slot: OwnerSlot): void {
  const at = ownerAt(slot);
  at.sites = at.sites + 1;
}

export function dropSite(slot: OwnerSlot): void {
  const at = ownerAt(slot);
  at.sites = at.sites - 1;
  releaseSlot(slot);
}

export function isRetired(slot: OwnerSlot): bool {
  return state(slot) == RETIRED;
}

/** Whether the owner was already retired in a version of the registry. */
export function isRetiredSince(slot: OwnerSlot, version: u32): bool {
  return isRetired(slot) && <i32>(version - ownerAt(slot).retiredWith) >= 0;
}

export function isOwner(slot: OwnerSlot): bool {
  return state(slot) != FREE;
}

export function ownerText(slot: OwnerSlot): usize {
  return changetype<usize>(ownerAt(slot)) + TEXT;
}

export function ownerLength(slot: OwnerSlot): u32 {
  return ownerAt(slot).length;
}

export function ownerKey(slot: OwnerSlot): OwnerKey {
  return ownerAt(slot).key;
}

function releaseSlot(slot: OwnerSlot): void {
  if (isRetired(slot) && !ownerAt(slot).sites) ownerAt(slot).state = <u16>FREE;
}

function finish(slot: OwnerSlot, key: OwnerKey): void {
  const at = ownerAt(slot);
  at.length = <u16>(writer.position() - ownerText(slot));
  at.state = <u16>LOADED;
  at.key = key;
}

function slotOf(key: OwnerKey): OwnerSlot {
  return key & (OWNERS_MAX - 1);
}

function state(slot: OwnerSlot): u32 {
  return ownerAt(slot).state;
}

function ownerAt(slot: OwnerSlot): OwnerRecord {
  return recordAt<OwnerRecord>(owners, slot, OWNER_SIZE);
}
