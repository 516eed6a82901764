// SPDX-License-Identifier: Apache-2.0
//
// Verdicts with what the search for references found.

import {
  CHAIN_SITE,
  CLASS_HEAP,
  CLASS_IOBUFFER,
  CLASS_OBJECT,
  EXPLAINED_BY_CONFIRMATION,
  EXPLAINED_BY_HOLDER,
  FACT_LEVEL,
  FINDING_BLOCKS,
  FINDING_CHAIN,
  FINDING_CHAINED,
  FINDING_EPOCHS,
  FINDING_ESTIMATE,
  FINDING_EXPECTED,
  FINDING_HELD,
  FINDING_LENGTH,
  FINDING_LOST,
  FINDING_OLD,
  FINDING_PASSES,
  FINDING_PROBABLY,
  FINDING_SITE,
  FINDING_SIZE,
  FINDING_UNSURE,
  FINDING_WATCHED,
  GAP_MAPS,
  GAP_NONE,
  KIND_CONT,
  KIND_HELD_TRANSACTION,
  MEASURE_THREADS,
  PROOF_BLIND,
  PROOF_HELD,
  PROOF_LOST,
  PROOF_NONE,
  PROOF_PROBABLY,
  PROOF_UNSURE,
  VERDICT_FILLING,
  VERDICT_LEAK,
  VERDICT_NEW,
} from "../../../assembly/abi";
import { isSearchable, isProved, proofOf } from "../../../assembly/analysis/proof";
import { judgeAll, sample } from "../../../assembly/analysis/sample";
import { rankSuspects } from "../../../assembly/analysis/urgency";
import { isUndecided, samplesUntilJudged, verdictOf } from "../../../assembly/analysis/verdict";
import { sampledList } from "../../../assembly/analysis/sampled";
import { isWatching, requestSearch } from "../../../assembly/analysis/watch_list";
import { input } from "../../../assembly/base/memory";
import { takeFindings } from "../../../assembly/index";
import { epochPublished, epochsNow } from "../../../assembly/model/boundary";
import { setMeasure } from "../../../assembly/model/environment";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { markBlind } from "../../../assembly/model/findings";
import { stateOf } from "../../../assembly/model/history";
import { applyBaseline, nextEpoch } from "../../../assembly/model/model";
import { gapNotice } from "../../../assembly/report/gap";
import { presentOf } from "../../../assembly/shard/epoch";
import { addAlloc, siteAt } from "../../../assembly/shard/site";
import { collect, fresh, owner, pluginSite, put, rendered, site } from "../support";

const THREADS: u64 = 20;

let now: u64 = 0;
let transactions: u64 = 0;
let row: u32 = 0;
let searched: bool = false;

function begin(): u32 {
  fresh();
  now = 1000;
  transactions = 0;
  searched = false;
  const foo = owner("foo.so");
  row = pluginSite(CLASS_HEAP, "foo.so handler (foo.c:88)", foo);
  pluginSite(CLASS_HEAP, "foo.so table (foo.c:9)", foo);
  setHeaderNumber(FACT_LEVEL, 2);
  setMeasure(MEASURE_THREADS, THREADS);
  return row;
}

/** Takes samples, with so many allocations in each; `rare` objects of 1,000 requests. */
function pass(samples: u32, allocs: u32, seconds: u64 = 10, requests: u64 = 10_000): void {
  for (let i: u32 = 0; i < samples; ++i) {
    now += seconds;
    transactions += requests;
    for (let n: u32 = 0; n < allocs; ++n) addAlloc(siteAt(row), 1024);
    collect();
    applyBaseline();
    if (searched) isWatching();
    sample(now, transactions);
    sampledList();
  }
}

/** Blocks that are allocated between two packets: more than a population at rest changes by. */
const GROWN: u32 = 1000;

/** Of 64 watched blocks of the row so many are lost, probably lost, held, unsure. Before, `earlier` were estimated to be lost. */
function found(
  passes: u32,
  lost: u32,
  probably: u32,
  held: u32,
  unsure: u32 = 0,
  epochs: u32 = 7,
  estimate: u64 = 500,
  earlier: u64 = 300,
  allocs: u32 = GROWN,
  expected: u64 = estimate,
): void {
  if (lost) {
    packet(passes - 1, lost, probably, held, unsure, epochs, earlier, earlier);
    for (let n: u32 = 0; n < allocs; ++n) addAlloc(siteAt(row), 1024);
    collect();
  }
  packet(passes, lost, probably, held, unsure, epochs, estimate, expected);
}

function packet(passes: u32, lost: u32, probably: u32, held: u32, unsure: u32, epochs: u32, estimate: u64, expected: u64): void {
  memory.fill(input, 0, FINDING_SIZE);
  store<u32>(input, row, FINDING_SITE);
  store<u32>(input, passes, FINDING_PASSES);
  store<u32>(input, 64, FINDING_WATCHED);
  store<u32>(input, 63, FINDING_OLD);
  store<u32>(input, lost, FINDING_LOST);
  store<u32>(input, probably, FINDING_PROBABLY);
  store<u32>(input, held, FINDING_HELD);
  store<u32>(input, unsure, FINDING_UNSURE);
  store<u64>(input, 1000, FINDING_BLOCKS);
  store<u64>(input, lost ? estimate : 0, FINDING_ESTIMATE);
  store<u64>(input, lost ? expected : 0, FINDING_EXPECTED);
  store<u64>(input, lost ? <u64>epochs : 0, FINDING_EPOCHS);
  let length: u32 = 0;
  if (held) {
    store<u8>(input + FINDING_CHAIN, <u8>CHAIN_SITE);
    store<u16>(input + FINDING_CHAIN + 1, <u16>(row + 1));
    const root = " <- foo.so a|b (.bss)";
    length = 3 + <u32>String.UTF8.encodeUnsafe(changetype<usize>(root), root.length, input + FINDING_CHAIN + 3);
    store<u32>(input, held, FINDING_CHAINED);
  }
  store<u32>(input, length, FINDING_LENGTH);
  expect(takeFindings(FINDING_CHAIN + length, 0)).toBe(0);
}

function contains(text: string, part: string): void {
  expect(text.includes(part)).toBe(true, part + "\n" + text);
}

describe("a leak by proof", () => {
  test("is one before the counters can tell", () => {
    begin();
    pass(85, 200); // too many of the requests for anything but a cache, and too soon
    judgeAll();
    expect(verdictOf(row)).toBe(VERDICT_FILLING);
    found(25, 61, 0, 3);
    judgeAll();
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    const text = rendered();
    contains(text, ", at least 500 of 1,000 blocks lost (61 of 63 watched long enough, in 25 passes)");
    contains(
      text,
      "\n  1 | lost     |      64 |    61 |        0 |     3 |      0 |      25 |     - |       1000 |        500 | heap ",
    );
  });

  test("needs 8 lost blocks, 3 epochs, more than the registers of the threads, and growth of the estimate and of the row", () => {
    begin();
    pass(85, 200);
    found(25, 7, 57, 0);
    expect(isProved(row)).toBe(false);
    found(25, 8, 0, 56, 0, 3);
    expect(isProved(row)).toBe(false);
    found(25, 8, 0, 56, 0, 7, 6 * THREADS);
    expect(isProved(row)).toBe(false);
    found(25, 8, 0, 56, 0, 7, 500, 500);
    expect(isProved(row)).toBe(false);
    found(25, 8, 0, 56, 0, 7, 500, 300, 0);
    expect(isProved(row)).toBe(false, "as many as ever, of a structure that hides them");
    found(25, 8, 0, 56, 0, 7, 500, 300, 600);
    expect(isProved(row)).toBe(false, "5 standard deviations of 21,000 are 725");
    found(25, 8, 0, 56);
    expect(isProved(row)).toBe(true);
    markBlind(row);
    expect(isProved(row)).toBe(false);
    judgeAll();
    expect(verdictOf(row)).toBe(VERDICT_FILLING);
  });

  test("is none any more once a block that was called lost is released", () => {
    begin();
    pass(85, 200);
    found(25, 61, 0, 3);
    judgeAll();
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    markBlind(row);
    judgeAll();
    expect(verdictOf(row)).toBe(VERDICT_FILLING);
    expect(rankSuspects()).toBe(0);
  });

  test("remains one if the counters have found it, though the search is blind", () => {
    begin();
    pass(110, 20);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    found(25, 61, 0, 3);
    judgeAll();
    markBlind(row);
    judgeAll();
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
  });

  test("is said in a word", () => {
    begin();
    pass(85, 200);
    expect(proofOf(row)).toBe(PROOF_NONE);
    packet(3, 0, 0, 0, 0, 0, 0, 0);
    store<u32>(input, 0, FINDING_WATCHED);
    expect(takeFindings(FINDING_CHAIN, 0)).toBe(0);
    expect(proofOf(row)).toBe(PROOF_NONE, "it has no block that can be watched");
    found(21, 8, 0, 56);
    expect(proofOf(row)).toBe(PROOF_LOST);
    found(6, 0, 8, 56);
    expect(proofOf(row)).toBe(PROOF_PROBABLY);
    found(3, 0, 0, 60);
    expect(proofOf(row)).toBe(PROOF_HELD);
    found(3, 0, 0, 40, 24);
    expect(proofOf(row)).toBe(PROOF_UNSURE);
    markBlind(row);
    expect(proofOf(row)).toBe(PROOF_BLIND);
    expect(isSearchable(row)).toBe(true);
    expect(isSearchable(site("memory/IOBuffer/a.cc:1"))).toBe(false);
    const foo = owner("foo.so");
    expect(isSearchable(pluginSite(CLASS_OBJECT, "foo.so hold+0x1", foo, KIND_HELD_TRANSACTION))).toBe(false);
    expect(isSearchable(pluginSite(CLASS_OBJECT, "foo.so make+0x1", foo, KIND_CONT))).toBe(true);
  });
});

describe("a growth that somebody holds", () => {
  test("is filling, with its holder, for an hour by the clock; then a leak", () => {
    begin();
    pass(80, 20, 1);
    found(5, 0, 0, 64);
    pass(40, 20, 1);
    expect(verdictOf(row)).toBe(VERDICT_FILLING);
    expect(<u32>stateOf(row).explanation).toBe(EXPLAINED_BY_HOLDER);
    expect(isUndecided(row)).toBe(true);
    const left = samplesUntilJudged(row);
    expect(left > 3400 && left <= 3600).toBe(true, left.toString());
    expect(rankSuspects()).toBe(0); // nor is its owner
    const text = rendered();
    contains(text, "\nfilling  | held by foo.so table (foo.c:9) | ");
    contains(text, "\n  1 |     100 | held by foo.so table (foo.c:9) <- foo.so a?b (.bss)\n");
    contains(text, " freed, held by foo.so table (foo.c:9); verdict after ");
    pass(3400, 20, 1);
    expect(rankSuspects()).toBe(0);
    pass(200, 20, 1);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    contains(rendered(), " per 1,000 transactions, held by foo.so table (foo.c:9) <- foo.so a?b (.bss)\n");
  });

  test("is no suspect any more, if the counters were first", () => {
    begin();
    pass(100, 20);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    found(3, 0, 0, 64);
    pass(1, 20);
    expect(verdictOf(row)).toBe(VERDICT_FILLING);
    expect(rankSuspects()).toBe(0);
  });

  test("is a leak all the same if it is one by proof", () => {
    begin();
    pass(100, 20);
    found(25, 8, 0, 56);
    pass(1, 20);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
  });

  test("is waited for while something searches, and not for ever", () => {
    begin();
    searched = true;
    pass(110, 20);
    expect(verdictOf(row)).toBe(VERDICT_FILLING);
    expect(<u32>stateOf(row).explanation).toBe(EXPLAINED_BY_CONFIRMATION);
    expect(rankSuspects()).toBe(0);
    pass(80, 20);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
  });

  test("is not waited for where nothing searches: call stacks alone are no search", () => {
    begin();
    pass(110, 20);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
  });

  test("is watched from the sample on that suspects it, or from a request", () => {
    begin();
    pass(70, 20);
    expect(isWatching()).toBe(false);
    requestSearch(put("nothing"));
    expect(isWatching()).toBe(false);
    requestSearch(put("foo.so"));
    expect(isWatching()).toBe(true);
    requestSearch(put("nothing"));
    expect(isWatching()).toBe(false);
    pass(40, 20);
    expect(isWatching()).toBe(true);
  });

  test("is not waited for while no pass is complete", () => {
    begin();
    searched = true;
    for (let i = 0; i < 20; ++i) gapNotice(GAP_MAPS);
    pass(100, 20);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    contains(rendered(), '\nmemtrack warning="the search for references proves nothing: /proc/self/maps cannot be read');
    gapNotice(GAP_NONE);
    expect(rendered().includes("memtrack warning=")).toBe(false);
  });

  test("is left to the counters where the search is blind or unsure", () => {
    begin();
    searched = true;
    pass(82, 20);
    found(3, 0, 0, 40, 24);
    pass(20, 20);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    begin();
    pass(82, 20);
    found(3, 0, 0, 64);
    markBlind(row);
    pass(20, 20);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    contains(rendered(), ", search blind");
  });
});

let clock: u64 = 0;

/** As if the server had run for six days: an epoch lasts nearly one. */
function beginLate(): void {
  begin();
  clock = 0;
  for (let i = 0; i < 500; ++i) {
    nextEpoch((clock += 1000));
    epochPublished(clock);
  }
}

/** Takes a sample, and returns the epoch that the next one is in. */
function nextSample(allocs: u32): u32 {
  pass(1, allocs);
  nextEpoch((clock += 10));
  epochPublished(clock);
  return presentOf(epochsNow);
}

/** A pass has found so many blocks of ended epochs, of which 8 may be lost, all of one. */
function foundIn(passes: u32, blocks: u64, lost: u32): void {
  packet(passes, lost, 0, 0, 0, 1, 500, 500);
  store<u64>(input, blocks, FINDING_BLOCKS);
  expect(takeFindings(FINDING_CHAIN, 0)).toBe(0);
}

describe("an epoch begins early", () => {
  test("once, when a searched growth has enough blocks for a proof, but not without those of the present one", () => {
    beginLate();
    for (let i = 0; i < 85; ++i) nextSample(200);
    const epoch = presentOf(epochsNow);
    expect(isUndecided(row)).toBe(true);
    foundIn(1, 6 * THREADS + 1, 0);
    expect(nextSample(200)).toBe(epoch, "enough are older");
    foundIn(2, 6 * THREADS, 0);
    expect(nextSample(200)).toBe(epoch + 1);
    for (let i = 0; i < 5; ++i) expect(nextSample(200)).toBe(epoch + 1);
  });

  test("when enough blocks are lost, but of too few epochs, and those of the last could be lost by now", () => {
    beginLate();
    for (let i = 0; i < 70; ++i) nextSample(200);
    const epoch = presentOf(epochsNow);
    let begun: u32 = 0;
    for (let passes: u32 = 1; passes < 58; ++passes) {
      foundIn(passes, 100_000, passes > 22 ? 8 : 0);
      const next = nextSample(passes % 4 ? 0 : 800); // a sample takes as long as a pass, or four
      expect(isUndecided(row)).toBe(true, `${passes} passes`);
      if (next == epoch + begun) continue;
      expect(next).toBe(epoch + ++begun);
      expect(passes).toBe(begun == 1 ? 23 : 46);
    }
    expect(begun).toBe(2);
  });

  test("for none that is steady, blind, or a leak by proof", () => {
    beginLate();
    for (let i = 0; i < 85; ++i) nextSample(i < 20 ? 200 : 0);
    const epoch = presentOf(epochsNow);
    foundIn(30, 10, 0);
    expect(nextSample(0)).toBe(epoch, "steady");
    beginLate();
    for (let i = 0; i < 85; ++i) nextSample(200);
    markBlind(row);
    foundIn(30, 10, 0);
    expect(nextSample(0)).toBe(epoch, "blind");
  });
});
