// SPDX-License-Identifier: Apache-2.0
//
// What the search found of a row is what the packets of its sites say, summed.

import {
  CHAIN_SITE,
  CLASS_HEAP,
  FINDING_BLOCKS,
  FINDING_CHAIN,
  FINDING_CHAINED,
  FINDING_EPOCHS,
  FINDING_ESTIMATE,
  FINDING_FLAGS,
  FINDING_HELD,
  FINDING_IS_BLIND,
  FINDING_LENGTH,
  FINDING_LOST,
  FINDING_PASSES,
  FINDING_PROBABLY,
  FINDING_SITE,
  FINDING_SIZE,
  FINDING_UNSURE,
  FINDING_WATCHED,
  SEARCHED_MAX,
} from "../../../assembly/abi";
import { input, slots } from "../../../assembly/base/memory";
import { arm, takeFindings } from "../../../assembly/index";
import {
  blindForget,
  blocksOf,
  earlierAliveOf,
  earlierEstimateOf,
  findingsForget,
  heldOf,
  holderLength,
  holderShareOf,
  holderText,
  isBlind,
  isSearched,
  lastPassOf,
  lostEpochsOf,
  lostEstimateOf,
  lostOf,
  markBlind,
  passesOf,
  probablyLostOf,
  searchedAliveOf,
  unsureOf,
  watchedOf,
} from "../../../assembly/model/findings";
import { addAlloc, siteAt } from "../../../assembly/shard/site";
import { collect, fresh, owner, pluginSite, rowOf, textFrom } from "../support";

function packet(site: u32): void {
  memory.fill(input, 0, FINDING_SIZE);
  store<u32>(input, site, FINDING_SITE);
}

/** A packet of a site: 5 lost of epoch `epoch`, 2 probably, 40 held, 3 unsure. */
function found(site: u32, epoch: u32, chained: u32 = 0, chain: string = "", last: u32 = 0): i32 {
  packet(site);
  store<u32>(input, 21 + epoch, FINDING_PASSES);
  store<u32>(input, 50, FINDING_WATCHED);
  store<u32>(input, 5, FINDING_LOST);
  store<u32>(input, 2, FINDING_PROBABLY);
  store<u32>(input, 40, FINDING_HELD);
  store<u32>(input, 3, FINDING_UNSURE);
  store<u64>(input, 1000, FINDING_BLOCKS);
  store<u64>(input, 90, FINDING_ESTIMATE);
  store<u8>(input + epoch / 8, <u8>((<u32>1) << (epoch % 8)), FINDING_EPOCHS);
  let length = <u32>String.UTF8.encodeUnsafe(changetype<usize>(chain), chain.length, input + FINDING_CHAIN);
  if (last) {
    store<u8>(input + FINDING_CHAIN + length, <u8>CHAIN_SITE);
    store<u16>(input + FINDING_CHAIN + length + 1, <u16>last);
    length += 3;
  }
  store<u32>(input, length ? chained : 0, FINDING_CHAINED);
  store<u32>(input, length, FINDING_LENGTH);
  return takeFindings(FINDING_CHAIN + length, 0);
}

/** A packet after 10 more blocks were allocated. */
function growing(site: u32, passes: u32, lost: u32, estimate: u64): void {
  for (let i = 0; i < 10; ++i) addAlloc(siteAt(site), 100);
  collect();
  packet(site);
  store<u32>(input, passes, FINDING_PASSES);
  store<u32>(input, lost, FINDING_LOST);
  store<u64>(input, estimate, FINDING_ESTIMATE);
  expect(takeFindings(FINDING_CHAIN, 0)).toBe(0);
}

function holder(row: u32): string {
  const length = holderLength(row);
  return textFrom(holderText(row), length);
}

describe("what the search found", () => {
  test("is nothing of a row that was never searched", () => {
    fresh();
    const row = rowOf(pluginSite(CLASS_HEAP, "foo.so f (foo.c:1)", owner("foo.so")));
    expect(isSearched(row)).toBe(false);
    expect(watchedOf(row) + lostOf(row) + heldOf(row) + lostEpochsOf(row)).toBe(0);
    expect(holderLength(row)).toBe(0);
    expect(isBlind(row)).toBe(false);
  });

  test("is the packet of a site, the last one", () => {
    fresh();
    const site = pluginSite(CLASS_HEAP, "foo.so f (foo.c:1)", owner("foo.so"));
    expect(rowOf(site)).toBe(site);
    expect(found(site, 9)).toBe(0);
    expect(found(site, 7)).toBe(0);
    expect(isSearched(site)).toBe(true);
    expect(passesOf(site)).toBe(28);
    expect(watchedOf(site)).toBe(50);
    expect(lostOf(site)).toBe(5);
    expect(probablyLostOf(site)).toBe(2);
    expect(heldOf(site)).toBe(40);
    expect(unsureOf(site)).toBe(3);
    expect(lostEpochsOf(site)).toBe(1);
    expect(blocksOf(site)).toBe(1000);
    expect(lostEstimateOf(site)).toBe(90);
    expect(earlierEstimateOf(site)).toBe(90);
  });

  test("is told beside what was found earlier: between a quarter and half of the passes ago since the first block was lost", () => {
    fresh();
    const site = pluginSite(CLASS_HEAP, "foo.so f (foo.c:1)", owner("foo.so"));
    growing(site, 20, 0, 0);
    expect(earlierEstimateOf(site)).toBe(0);
    for (let passes: u32 = 1; passes <= 20; ++passes) {
      growing(site, 20 + passes, 5, 100 * passes);
      if (passes < 2) expect(earlierEstimateOf(site)).toBe(100);
      if (passes >= 16) expect(earlierEstimateOf(site)).toBe(800);
      if (passes >= 16) expect(earlierAliveOf(site)).toBe(160);
      growing(site, 20 + passes, 5, 1); // the same pass: one that was not complete has proved nothing
    }
    expect(searchedAliveOf(site)).toBe(410);
    growing(site, 3, 5, 40);
    expect(earlierEstimateOf(site)).toBe(40, "the search has begun anew");
    findingsForget(site);
    growing(site, 30, 5, 50);
    expect(earlierEstimateOf(site)).toBe(50);
  });

  test("is the sum of a row's sites, and the chain that holds most", () => {
    fresh();
    const key = owner("foo.so");
    const a = pluginSite(CLASS_HEAP, "foo.so f (foo.c:1)", key);
    const b = pluginSite(CLASS_HEAP, "foo.so f (foo.c:1)", key);
    const other = pluginSite(CLASS_HEAP, "foo.so insert (foo.c:120)", key);
    expect(rowOf(b)).toBe(a);
    found(a, 7, 10, "foo.so small (.bss)");
    found(b, 90, 30, "foo.so table (.bss) <- ", other);
    found(other, 1);
    expect(lostOf(a)).toBe(10);
    expect(watchedOf(a)).toBe(100);
    expect(lostEpochsOf(a)).toBe(2);
    expect(lostEstimateOf(a)).toBe(180);
    expect(holder(a)).toBe("held by foo.so table (.bss) <- foo.so insert (foo.c:120)");
    expect(holderShareOf(a)).toBe(37);
    expect(holder(other)).toBe("");
  });

  test("has the time of its last complete pass", () => {
    fresh();
    const site = pluginSite(CLASS_HEAP, "foo.so f (foo.c:1)", owner("foo.so"));
    rowOf(site);
    expect(lastPassOf(site)).toBe(0);
    packet(site);
    takeFindings(FINDING_CHAIN, 95);
    expect(lastPassOf(site)).toBe(0);
    packet(site);
    store<u32>(input, 1, FINDING_PASSES);
    takeFindings(FINDING_CHAIN, 100);
    packet(site);
    store<u32>(input, 1, FINDING_PASSES);
    takeFindings(FINDING_CHAIN, 105); // after a pass that was not complete
    expect(lastPassOf(site)).toBe(100);
    packet(site);
    store<u32>(input, 99, FINDING_PASSES);
    takeFindings(FINDING_CHAIN, 110);
    expect(lastPassOf(site)).toBe(110);
  });

  test("is blind from the first packet that says so, or that the model is told, until the number is another site's", () => {
    fresh();
    const site = pluginSite(CLASS_HEAP, "foo.so f (foo.c:1)", owner("foo.so"));
    const other = pluginSite(CLASS_HEAP, "foo.so g (foo.c:2)", owner("foo.so"));
    rowOf(site);
    packet(site);
    store<u32>(input, FINDING_IS_BLIND, FINDING_FLAGS);
    takeFindings(FINDING_CHAIN, 0);
    found(site, 3);
    markBlind(other);
    arm(CLASS_HEAP);
    expect(isBlind(site)).toBe(true);
    expect(isBlind(other)).toBe(true);
    blindForget(site);
    expect(isBlind(site)).toBe(false);
  });

  test("is forgotten when the class is armed anew, and when the number is another site's", () => {
    fresh();
    const site = pluginSite(CLASS_HEAP, "foo.so f (foo.c:1)", owner("foo.so"));
    rowOf(site);
    found(site, 3);
    arm(CLASS_HEAP);
    expect(isSearched(site)).toBe(false);
    found(site, 3);
    findingsForget(site);
    expect(isSearched(site)).toBe(false);
    expect(lostOf(site)).toBe(0);
  });

  test("keeps the sites of the last packets", () => {
    fresh(256);
    const key = owner("foo.so");
    for (let i: u32 = 0; i <= SEARCHED_MAX; ++i) found(pluginSite(CLASS_HEAP, `foo.so f (foo.c:${i})`, key), 1);
    const row = rowOf(128);
    expect(isSearched(row)).toBe(false, "the oldest gave way");
    for (let i: u32 = 1; i <= SEARCHED_MAX; ++i) expect(lostOf(128 + i)).toBe(5);
  });

  test("is not what is no packet", () => {
    fresh();
    packet(slots);
    expect(takeFindings(FINDING_CHAIN, 0)).toBe(-1, "no such site");
    packet(128);
    expect(takeFindings(FINDING_CHAIN - 1, 0)).toBe(-1);
    expect(takeFindings(FINDING_SIZE + 1, 0)).toBe(-1);
    store<u32>(input, 5, FINDING_LENGTH);
    expect(takeFindings(FINDING_CHAIN + 4, 0)).toBe(-1, "the chain is longer than the packet");
    expect(takeFindings(FINDING_CHAIN + 5, 0)).toBe(0);
  });
});
