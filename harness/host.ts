// SPDX-License-Identifier: Apache-2.0
//
// The C host's use of instances (host/ats), in Node: shards, a registry, a model, and the path of an event and of a dump through
// them. Tests drive the core with it; no product code uses it.

import * as abi from "../assembly/abi.ts";
import type { Text } from "../host/node/core/instance.ts";
import { Model } from "../host/node/core/model.ts";
import { Registry } from "../host/node/core/registry.ts";
import { Shard } from "../host/node/core/shard.ts";

/** Epoch of a shard's new allocations: the lowest lane of its word (assembly/shard/epoch.ts). */
function presentOf(shard: Shard): number {
  return Number(shard.epochs) & abi.EPOCH_MASK;
}

/** The site of a birth. */
export function siteOf(birth: number): number {
  return birth === abi.SITE_UNKNOWN ? birth : birth >>> abi.EPOCH_BITS;
}

/** The facts in a dump's header, except those that the Host knows itself. */
export interface Facts {
  time: bigint;
  reason?: number;
  level: number;
  armed?: bigint;
  traps?: number;
  /** HOOK_... */
  iobuffer?: number;
  openssl?: number;
  digest?: Text;
  iobufferReason?: Text;
  opensslReason?: Text;
}

/** A row of another accountant's table. */
export interface OtherRow {
  name: Text;
  allocs: bigint;
  frees: bigint;
  inUse: bigint;
}

export class Host {
  readonly registry: Registry;
  readonly model: Model;
  readonly shards: Shard[] = [];
  /** Number of events that could not be charged to any site. */
  lost = 0n;
  /** The published epochs. */
  epochs = 0n;
  readonly #module: WebAssembly.Module;
  readonly #sites: number;
  #dumps = 0n;

  constructor(module: WebAssembly.Module, sites: number = abi.SITES_DEFAULT) {
    this.#module = module;
    this.#sites = sites;
    this.registry = new Registry(module, sites);
    this.model = new Model(module, sites);
  }

  /** Adds a shard. */
  addShard(): Shard {
    const shard = new Shard(this.#module, this.#sites);
    this.shards.push(shard);
    return shard;
  }

  /** Memory of all instances in bytes. */
  get memory(): number {
    return [this.registry, this.model, ...this.shards].reduce((sum, core) => sum + core.size, 0);
  }

  /** Counts an IOBuffer event; a negative size is a release. Returns the charged site. */
  recordBufferEvent(shard: Shard, place: bigint, location: Text, size: bigint, owner = abi.OWNER_CORE): number {
    const detail = BigInt(abi.CLASS_IOBUFFER << abi.ATTRIBUTES_CLASS_SHIFT);
    return this.#account(
      () => shard.recordBufferEvent(place, size),
      () => this.#learnKey(shard, place, detail, location, owner, 0),
    );
  }

  /**
   * Counts an allocation. Returns its birth, which the release must pass: the site (siteOf) and the epoch.
   * @param line for an object: its KIND_...
   * @param owner key of the owner whose code is running
   */
  recordAlloc(
    shard: Shard,
    cls: number,
    place: bigint,
    file: Text,
    line: number,
    size: bigint,
    owner = abi.OWNER_CORE,
    flags = 0,
  ): number {
    const low = ((cls << abi.ATTRIBUTES_CLASS_SHIFT) | (line & abi.ATTRIBUTES_LINE_MASK)) >>> 0;
    const detail = (BigInt(owner) << BigInt(abi.ATTRIBUTES_OWNER_SHIFT)) | BigInt(low);
    if (shard.epochs !== this.epochs) this.#advanceEpochs(shard);
    const site = this.#account(
      () => shard.recordAlloc(place, detail, size),
      () => this.#learnKey(shard, place, detail, file, owner, flags),
    );
    return site === abi.SITE_UNKNOWN ? site : ((site << abi.EPOCH_BITS) | presentOf(shard)) >>> 0;
  }

  /** Counts a release, for the site that allocated and for the epoch. */
  recordFree(shard: Shard, birth: number, size: bigint): number {
    const epoch = birth & abi.EPOCH_MASK;
    if (epoch > presentOf(shard)) this.#advanceEpochs(shard);
    return this.#counted(shard.recordFreeOld(siteOf(birth), epoch, size));
  }

  /** Counts a release whose allocation was not counted: older, or foreign. */
  recordFreeUntagged(shard: Shard, cls: number, size: bigint): number {
    return this.#counted(shard.recordFree(abi.SITE_PRE_ARMING + cls, size));
  }

  /** Takes over counts of another accountant. It reports memory in use, which counts as allocated and kept. */
  carryOver(shard: Shard, rows: Iterable<OtherRow>): void {
    for (const { name, allocs, frees, inUse } of rows) {
      const site = this.registry.registerName(name);
      this.#counted(shard.carry(site, allocs, inUse > 0n ? inUse : 0n, frees, inUse < 0n ? -inUse : 0n));
    }
  }

  /** Arms a class: later dumps do not include earlier counts. */
  arm(cls: number): void {
    this.#collect();
    this.model.arm(cls);
  }

  /** Updates the sums without a dump, so that releases of older memory are detected while they are visible. */
  observe(): void {
    this.#collect();
    this.model.applyBaseline();
  }

  /** Takes a sample for the analysis. `measures` are pairs of MEASURE_... and a value; measures not listed are unknown. */
  sample(now: bigint, transactions: bigint, measures: Iterable<readonly [number, bigint | number | undefined]> = []): void {
    this.model.setMeasures(measures);
    this.epochs = this.model.nextEpoch(now);
    this.model.epochPublished(now);
    this.observe();
    this.model.sample(now, transactions);
  }

  /** From now on verify mode's two accountants must agree. */
  markVerify(rows: Iterable<OtherRow>): void {
    const sites = this.#sitesOf(rows);
    this.#collect();
    this.#tell(sites);
    this.model.verifyMark();
  }

  /**
   * Returns the text of a dump. With `verify`, it is compared with these rows of the other accountant; with `baseline` (its
   * number), growth is relative to that baseline.
   */
  dump(facts: Facts, verify?: Iterable<OtherRow>, baseline?: number): Buffer {
    const sites = verify && this.#sitesOf(verify);
    this.#collect();
    if (sites) {
      this.#tell(sites);
      this.model.verifyCompare();
    }
    this.model.applyBaseline();
    this.#tellFacts(facts, sites !== undefined);
    return this.model.render(baseline);
  }

  /** Calls the core. For an unknown key, inserts the key and calls again, at most twice. */
  #account(call: () => number, learn: () => void): number {
    let site = call();
    for (let i = 0; i < 2 && site === abi.SITE_UNKNOWN; ++i) {
      learn();
      site = call();
    }
    return this.#counted(site);
  }

  /** Like the C host's account.cc: the registry knows every site; a shard learns the sites that it uses. */
  #learnKey(shard: Shard, place: bigint, detail: bigint, text: Text, owner: number, flags: number): void {
    const site = this.registry.register(place, detail, text, owner, flags);
    if (this.registry.isOwnSite(site)) shard.insertKey(site, place, detail);
    else if (site >= abi.SITE_FIRST && shard.sealed) this.#insertKey(shard, site);
    else this.#freeze(shard);
  }

  #insertKey(shard: Shard, site: number): void {
    const key = this.registry.key(site);
    if (key) shard.insertKey(site, key.place, key.detail);
  }

  /** The registry is full: the shard gets all keys, each site under its own number, before it charges unknown keys to (other). */
  #freeze(shard: Shard): void {
    for (let site = abi.SITE_FIRST; site < this.registry.siteCount; ++site) this.#insertKey(shard, site);
    shard.freeze(shard.sealed ? abi.FROZEN_ALL : abi.FROZEN_SITES);
  }

  /** Advances a shard to the published epochs, before it allocates, or before it releases a block of a later epoch than its own. */
  #advanceEpochs(shard: Shard): void {
    shard.advanceEpochs(this.epochs, this.registry.siteCount);
  }

  #counted(site: number): number {
    if (site === abi.SITE_UNKNOWN) ++this.lost;
    return site;
  }

  /** Sums all shards in the model: all frees, then all allocations, then memory of older epochs (assembly/model/model.ts). */
  #collect(): void {
    this.model.start();
    for (const pair of [abi.RECORD_FREES, abi.RECORD_ALLOCS]) {
      const count = this.registry.siteCount;
      for (const shard of this.shards) {
        shard.copyPairs(pair, count, this.model);
        if (pair === abi.RECORD_FREES) this.model.mergeFrees(count);
        else this.model.mergeAllocs(count);
      }
    }
    const count = this.registry.siteCount;
    for (const shard of this.shards) {
      for (let first = 0; first < count; first += abi.STAGED_MAX) {
        const some = Math.min(count - first, abi.STAGED_MAX);
        shard.copySites(first, some, this.model);
        this.model.mergeBuckets(first, some);
      }
    }
    this.registry.copyNames(this.model);
    this.model.sumRows();
  }

  /** Reclaims the numbers of sites that cannot be used again. Returns them. */
  reclaim(): number[] {
    this.registry.copyNames(this.model); // the model must know the retired owners before it reads the counters
    this.#collect();
    const numbers: number[] = [];
    for (let site = this.model.reclaim(0); site; site = this.model.reclaim(site)) {
      if (this.registry.freeSite(site)) numbers.push(site);
    }
    return numbers;
  }

  #sitesOf(rows: Iterable<OtherRow>): (OtherRow & { site: number })[] {
    return Array.from(rows, (row) => ({ ...row, site: this.registry.registerName(row.name) }));
  }

  #tell(rows: (OtherRow & { site: number })[]): void {
    this.model.verifyStart();
    for (const { site, allocs, frees, inUse } of rows) this.model.verifyRow(site, allocs, frees, inUse);
  }

  #tellFacts(facts: Facts, verify: boolean): void {
    const values: [number, bigint | number][] = [
      [abi.FACT_DUMP, ++this.#dumps],
      [abi.FACT_TIME, facts.time],
      [abi.FACT_REASON, facts.reason ?? abi.DUMP_REASON_OTHER],
      [abi.FACT_LEVEL, facts.level],
      [abi.FACT_ARMED, facts.armed ?? 0],
      [abi.FACT_SHARDS, this.shards.length],
      [abi.FACT_SITES, this.registry.sitesInUse],
      [abi.FACT_REFUSED_SITES, this.registry.refusals],
      [abi.FACT_LOST, this.lost],
      [abi.FACT_TRAPS, facts.traps ?? 0],
      [abi.FACT_MEMORY, this.memory],
      [abi.FACT_IOBUFFER, facts.iobuffer ?? abi.HOOK_OFF],
      [abi.FACT_OPENSSL, facts.openssl ?? abi.HOOK_OFF],
      [abi.FACT_VERIFY, verify ? 1 : 0],
    ];
    for (const [which, value] of values) this.model.setHeaderNumber(which, BigInt(value));
    this.model.setHeaderText(abi.TEXT_CORE, facts.digest ?? "");
    this.model.setHeaderText(abi.TEXT_MEMORY_READER, "process_vm_writev");
    this.model.setHeaderText(abi.TEXT_IOBUFFER, facts.iobufferReason ?? "");
    this.model.setHeaderText(abi.TEXT_OPENSSL, facts.opensslReason ?? "");
  }
}
