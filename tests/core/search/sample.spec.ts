// SPDX-License-Identifier: Apache-2.0
//
// The sample of a site, and what it tells of all blocks, against a plain list of these.

import {
  EPOCH_MASK,
  FINDING_BLOCKS,
  FINDING_ESTIMATE,
  FINDING_EXPECTED,
  FINDING_LOST,
  FINDING_OLD,
  FINDING_WATCHED,
  LOST_PASSES,
  TAG_SIZE,
  WATCHED_MAX,
} from "../../../assembly/abi";
import { blockAt, firstOf } from "../../../assembly/search/block";
import { cohortOf } from "../../../assembly/search/cohort";
import { searchedAt, slotOf } from "../../../assembly/search/searched";
import { checkOf } from "../../../assembly/search/tag";
import { Random, seed } from "../support";
import {
  BASE,
  birth,
  block,
  epoch,
  found,
  foundLong,
  memoryOf,
  pass,
  peek,
  poke,
  release,
  setEpochNow,
  SITE,
  usableOf,
  watch,
} from "./support";

const SIZE: u32 = 0x60000;
const ROOTS: u64 = BASE + 0x40000;
const PLACES: u32 = 3000;

class Live {
  constructor(
    public place: u32,
    public when: u32,
    public rank: u64,
    public held: bool,
  ) {}
}

let random: Random = new Random(1);
let live: Live[] = [];
let free: u32[] = [];

function begin(): void {
  memoryOf(SIZE);
  setEpochNow(1);
  watch([SITE]);
  live = [];
  free = [];
  for (let i: u32 = 0; i < PLACES; ++i) free.push(i);
}

function addressOf(place: u32): u64 {
  return BASE + 0x100 + <u64>place * 64;
}

/** Allocates a block at a random place, with a reference if it is held, and to another block if that is linked. */
function allocate(held: bool, linked: bool = false): void {
  if (!free.length) return;
  const at = random.below(<u32>free.length);
  const place = free[at];
  free[at] = free[free.length - 1];
  free.pop();
  const start = block(addressOf(place), SITE, 40, epoch);
  poke(ROOTS + <u64>place * 8, held ? start : 0);
  poke(start, linked && live.length ? addressOf(live[random.below(<u32>live.length)].place) : 0);
  live.push(new Live(place, epoch, checkOf(peek(start + usableOf(40) - TAG_SIZE)), held));
}

function releaseAt(index: u32): void {
  const gone = live[index];
  release(addressOf(gone.place));
  poke(ROOTS + <u64>gone.place * 8, 0);
  free.push(gone.place);
  live[index] = live[live.length - 1];
  live.pop();
}

/** Blocks of earlier epochs than this. */
function before(end: u32, onlyLost: bool = false): u32 {
  let count: u32 = 0;
  for (let i = 0; i < live.length; ++i) if (live[i].when < end && !(onlyLost && live[i].held)) ++count;
  return count;
}

function isSampled(one: Live, since: u32): bool {
  for (let i: u32 = 0; i < WATCHED_MAX; ++i) {
    const watched = blockAt(firstOf(slotOf(birth(SITE, 0))) + i);
    if (watched.address == addressOf(one.place)) return watched.since <= since && (watched.birth & EPOCH_MASK) == one.when;
  }
  return false;
}

/** Checks each cohort that is not ripe yet: its blocks below the bound are all watched since. Returns the fewest of them, or of all its blocks. */
function checkCohorts(epochs: u32[]): u32 {
  const slot = slotOf(birth(SITE, 0));
  const last = searchedAt(slot).passes;
  let fewest: u32 = WATCHED_MAX;
  for (let at = last > LOST_PASSES ? last - LOST_PASSES + 1 : 1; at <= last; ++at) {
    const cohort = cohortOf(slot, at);
    expect(cohort.epoch).toBe(epochs[at - 1]);
    let below: u32 = 0;
    for (let i = 0; i < live.length; ++i) {
      if (live[i].when >= cohort.epoch || live[i].rank >= cohort.bound) continue;
      ++below;
      expect(isSampled(live[i], at)).toBe(true, `a block of cohort ${at} in pass ${last}`);
    }
    fewest = min(fewest, below == before(cohort.epoch) ? WATCHED_MAX : below);
  }
  return fewest;
}

describe("the sample", () => {
  test("has of each cohort all blocks below its bound, whatever is allocated and released", () => {
    random = new Random(seed());
    for (let round = 0; round < 2; ++round) {
      begin();
      const epochs: u32[] = [];
      const births: u32 = 1 + random.below(120);
      const deaths: u32 = random.below(births + 1);
      for (let n = 0; n < 50; ++n) {
        for (let i: u32 = 0; i < births; ++i) allocate(random.below(3) == 0, random.below(4) == 0);
        for (let i: u32 = 0; i < deaths && live.length; ++i) releaseAt(random.below(<u32>live.length));
        if (random.below(3)) setEpochNow(epoch + 1);
        epochs.push(epoch);
        pass();
        expect(foundLong(FINDING_BLOCKS)).toBe(before(epoch));
        expect(found(FINDING_OLD) <= found(FINDING_WATCHED)).toBe(true);
        checkCohorts(epochs);
      }
    }
  });

  test("shares its room among the cohorts of a row that grows from nothing, so that enough of it is lost as soon as it can be", () => {
    random = new Random(seed() + 1);
    begin();
    const epochs: u32[] = [];
    let estimate: u64 = 0;
    for (let n: u32 = 1; n <= 30; ++n) {
      for (let i = 0; i < 90; ++i) allocate(false);
      setEpochNow(epoch + 1);
      epochs.push(epoch);
      pass();
      expect(checkCohorts(epochs) >= 14).toBe(true, `${n}`);
      if (n <= LOST_PASSES) continue;
      expect(found(FINDING_LOST) >= 14).toBe(true, `lost in pass ${n}`);
      expect(foundLong(FINDING_ESTIMATE) > estimate).toBe(true, `the estimate in pass ${n}`);
      estimate = foundLong(FINDING_ESTIMATE);
      expect(estimate <= before(epochs[n - 1 - LOST_PASSES])).toBe(true);
      expect(foundLong(FINDING_EXPECTED)).toBe(before(epochs[n - 1 - LOST_PASSES]), "all are lost");
    }
  });

  test("tells how many blocks are lost without a bias, and how many at least, while the row grows and others are released", () => {
    random = new Random(seed() + 2);
    let told: u32 = 0;
    let above: u32 = 0;
    let ratios: f64 = 0;
    for (let round: u32 = 0; round < 40; ++round) {
      begin();
      const epochs: u32[] = [];
      const heldOf: u32 = 2 + random.below(8);
      const passes: u32 = LOST_PASSES + 1 + random.below(12);
      for (let n: u32 = 0; n < passes; ++n) {
        for (let i = 0; i < 70; ++i) allocate(random.below(10) < heldOf);
        for (let i = 0; i < 50; ++i) {
          const at = random.below(<u32>live.length);
          if (live[at].held) releaseAt(at);
        }
        setEpochNow(epoch + 1);
        epochs.push(epoch);
        pass();
      }
      const lost = before(epochs[passes - 1 - LOST_PASSES], true);
      if (!lost) continue;
      ++told;
      if (foundLong(FINDING_ESTIMATE) > lost) ++above;
      ratios += <f64>foundLong(FINDING_EXPECTED) / <f64>lost;
    }
    const mean = ratios / <f64>told;
    expect(told > 35).toBe(true);
    expect(above * 12 <= told).toBe(true, `${above} of ${told} estimates are above`);
    expect(mean > 0.93 && mean < 1.07).toBe(true, `${mean}`);
  });
});
