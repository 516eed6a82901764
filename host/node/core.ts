// SPDX-License-Identifier: Apache-2.0
//
// The core, embedded in Node: the same Wasm as in the proxy, so the same numbers and the same bytes.
//
//   Core   one instance and its calls, typed: u32 are numbers, u64 are bigints
//   Host   what the C host (host/ats: account.cc, registry.c, dump.c) makes of instances: shards, a registry, a model
//
// Nothing here decides anything about memory: that is in assembly/. There are no threads; whoever has events of several gives each
// a shard.

import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import * as abi from "../../assembly/abi.ts";

export { abi };

export const WASM = new URL("../../build/memtrack.wasm", import.meta.url);

/** The core's module, from which any number of instances can be made. */
export function loadCore(wasm: URL | string = WASM): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(wasm));
}

/** What assembly/index.ts exports, as JavaScript sees it: an i32 is signed, so is an i64. */
interface Exports extends Record<string, unknown> {
  memory: WebAssembly.Memory;
  slots: { readonly value: number };
  init(role: number, sites: number): number;
  size(): number;
  inputAt(): number;
  namesAt(): number;
  ownersEnd(): number;
  stagingAt(): number;
  outputAt(): number;
  addressOf(site: number): bigint;
  attributesOf(site: number): bigint;
  recordBufferEvent(place: bigint, size: bigint): number;
  recordAlloc(place: bigint, detail: bigint, size: bigint): number;
  recordFree(site: number, size: bigint): number;
  recordFreeOld(site: number, epoch: number, size: bigint): number;
  advanceEpochs(published: bigint, count: number): void;
  epochs: { value: bigint };
  carry(site: number, allocs: bigint, allocBytes: bigint, frees: bigint, freeBytes: bigint): number;
  insertKey(site: number, place: bigint, detail: bigint): number;
  freeze(knows: number): void;
  isOwnSite(site: number): number;
  register(place: bigint, detail: bigint, length: number, owner: number, flags: number): number;
  registerName(length: number): number;
  registerOwner(length: number): number;
  retireOwner(key: number): number;
  renameSite(site: number, length: number): number;
  freeSite(site: number): number;
  siteCount(): number;
  sitesInUse(): number;
  refusals(): bigint;
  version(): number;
  updateNames(count: number, version: number): number;
  knownVersion(): number;
  reclaim(after: number): number;
  start(): void;
  sumRows(): void;
  mergeFrees(count: number): void;
  mergeAllocs(count: number): void;
  mergeBuckets(first: number, count: number): void;
  nextEpoch(now: bigint): bigint;
  epochPublished(now: bigint): void;
  arm(cls: number): void;
  disarm(cls: number): void;
  applyBaseline(): void;
  verifyStart(): void;
  verifyRow(site: number, allocs: bigint, frees: bigint, inUse: bigint): number;
  verifyMark(): void;
  verifyCompare(): number;
  setHeaderNumber(which: number, value: bigint): number;
  setHeaderText(which: number, length: number): number;
  render(): number;
  selectBaseline(baseline: number): void;
  analysisSize(): number;
  setMeasure(which: number, value: bigint): number;
  clearMeasures(): void;
  forgetAll(): void;
  sample(now: bigint, transactions: bigint): void;
  warmUpEnded(): number;
  historyForget(row: number): void;
  historyMove(from: number, to: number): void;
  baselineNamed(length: number): number;
  listBaselines(): number;
  markBaseline(length: number, now: bigint, transactions: bigint, byUser: number): number;
  verdictOf(row: number): number;
  rankSuspects(): number;
  ranked(position: number): number;
  trackedBytes(cls: number): bigint;
  nextWarning(): number;
}

/** The epoch of what a shard allocates: the lowest lane of its word (assembly/shard/epoch.ts). */
function presentOf(shard: Core): number {
  return Number(shard.epochs) & abi.EPOCH_MASK;
}

/** The site of a birth. */
export function siteOf(birth: number): number {
  return birth === abi.SITE_UNKNOWN ? birth : birth >>> abi.EPOCH_BITS;
}

/** Text for the core: a string is handed over as UTF-8. */
export type Text = string | Uint8Array;

export class Core {
  /** Of a shard: the registry was full, and it knows all that is in it. */
  frozen = false;
  readonly #wasm: Exports;
  /** All of the instance's memory. It grows in init() and never again, so this view stays good. */
  readonly #bytes: Uint8Array;

  /**
   * @param role abi.ROLE_...
   * @param sites the capacity
   * @throws RangeError where a number is out of range, or there is no memory
   */
  constructor(module: WebAssembly.Module, role: number, sites: number) {
    this.#wasm = instantiateSync<Exports>(module).exports;
    if (this.#wasm.init(role, sites) !== 0) throw new RangeError(`the core refuses role ${role} with ${sites} sites`);
    this.#bytes = new Uint8Array(this.#wasm.memory.buffer);
  }

  /** Bytes of linear memory that it can come to use. */
  get size(): number {
    return this.#wasm.size() >>> 0;
  }

  // As a shard.

  /** @returns the site charged, or SITE_UNKNOWN (nothing was counted) */
  recordBufferEvent(place: bigint, size: bigint): number {
    return this.#wasm.recordBufferEvent(place, size) >>> 0;
  }

  recordAlloc(place: bigint, detail: bigint, size: bigint): number {
    return this.#wasm.recordAlloc(place, detail, size) >>> 0;
  }

  recordFree(site: number, size: bigint): number {
    return this.#wasm.recordFree(site, size) >>> 0;
  }

  recordFreeOld(site: number, epoch: number, size: bigint): number {
    return this.#wasm.recordFreeOld(site, epoch, size) >>> 0;
  }

  /** Goes on in other epochs, `count` sites having numbers. */
  advanceEpochs(published: bigint, count: number): void {
    this.#wasm.advanceEpochs(published, count);
  }

  /** The epochs that this shard has turned to. */
  get epochs(): bigint {
    return BigInt.asUintN(64, this.#wasm.epochs.value);
  }

  carry(site: number, allocs: bigint, allocBytes: bigint, frees: bigint, freeBytes: bigint): number {
    return this.#wasm.carry(site, allocs, allocBytes, frees, freeBytes) >>> 0;
  }

  insertKey(site: number, place: bigint, detail: bigint): boolean {
    return this.#wasm.insertKey(site, place, detail) === 0;
  }

  /** @param knows FROZEN_... */
  freeze(knows: number): void {
    this.#wasm.freeze(knows);
    this.frozen = true;
  }

  /** Copies a pair (RECORD_ALLOCS or RECORD_FREES) of the sites 0 to count - 1 into a model's staging region. */
  copyPairs(pair: number, count: number, model: Core): void {
    const from = abi.RECORDS_AT + pair;
    const to = model.#wasm.stagingAt();
    for (let site = 0; site < count; ++site) {
      const at = from + site * abi.RECORD_SIZE;
      model.#bytes.set(this.#bytes.subarray(at, at + abi.PAIR_SIZE), to + site * abi.PAIR_SIZE);
    }
  }

  /** Copies what there is of the sites `first` to `first + count - 1` into a model's staging region. */
  copySites(first: number, count: number, model: Core): void {
    const to = model.#wasm.stagingAt();
    const view = new DataView(model.#bytes.buffer);
    for (let i = 0; i < count; ++i) {
      const at = to + i * abi.STAGED_SIZE;
      const pairs = abi.RECORDS_AT + (first + i) * abi.RECORD_SIZE + abi.RECORD_ALLOCS;
      const old = abi.BUCKETS_AT + (first + i) * abi.BUCKETS_SIZE;
      view.setBigUint64(at + abi.STAGED_EPOCHS, this.epochs, true);
      model.#bytes.set(this.#bytes.subarray(pairs, pairs + 2 * abi.PAIR_SIZE), at + abi.STAGED_PAIRS);
      model.#bytes.set(this.#bytes.subarray(old, old + abi.BUCKETS_SIZE), at + abi.STAGED_BUCKETS);
    }
  }

  /** Lays pairs (64 bits of count, 64 of bytes, by site) into a model's staging region, as copyPairs() does it from a shard. */
  stage(pairs: Uint32Array): void {
    const bytes = new Uint8Array(
      pairs.buffer,
      pairs.byteOffset,
      Math.min(pairs.byteLength, this.#wasm.slots.value * abi.PAIR_SIZE),
    );
    this.#bytes.set(bytes, this.#wasm.stagingAt());
  }

  // As the registry.

  /**
   * @param owner key of the one whose site it is
   * @param flags NAME_...
   */
  register(place: bigint, detail: bigint, text: Text, owner = abi.OWNER_CORE, flags = 0): number {
    return this.#wasm.register(place, detail, this.#input(text), owner, flags) >>> 0;
  }

  /** A module was loaded. Returns its owner's key. */
  registerOwner(text: Text): number {
    return this.#wasm.registerOwner(this.#input(text)) >>> 0;
  }

  /** And unloaded. */
  retireOwner(key: number): boolean {
    return this.#wasm.retireOwner(key) === 0;
  }

  /** A better text for a plugin's site: what comes after memory/plugin/. */
  renameSite(site: number, text: Text): boolean {
    return this.#wasm.renameSite(site, this.#input(text)) === 0;
  }

  /** The number of a site, of which nothing is in use, can be given again. */
  freeSite(site: number): boolean {
    return this.#wasm.freeSite(site) === 0;
  }

  registerName(name: Text): number {
    return this.#wasm.registerName(this.#input(name)) >>> 0;
  }

  get siteCount(): number {
    return this.#wasm.siteCount() >>> 0;
  }

  /** Whether a number is that of a registered site, and not of a row that sums others. */
  isOwnSite(site: number): boolean {
    return this.#wasm.isOwnSite(site) !== 0;
  }

  /** Registered sites whose numbers are not free. */
  get sitesInUse(): number {
    return this.#wasm.sitesInUse() >>> 0;
  }

  get refusals(): bigint {
    return BigInt.asUintN(64, this.#wasm.refusals());
  }

  /** The key of a registered site, or undefined where it has none (it came by name). */
  key(site: number): { place: bigint; detail: bigint } | undefined {
    const place = BigInt.asUintN(64, this.#wasm.addressOf(site));
    const detail = BigInt.asUintN(64, this.#wasm.attributesOf(site));
    return place || detail ? { place, detail } : undefined;
  }

  /** Copies names and owners into a model where they have changed since it last had them. It then knows all sites. */
  copyNames(model: Core): void {
    const count = this.siteCount;
    const version = this.#wasm.version();
    if (version !== model.#wasm.knownVersion()) {
      model.#bytes.set(this.#bytes.subarray(this.#wasm.namesAt(), this.#wasm.ownersEnd()), model.#wasm.namesAt());
    }
    if (model.#wasm.updateNames(count, version) !== 0) throw new RangeError(`the model refuses ${count} sites`);
  }

  // As the model.

  start(): void {
    this.#wasm.start();
  }

  mergeFrees(count: number): void {
    this.#wasm.mergeFrees(count);
  }

  mergeAllocs(count: number): void {
    this.#wasm.mergeAllocs(count);
  }

  mergeBuckets(first: number, count: number): void {
    this.#wasm.mergeBuckets(first, count);
  }

  /** Begins an epoch, if it is time. Returns what is to be published; then epochPublished() is to be called. */
  nextEpoch(now: bigint): bigint {
    return BigInt.asUintN(64, this.#wasm.nextEpoch(now));
  }

  epochPublished(now: bigint): void {
    this.#wasm.epochPublished(now);
  }

  arm(cls: number): void {
    this.#wasm.arm(cls);
  }

  /** A class is not tracked any more: it has no rows. */
  disarm(cls: number): void {
    this.#wasm.disarm(cls);
  }

  sumRows(): void {
    this.#wasm.sumRows();
  }

  /** The next site after this one whose number can be given again, or 0. */
  reclaim(after: number): number {
    return this.#wasm.reclaim(after) >>> 0;
  }

  applyBaseline(): void {
    this.#wasm.applyBaseline();
  }

  verifyStart(): void {
    this.#wasm.verifyStart();
  }

  verifyRow(site: number, allocs: bigint, frees: bigint, inUse: bigint): boolean {
    return this.#wasm.verifyRow(site, allocs, frees, inUse) === 0;
  }

  verifyMark(): void {
    this.#wasm.verifyMark();
  }

  verifyCompare(): number {
    return this.#wasm.verifyCompare() >>> 0;
  }

  setHeaderNumber(which: number, value: bigint): void {
    if (this.#wasm.setHeaderNumber(which, value) !== 0) throw new RangeError(`the core has no fact ${which}`);
  }

  setHeaderText(which: number, text: Text): void {
    if (this.#wasm.setHeaderText(which, this.#input(text)) !== 0) throw new RangeError(`the core has no text ${which}`);
  }

  /** The text of a dump; with the number of a baseline, relative to that. */
  render(baseline?: number): Buffer {
    if (baseline !== undefined) this.#wasm.selectBaseline(baseline);
    const size = this.#wasm.render() >>> 0;
    if (size === 0) throw new RangeError("the dump did not fit");
    return this.#output(size);
  }

  // The model's analysis.

  /** Bytes that histories and what belongs to them take. */
  get analysisSize(): number {
    return this.#wasm.analysisSize() >>> 0;
  }

  /** What the host measured (MEASURE_...); undefined is unknown. */
  setMeasures(values: Iterable<readonly [number, bigint | number | undefined]>): void {
    this.#wasm.clearMeasures();
    for (const [which, value] of values) {
      if (value === undefined) continue;
      if (this.#wasm.setMeasure(which, BigInt(value)) !== 0) throw new RangeError(`the core has no measure ${which}`);
    }
  }

  forgetAll(): void {
    this.#wasm.forgetAll();
  }

  /** Takes a sample of the settled sums. */
  sample(now: bigint, transactions: bigint): void {
    this.#wasm.sample(now, transactions);
  }

  /** True once, when the warm-up has ended. */
  warmUpEnded(): boolean {
    return this.#wasm.warmUpEnded() === 1;
  }

  historyForget(row: number): void {
    this.#wasm.historyForget(row);
  }

  historyMove(from: number, to: number): void {
    this.#wasm.historyMove(from, to);
  }

  /** Sets a baseline of the settled sums. Returns the line that says what was done. */
  markBaseline(name: Text, now: bigint, transactions: bigint, byUser = true): string {
    return this.#output(this.#wasm.markBaseline(this.#input(name), now, transactions, byUser ? 1 : 0) >>> 0).toString();
  }

  /** The number of a baseline, or undefined where there is none of that name. */
  baselineNamed(name: Text): number | undefined {
    const slot = this.#wasm.baselineNamed(this.#input(name));
    return slot < 0 ? undefined : slot;
  }

  /** The names of all baselines, the newest first. */
  listBaselines(): string {
    return this.#output(this.#wasm.listBaselines() >>> 0).toString();
  }

  /** VERDICT_... of a row; of an owner, whose number comes behind those of all rows. */
  verdictOf(row: number): number {
    return this.#wasm.verdictOf(row) >>> 0;
  }

  /** Rows (and owners) that are suspects, the most urgent first. */
  suspects(): number[] {
    return Array.from({ length: this.#wasm.rankSuspects() >>> 0 }, (_, position) => this.#wasm.ranked(position) >>> 0);
  }

  trackedBytes(cls: number): bigint {
    return this.#wasm.trackedBytes(cls);
  }

  /** The next warning that is due, or undefined. */
  nextWarning(): string | undefined {
    const size = this.#wasm.nextWarning() >>> 0;
    return size ? this.#output(size).toString() : undefined;
  }

  /** What the core wrote, a copy. Only the first byte's place is the core's to say. */
  #output(size: number): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#wasm.outputAt(), this.#wasm.outputAt() + size));
  }

  /** Copies a text into the input region, cut to what it holds: a long one keeps its end. Returns the length. */
  #input(text: Text): number {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    const kept = bytes.subarray(Math.max(0, bytes.length - abi.INPUT_SIZE));
    this.#bytes.set(kept, this.#wasm.inputAt());
    return kept.length;
  }
}

/** What a dump says beyond its numbers. What the Host knows itself is not asked for. */
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
  readonly registry: Core;
  readonly model: Core;
  readonly shards: Core[] = [];
  /** Events that no site could be charged with. */
  lost = 0n;
  /** The epochs that are published. */
  epochs = 0n;
  readonly #module: WebAssembly.Module;
  readonly #sites: number;
  #dumps = 0n;

  constructor(module: WebAssembly.Module, sites: number = abi.SITES_DEFAULT) {
    this.#module = module;
    this.#sites = sites;
    this.registry = new Core(module, abi.ROLE_REGISTRY, sites);
    this.model = new Core(module, abi.ROLE_MODEL, sites);
  }

  /** A further shard. */
  addShard(): Core {
    const shard = new Core(this.#module, abi.ROLE_SHARD, this.#sites);
    this.shards.push(shard);
    return shard;
  }

  /** Memory of all instances, bytes. */
  get memory(): number {
    return [this.registry, this.model, ...this.shards].reduce((sum, core) => sum + core.size, 0);
  }

  /** Accounts an IOBuffer event; a negative size is a release. Returns the site charged. */
  recordBufferEvent(shard: Core, place: bigint, location: Text, size: bigint, owner = abi.OWNER_CORE): number {
    const detail = BigInt(abi.CLASS_IOBUFFER << abi.ATTRIBUTES_CLASS_SHIFT);
    return this.#account(
      () => shard.recordBufferEvent(place, size),
      () => this.#learnKey(shard, place, detail, location, owner, 0),
    );
  }

  /**
   * Accounts an allocation. Returns its birth, which the release is to name: the site (siteOf) and the epoch.
   * @param line of an object: its KIND_...
   * @param owner key of the one whose code is running
   */
  recordAlloc(
    shard: Core,
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

  /** Accounts a release, charged to the site that allocated, and to the epoch. */
  recordFree(shard: Core, birth: number, size: bigint): number {
    const epoch = birth & abi.EPOCH_MASK;
    if (epoch > presentOf(shard)) this.#advanceEpochs(shard);
    return this.#counted(shard.recordFreeOld(siteOf(birth), epoch, size));
  }

  /** Likewise one whose allocation was not accounted: it is older, or foreign. */
  recordFreeUntagged(shard: Core, cls: number, size: bigint): number {
    return this.#counted(shard.recordFree(abi.SITE_PRE_ARMING + cls, size));
  }

  /** Takes over what another accountant has counted. It tells what is in use: that much was allocated and kept. */
  carryOver(shard: Core, rows: Iterable<OtherRow>): void {
    for (const { name, allocs, frees, inUse } of rows) {
      const site = this.registry.registerName(name);
      this.#counted(shard.carry(site, allocs, inUse > 0n ? inUse : 0n, frees, inUse < 0n ? -inUse : 0n));
    }
  }

  /** A class is armed now: what was counted before is no part of later dumps. */
  arm(cls: number): void {
    this.#collect();
    this.model.arm(cls);
  }

  /** Looks at the sums without a dump, so that a release of older memory is found while it shows. */
  observe(): void {
    this.#collect();
    this.model.applyBaseline();
  }

  /** Takes a sample for the analysis. `measures` are pairs of MEASURE_... and a value; unknown is what is not among them. */
  sample(now: bigint, transactions: bigint, measures: Iterable<readonly [number, bigint | number | undefined]> = []): void {
    this.model.setMeasures(measures);
    this.epochs = this.model.nextEpoch(now);
    this.model.epochPublished(now);
    this.observe();
    this.model.sample(now, transactions);
  }

  /** From now on verify mode's two accountants are to agree. */
  markVerify(rows: Iterable<OtherRow>): void {
    const sites = this.#sitesOf(rows);
    this.#collect();
    this.#tell(sites);
    this.model.verifyMark();
  }

  /**
   * The text of a dump. With `verify`, it compares with these rows of the other accountant; with `baseline` (its number), its growth
   * is since that one.
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

  /** Calls the core; where it does not know the key, twice at most tells it, and calls again. */
  #account(call: () => number, learn: () => void): number {
    let site = call();
    for (let i = 0; i < 2 && site === abi.SITE_UNKNOWN; ++i) {
      learn();
      site = call();
    }
    return this.#counted(site);
  }

  /** As the C host's account.cc: the registry knows every site; a shard learns those that it meets. */
  #learnKey(shard: Core, place: bigint, detail: bigint, text: Text, owner: number, flags: number): void {
    const site = this.registry.register(place, detail, text, owner, flags);
    if (this.registry.isOwnSite(site)) shard.insertKey(site, place, detail);
    else if (site >= abi.SITE_FIRST && shard.frozen) this.#insertKey(shard, site);
    else this.#freeze(shard);
  }

  #insertKey(shard: Core, site: number): void {
    const key = this.registry.key(site);
    if (key) shard.insertKey(site, key.place, key.detail);
  }

  /** The registry is full: the shard learns all there is, each site under its own number, before unknown ones become (other). */
  #freeze(shard: Core): void {
    for (let site = abi.SITE_FIRST; site < this.registry.siteCount; ++site) this.#insertKey(shard, site);
    shard.freeze(shard.frozen ? abi.FROZEN_ALL : abi.FROZEN_SITES);
  }

  /** A shard goes on in the epochs that are published: before it allocates, or releases what is of a later one than its own. */
  #advanceEpochs(shard: Core): void {
    shard.advanceEpochs(this.epochs, this.registry.siteCount);
  }

  #counted(site: number): number {
    if (site === abi.SITE_UNKNOWN) ++this.lost;
    return site;
  }

  /** Sums all shards in the model: all releases first, then all allocations, then what is of older epochs (assembly/model/model.ts). */
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

  /** Gives numbers of sites back of which nothing can come any more. Returns them. */
  reclaim(): number[] {
    this.registry.copyNames(this.model); // who is gone has to be known before the counters are read
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
    this.model.setHeaderText(abi.TEXT_DIGEST, facts.digest ?? "");
    this.model.setHeaderText(abi.TEXT_IOBUFFER, facts.iobufferReason ?? "");
    this.model.setHeaderText(abi.TEXT_OPENSSL, facts.opensslReason ?? "");
  }
}
