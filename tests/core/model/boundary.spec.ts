// SPDX-License-Identifier: Apache-2.0
//
// Epochs over a server's lifetime: their number, how well old epochs remain distinguishable, and correct age bounds.

import { BUCKETS, EPOCH_MASK, MEASURE_INTERVAL } from "../../../assembly/abi";
import {
  ageTolerance,
  epochPublished,
  epochsNow,
  nextEpoch,
  oldBuckets,
  olderThanBucket,
  secondsOfEpochs,
  spareEpochs,
  wantEpoch,
  youngerThanBucket,
} from "../../../assembly/model/boundary";
import { setMeasure } from "../../../assembly/model/environment";
import { beginOf, bucketOf, presentOf, withBegin } from "../../../assembly/shard/epoch";
import { fresh, Random, seed } from "../support";

const DAY: u64 = 86400;
const YEAR: u64 = 365 * DAY;

/** When each epoch began and ended. */
const begins = new StaticArray<u64>(EPOCH_MASK + 2);

function at(now: u64): void {
  const before = presentOf(epochsNow);
  nextEpoch(now);
  epochPublished(now);
  if (presentOf(epochsNow) != before) begins[before + 1] = now;
}

/** Takes samples at an interval for some seconds. */
function live(interval: u64, seconds: u64): void {
  fresh();
  setMeasure(MEASURE_INTERVAL, interval);
  for (let now: u64 = 0; now <= seconds; now += interval) at(1000 + now);
}

/** The bucket of an epoch, found by a simple loop over the lanes. */
function slowBucketOf(word: u64, epoch: u32): u32 {
  let later: u32 = 0;
  for (let lane: u32 = 0; lane < BUCKETS; ++lane) if (beginOf(word, lane) > epoch) ++later;
  return later;
}

describe("a word of epochs", () => {
  test("gives every epoch its bucket, for all valid words", () => {
    const random = new Random(seed());
    for (let i = 0; i < 200000; ++i) {
      let word: u64 = 0;
      let limit: u32 = 128;
      for (let lane: u32 = 0; lane < BUCKETS && limit; ++lane) word = withBegin(word, lane, (limit = random.below(limit)));
      const epoch = random.below(128);
      if (bucketOf(word, epoch) != slowBucketOf(word, epoch)) {
        trace("MEMTRACK_SEED=" + seed().toString(), 2, <f64>word, <f64>epoch);
        expect(bucketOf(word, epoch)).toBe(slowBucketOf(word, epoch));
        break;
      }
    }
  });

  test("has no old bucket before an epoch has ended", () => {
    fresh();
    at(1000);
    at(1009);
    expect(epochsNow).toBe(0);
    expect(oldBuckets()).toBe(0);
    at(1010);
    expect(presentOf(epochsNow)).toBe(1);
    expect(oldBuckets()).toBe(1);
    expect(bucketOf(epochsNow, 0)).toBe(1);
    expect(bucketOf(epochsNow, 1)).toBe(0);
  });
});

describe("epochs", () => {
  test("are enough for ten years, at the default and at the shortest interval", () => {
    live(10, 10);
    // An epoch ends at a sample, so the test can skip from one end to the next.
    for (let now: u64 = 20; now < 10 * YEAR; now += max<u64>(10, (now / 1000) * 10)) at(1000 + now);
    expect(presentOf(epochsNow)).toBeLessThan(EPOCH_MASK);
    expect(presentOf(epochsNow)).toBeGreaterThan(90);
    live(1, 10);
    for (let now: u64 = 11; now < 10 * YEAR; now += max<u64>(1, now / 1000)) at(1000 + now);
    expect(presentOf(epochsNow)).toBeLessThan(EPOCH_MASK);
  });

  test("begin early where one is wanted, and then suffice for two years", () => {
    for (let wanted: u64 = 3600; wanted < YEAR; wanted *= 3) {
      live(10, 10);
      let now: u64 = 20;
      for (; now < wanted; now += max<u64>(10, (now / 1000) * 10)) at(1000 + now);
      const before = presentOf(epochsNow);
      let spare = spareEpochs();
      expect(spare >= 20 && spare <= 40).toBe(true, `${spare} after ${now} s`);
      wantEpoch(spare);
      at(1000 + (now += 10));
      expect(presentOf(epochsNow) - before).toBeLessThan(2, "not one more than there are");
      for (let i = 0; i < 100; ++i) {
        spare = spareEpochs();
        const present = presentOf(epochsNow);
        wantEpoch(0);
        wantEpoch(spare);
        at(1000 + (now += 10));
        if (spare) expect(presentOf(epochsNow)).toBe(present + 1);
      }
      expect(presentOf(epochsNow) - before > 20).toBe(true);
      at(1000 + (now += 10));
      for (; now < 2 * YEAR; now += max<u64>(10, (now / 1000) * 10)) {
        wantEpoch(0);
        at(1000 + now);
      }
      expect(presentOf(epochsNow) <= EPOCH_MASK).toBe(true);
      expect(spareEpochs() <= 1).toBe(true);
      expect(2 * YEAR - begins[presentOf(epochsNow)] + 1000 < YEAR).toBe(true, "the last one has not lasted for long");
    }
  });

  test("keep the last one when none is left, and age bounds stay correct", () => {
    live(1, 10);
    for (let now: u64 = 11; now < 1000 * YEAR; now += max<u64>(1, now / 1000)) at(1000 + now);
    expect(presentOf(epochsNow)).toBe(EPOCH_MASK);
    const word = epochsNow;
    const now = 1000 + 2000 * YEAR;
    at(now);
    expect(epochsNow).toBe(word);
    expect(youngerThanBucket(0, now)).toBeGreaterThan(1000 * YEAR);
    for (let bucket: u32 = 1; bucket <= BUCKETS; ++bucket) expect(olderThanBucket(bucket, now)).toBeGreaterThan(1000 * YEAR);
  });

  test("have boundaries evenly spaced on a logarithmic scale, at every moment of 30 days", () => {
    fresh();
    setMeasure(MEASURE_INTERVAL, 10);
    let worst: f64 = 0;
    let far: f64 = 0;
    for (let time: u64 = 0; time < 30 * DAY; time += 10) {
      const now = 1000 + time;
      at(now);
      if (time < 600) continue;
      assert(oldBuckets() == BUCKETS);
      let nearest: f64 = 100;
      // The newest boundary may be of this moment. Each older one has a limited ratio to the next.
      for (let bucket: u32 = 2; bucket <= BUCKETS; ++bucket) {
        const age = <f64>(olderThanBucket(bucket, now) + 1);
        const older = bucket < BUCKETS ? <f64>(olderThanBucket(bucket + 1, now) + 1) : <f64>time;
        if (older / age > worst) worst = older / age;
        const half = age > <f64>time / 2 ? age / (<f64>time / 2) : <f64>time / 2 / age;
        if (half < nearest) nearest = half;
      }
      if (nearest > far) far = nearest;
    }
    trace("between two boundaries at most, from half the time at most", 2, worst, far);
    expect(worst).toBeLessThan(2.2);
    expect(far).toBeLessThan(1.5);
  });

  test("begin and end within the reported bounds, whatever the times between samples", () => {
    const random = new Random(seed());
    for (let run = 0; run < 50; ++run) {
      fresh();
      setMeasure(MEASURE_INTERVAL, 1 + random.below(100));
      let now: u64 = 1 + random.below(1000000);
      begins[0] = now;
      for (let step = 0; step < 300; ++step) {
        at(now);
        for (let epoch: u32 = 0; epoch <= presentOf(epochsNow); ++epoch) {
          const bucket = bucketOf(epochsNow, epoch);
          const end = epoch < presentOf(epochsNow) ? begins[epoch + 1] : now;
          // Memory allocated at the epoch's end is at least as old as the lower bound, memory allocated at its beginning at most as old as
          // the upper.
          assert(olderThanBucket(bucket, now) <= now - end, "older");
          const young = youngerThanBucket(bucket, now);
          assert(young >= now - begins[epoch], "younger");
          if (bucket) assert(olderThanBucket(bucket, now) == youngerThanBucket(bucket - 1, now), "the spans meet");
        }
        if (!random.below(4)) wantEpoch(0);
        now += 1 + random.below(1 + random.below(1000));
      }
    }
  });

  test("remain valid when the clock goes back or far ahead", () => {
    live(10, 1000);
    const before = secondsOfEpochs(2000);
    const present = presentOf(epochsNow);
    at(5); // the clock goes back
    expect(secondsOfEpochs(5)).toBe(before);
    expect(presentOf(epochsNow) - present).toBeLessThan(2);
    at(105);
    expect(secondsOfEpochs(105)).toBe(before + 100);
    at(105 + 10 * YEAR); // and far ahead: one epoch lasts that long
    expect(presentOf(epochsNow) - present).toBeLessThan(4);
    expect(olderThanBucket(1, 105 + 10 * YEAR)).toBe(0);
    expect(olderThanBucket(2, 105 + 10 * YEAR)).toBeGreaterThan(10 * YEAR - 1000);
    at(u64.MAX_VALUE);
    at(0);
    for (let bucket: u32 = 0; bucket <= BUCKETS; ++bucket) assert(olderThanBucket(bucket, 0) <= secondsOfEpochs(0));
  });

  test("count from their publication, not from their creation", () => {
    fresh();
    nextEpoch(1000);
    epochPublished(1000);
    nextEpoch(1100);
    epochPublished(1130); // the host published it late
    // Memory allocated in between belongs to the older epoch, and is 30 s younger than reported.
    expect(olderThanBucket(1, 1200)).toBe(100);
    expect(youngerThanBucket(0, 1200)).toBe(100);
    expect(ageTolerance()).toBe(31);
  });
});
