// SPDX-License-Identifier: Apache-2.0
//
// The instance that sums shards, takes samples of the sums, judges them, and writes the text of a dump.

import * as abi from "../../../assembly/abi.ts";
import { Instance, type Text } from "./instance.ts";

export class Model extends Instance {
  constructor(module: WebAssembly.Module, sites: number) {
    super(module, abi.ROLE_MODEL, sites);
  }

  start(): void {
    this.wasm.start();
  }

  /** Where shards' counters are laid to be merged: a view that goes on to the end of the memory. */
  get staging(): Uint8Array {
    return this.bytes.subarray(this.wasm.stagingAt());
  }

  /** Lays pairs (64 bits of count, 64 of bytes, by site) into the staging region, as Shard.copyPairs() does it. */
  stage(pairs: Uint32Array): void {
    const size = Math.min(pairs.byteLength, this.wasm.slots.value * abi.PAIR_SIZE);
    this.staging.set(new Uint8Array(pairs.buffer, pairs.byteOffset, size));
  }

  /** Takes the registry's names and owners where they are of another version than it has. It then knows all sites. */
  updateNames(names: Uint8Array, count: number, version: number): void {
    if (version !== this.wasm.knownVersion()) this.bytes.set(names, this.wasm.namesAt());
    if (this.wasm.updateNames(count, version) !== 0) throw new RangeError(`the model refuses ${count} sites`);
  }

  mergeFrees(count: number): void {
    this.wasm.mergeFrees(count);
  }

  mergeAllocs(count: number): void {
    this.wasm.mergeAllocs(count);
  }

  mergeBuckets(first: number, count: number): void {
    this.wasm.mergeBuckets(first, count);
  }

  /** Begins an epoch, if it is time. Returns what is to be published; then epochPublished() is to be called. */
  nextEpoch(now: bigint): bigint {
    return BigInt.asUintN(64, this.wasm.nextEpoch(now));
  }

  epochPublished(now: bigint): void {
    this.wasm.epochPublished(now);
  }

  arm(cls: number): void {
    this.wasm.arm(cls);
  }

  /** A class is not tracked any more: it has no rows. */
  disarm(cls: number): void {
    this.wasm.disarm(cls);
  }

  sumRows(): void {
    this.wasm.sumRows();
  }

  /** The next site after this one whose number can be given again, or 0. */
  reclaim(after: number): number {
    return this.wasm.reclaim(after) >>> 0;
  }

  applyBaseline(): void {
    this.wasm.applyBaseline();
  }

  verifyStart(): void {
    this.wasm.verifyStart();
  }

  verifyRow(site: number, allocs: bigint, frees: bigint, inUse: bigint): boolean {
    return this.wasm.verifyRow(site, allocs, frees, inUse) === 0;
  }

  verifyMark(): void {
    this.wasm.verifyMark();
  }

  verifyCompare(): number {
    return this.wasm.verifyCompare() >>> 0;
  }

  setHeaderNumber(which: number, value: bigint): void {
    if (this.wasm.setHeaderNumber(which, value) !== 0) throw new RangeError(`the core has no fact ${which}`);
  }

  setHeaderText(which: number, text: Text): void {
    if (this.wasm.setHeaderText(which, this.input(text)) !== 0) throw new RangeError(`the core has no text ${which}`);
  }

  /** The text of a dump; with the number of a baseline, relative to that. */
  render(baseline?: number): Buffer {
    if (baseline !== undefined) this.wasm.selectBaseline(baseline);
    const size = this.wasm.render() >>> 0;
    if (size === 0) throw new RangeError("the dump did not fit");
    return this.output(size);
  }

  /** Bytes that histories and what belongs to them take. */
  get analysisSize(): number {
    return this.wasm.analysisSize() >>> 0;
  }

  /** What the host measured (MEASURE_...); undefined is unknown. */
  setMeasures(values: Iterable<readonly [number, bigint | number | undefined]>): void {
    this.wasm.clearMeasures();
    for (const [which, value] of values) {
      if (value === undefined) continue;
      if (this.wasm.setMeasure(which, BigInt(value)) !== 0) throw new RangeError(`the core has no measure ${which}`);
    }
  }

  forgetAll(): void {
    this.wasm.forgetAll();
  }

  /** Takes a sample of the settled sums. */
  sample(now: bigint, transactions: bigint): void {
    this.wasm.sample(now, transactions);
  }

  /** True once, when the warm-up has ended. */
  warmUpEnded(): boolean {
    return this.wasm.warmUpEnded() === 1;
  }

  historyForget(row: number): void {
    this.wasm.historyForget(row);
  }

  historyMove(from: number, to: number): void {
    this.wasm.historyMove(from, to);
  }

  /** Sets a baseline of the settled sums, BASELINE_BY_.... Returns the line that says what was done. */
  markBaseline(name: Text, now: bigint, transactions: bigint, by: number = abi.BASELINE_BY_USER): string {
    return this.output(this.wasm.markBaseline(this.input(name), now, transactions, by) >>> 0).toString();
  }

  /** The number of a baseline, or undefined where there is none of that name. */
  baselineNamed(name: Text): number | undefined {
    const slot = this.wasm.baselineNamed(this.input(name));
    return slot < 0 ? undefined : slot;
  }

  /** The names of all baselines, the newest first. */
  listBaselines(): string {
    return this.output(this.wasm.listBaselines() >>> 0).toString();
  }

  /** VERDICT_... of a row; of an owner, whose number comes behind those of all rows. */
  verdictOf(row: number): number {
    return this.wasm.verdictOf(row) >>> 0;
  }

  /** Rows (and owners) of the suspects, the most urgent first, those of one suspect one after the other. */
  suspects(): number[] {
    this.wasm.rankSuspects();
    return Array.from({ length: this.wasm.rankedCount() >>> 0 }, (_, position) => this.wasm.ranked(position) >>> 0);
  }

  /** How many suspects there are: rows of one cause are one. */
  countSuspects(): number {
    return this.wasm.rankSuspects() >>> 0;
  }

  trackedBytes(cls: number): bigint {
    return this.wasm.trackedBytes(cls);
  }

  /** The next line on a suspect that is due, and how grave it is (LINE_...); or undefined. */
  nextWarning(): { text: string; severity: number } | undefined {
    const size = this.wasm.nextWarning() >>> 0;
    return size ? { text: this.output(size).toString(), severity: this.wasm.answerSeverity() >>> 0 } : undefined;
  }
}
