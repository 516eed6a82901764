// SPDX-License-Identifier: Apache-2.0
//
// An instance that counts the events of one thread. Node has no threads: callers use a shard for each thread whose events they
// count.

import * as abi from "../../../assembly/abi.ts";
import { Instance } from "./instance.ts";
import type { Model } from "./model.ts";

export class Shard extends Instance {
  /** The registry was full, and this shard has all of its keys. */
  sealed = false;

  constructor(module: WebAssembly.Module, sites: number) {
    super(module, abi.ROLE_SHARD, sites);
  }

  /** @returns the charged site, or SITE_UNKNOWN (nothing was counted) */
  recordBufferEvent(place: bigint, size: bigint): number {
    return this.wasm.recordBufferEvent(place, size) >>> 0;
  }

  recordAlloc(place: bigint, detail: bigint, size: bigint): number {
    return this.wasm.recordAlloc(place, detail, size) >>> 0;
  }

  recordFree(site: number, size: bigint): number {
    return this.wasm.recordFree(site, size) >>> 0;
  }

  recordFreeOld(site: number, epoch: number, size: bigint): number {
    return this.wasm.recordFreeOld(site, epoch, size) >>> 0;
  }

  /** Advances to other epochs; `count` sites have numbers. */
  advanceEpochs(published: bigint, count: number): void {
    this.wasm.advanceEpochs(published, count);
  }

  /** The epochs to which this shard has advanced. */
  get epochs(): bigint {
    return BigInt.asUintN(64, this.wasm.epochs.value);
  }

  carry(site: number, allocs: bigint, allocBytes: bigint, frees: bigint, freeBytes: bigint): number {
    return this.wasm.carry(site, allocs, allocBytes, frees, freeBytes) >>> 0;
  }

  insertKey(site: number, place: bigint, detail: bigint): boolean {
    return this.wasm.insertKey(site, place, detail) === 0;
  }

  /** @param knows SEALED_... */
  freeze(knows: number): void {
    this.wasm.freeze(knows);
    this.sealed = true;
  }

  /** Copies a pair (RECORD_ALLOCS or RECORD_FREES) of the sites 0 to count - 1 to a model's staging region. */
  copyPairs(pair: number, count: number, model: Model): void {
    const { staging } = model;
    for (let site = 0; site < count; ++site) {
      const at = abi.RECORDS_AT + site * abi.RECORD_SIZE + pair;
      staging.set(this.bytes.subarray(at, at + abi.PAIR_SIZE), site * abi.PAIR_SIZE);
    }
  }

  /** Copies snapshots of the sites `first` to `first + count - 1` to a model's staging region. */
  copySites(first: number, count: number, model: Model): void {
    const { staging } = model;
    const view = new DataView(staging.buffer, staging.byteOffset);
    for (let i = 0; i < count; ++i) {
      const at = i * abi.STAGED_SIZE;
      const pairs = abi.RECORDS_AT + (first + i) * abi.RECORD_SIZE + abi.RECORD_ALLOCS;
      const old = abi.BUCKETS_AT + (first + i) * abi.BUCKETS_SIZE;
      view.setBigUint64(at + abi.STAGED_EPOCHS, this.epochs, true);
      staging.set(this.bytes.subarray(pairs, pairs + 2 * abi.PAIR_SIZE), at + abi.STAGED_PAIRS);
      staging.set(this.bytes.subarray(old, old + abi.BUCKETS_SIZE), at + abi.STAGED_BUCKETS);
    }
  }
}
