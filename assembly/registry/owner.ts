// SPDX-License-Identifier: Apache-2.0
//
// Owners: the server itself (`core`) and every plugin that was ever loaded. A module that is loaded again is another owner, with its
// generation in its text ("foo.so#2"), which the host composes. An owner whose module is unloaded is retired: it keeps its slot as
// long as it keeps a site (reclaim.ts), and the version of the registry that it was retired with. An owner, in bytes:
//
//    0      2      4           8           12          16                         128
//    ┌──────┬──────┬───────────┬───────────┬───────────┬──────────────────────────┐
//    │length│state │ sites     │ key       │ retired   │ text, ASCII or UTF-8     │
//    └──────┴──────┴───────────┴───────────┴───────────┴──────────────────────────┘
//
// The registry keeps this table; a model has a copy of it.

import { INPUT_SIZE, OWNERS_MAX, OWNER_CORE, OWNER_OTHER, OWNER_SIZE, OWNER_SLOT_BITS, OWNER_TEXT_MAX } from "../abi";
import { input, owners } from "../base/memory";
import * as writer from "../base/writer";

const LENGTH: usize = 0;
const STATE: usize = 2;
const SITES: usize = 4;
const KEY: usize = 8;
const RETIRED_WITH: usize = 12;
const TEXT: usize = 16;

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
 * A module was loaded. Its text is in the input region.
 * @returns the owner's key; that of (other plugins) where every slot is taken
 */
export function registerOwner(length: u32): u32 {
  if (length > INPUT_SIZE) length = INPUT_SIZE;
  for (let slot: u32 = OWNER_OTHER + 1; slot < OWNERS_MAX; ++slot) {
    if (state(slot) != FREE) continue;
    const key = (((ownerKey(slot) >>> OWNER_SLOT_BITS) + 1) << OWNER_SLOT_BITS) | slot;
    writer.begin(ownerText(slot), ownerText(slot) + OWNER_TEXT_MAX);
    writer.foreign(input, length);
    store<u32>(ownerAt(slot), 0, SITES);
    finish(slot, key);
    return key;
  }
  return OWNER_OTHER;
}

/**
 * Its module was unloaded.
 * @param version of the registry, from now on
 * @returns 0, or -1 where there is no such owner
 */
export function retireOwner(key: u32, version: u32): i32 {
  const slot = slotOf(key);
  if (slot <= OWNER_OTHER || ownerKey(slot) != key || state(slot) != LOADED) return -1;
  store<u16>(ownerAt(slot), <u16>RETIRED, STATE);
  store<u32>(ownerAt(slot), version, RETIRED_WITH);
  releaseSlot(slot);
  return 0;
}

/** The slot of a key; that of (other plugins) where the owner has gone meanwhile. */
export function ownerOf(key: u32): u32 {
  const slot = slotOf(key);
  return state(slot) != FREE && ownerKey(slot) == key ? slot : OWNER_OTHER;
}

export function addSite(slot: u32): void {
  store<u32>(ownerAt(slot), load<u32>(ownerAt(slot), SITES) + 1, SITES);
}

export function dropSite(slot: u32): void {
  store<u32>(ownerAt(slot), load<u32>(ownerAt(slot), SITES) - 1, SITES);
  releaseSlot(slot);
}

export function isRetired(slot: u32): bool {
  return state(slot) == RETIRED;
}

/** Whether it was retired already in a version of the registry. */
export function isRetiredSince(slot: u32, version: u32): bool {
  return isRetired(slot) && <i32>(version - load<u32>(ownerAt(slot), RETIRED_WITH)) >= 0;
}

export function isOwner(slot: u32): bool {
  return state(slot) != FREE;
}

export function ownerText(slot: u32): usize {
  return ownerAt(slot) + TEXT;
}

export function ownerLength(slot: u32): u32 {
  return load<u16>(ownerAt(slot), LENGTH);
}

export function ownerKey(slot: u32): u32 {
  return load<u32>(ownerAt(slot), KEY);
}

function releaseSlot(slot: u32): void {
  if (isRetired(slot) && !load<u32>(ownerAt(slot), SITES)) store<u16>(ownerAt(slot), <u16>FREE, STATE);
}

function finish(slot: u32, key: u32): void {
  store<u16>(ownerAt(slot), <u16>(writer.position() - ownerText(slot)), LENGTH);
  store<u16>(ownerAt(slot), <u16>LOADED, STATE);
  store<u32>(ownerAt(slot), key, KEY);
}

function slotOf(key: u32): u32 {
  return key & (OWNERS_MAX - 1);
}

function state(slot: u32): u32 {
  return load<u16>(ownerAt(slot), STATE);
}

function ownerAt(slot: u32): usize {
  return owners + <usize>slot * OWNER_SIZE;
}
