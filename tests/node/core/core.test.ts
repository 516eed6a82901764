// SPDX-License-Identifier: Apache-2.0
//
// The core as hosts use it: the released Wasm (and its debug build), run by host/node. Random operations on several shards are compared
// with a simple model; also the limits, and properties on which the C host depends without checking: no imports, no recursion.
// MEMTRACK_SEED=n repeats a random run.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as abi from "../../../assembly/abi.ts";
import { kinds } from "../../../format/format.ts";
import { parseAnalysis } from "../../../harness/analysis.ts";
import { parseDumps, type Dump, type Row } from "../../../harness/dump.ts";
import { Host, siteOf, type Facts, type OtherRow } from "../../../harness/host.ts";
import { Instance } from "../../../host/node/core/instance.ts";
import { Model } from "../../../host/node/core/model.ts";
import { loadCore } from "../../../host/node/core/module.ts";
import { Registry } from "../../../host/node/core/registry.ts";
import { Shard } from "../../../host/node/core/shard.ts";
import { CLASSES, MEMORY_CLASSES } from "../../../host/shared/classes.ts";
import { randomFrom, SEED } from "../../support/random.ts";
import { readWat, type Wat } from "../../support/wat.ts";

const BUILDS = ["memtrack", "memtrack.debug"].map((name) => ({
  name: `${name}.wasm`,
  path: fileURLToPath(new URL(`../../../build/${name}.wasm`, import.meta.url)),
  wat: fileURLToPath(new URL(`../../../build/${name}.wat`, import.meta.url)),
}));

const FACTS: Facts = { time: 1795361003n, level: 2, iobuffer: abi.HOOK_INSTALLED, openssl: abi.HOOK_INSTALLED, digest: "test" };

function only(text: Buffer): Dump {
  const dumps = parseDumps(text.toString());
  assert.equal(dumps.length, 1);
  assert.deepEqual(dumps[0]!.foreign, []);
  return dumps[0]!;
}

/** The counts of one call site. */
class Counts {
  allocs = 0;
  frees = 0;
  allocBytes = 0;
  freeBytes = 0;

  add(other: Counts, sign = 1): this {
    this.allocs += sign * other.allocs;
    this.frees += sign * other.frees;
    this.allocBytes += sign * other.allocBytes;
    this.freeBytes += sign * other.freeBytes;
    return this;
  }

  get alive(): number {
    return this.allocs - this.frees;
  }

  get inUse(): number {
    return this.allocBytes - this.freeBytes;
  }
}

interface Owner {
  text: string;
  key: number;
  retired: boolean;
  /** Unique, unlike the addresses of the plugin. */
  number: number;
}

const CORE: Owner = { text: "core", key: abi.OWNER_CORE, retired: false, number: 0 };
const KINDS = Object.values(kinds).map(({ name }) => name);

/** Count and bytes, by epoch. */
type ByEpoch = Map<number, [number, number]>;

function addEpoch(to: ByEpoch, epoch: number, count: number, bytes: number): void {
  const [n, sum] = to.get(epoch) ?? [0, 0];
  to.set(epoch, [n + count, sum + bytes]);
}

class Site extends Counts {
  armed = new Counts();
  /** Live memory by the epoch of its allocation: now, and at the arming. */
  births: ByEpoch = new Map();
  armedBirths: ByEpoch = new Map();
  renamed = false;

  constructor(
    readonly cls: number,
    readonly kind: number,
    readonly owner: Owner,
    public text: string,
    /** " [via owner]", or empty */
    readonly via: string,
    readonly number: number,
  ) {
    super();
  }

  /** Sites with the same key form one row. */
  get row(): string {
    return [this.cls, this.kind, this.owner.number, this.text, this.via].join();
  }
}

/** A row of a dump, with its lowest site number. */
class ShadowRow extends Counts {
  /** Memory allocated since the arming and still live, by the epoch of its allocation. */
  readonly births: ByEpoch = new Map();

  constructor(readonly site: Site) {
    super();
  }

  addSite(site: Site): this {
    for (const [epoch, [count, bytes]] of site.births) addEpoch(this.births, epoch, count, bytes);
    for (const [epoch, [count, bytes]] of site.armedBirths) addEpoch(this.births, epoch, -count, -bytes);
    return this.add(site).add(site.armed, -1);
  }

  get name(): string {
    return this.site.text + this.site.via;
  }

  get location(): string {
    return this.name + (this.site.owner.retired ? " [retired]" : "");
  }
}

/** The model: a list of sites, which is summed again for each comparison. */
class Shadow {
  readonly sites = new Map<number, Site>();
  readonly untagged = CLASSES.map(() => new Counts());
  /** By row: releases without a known allocation. */
  readonly #prior = new Map<string, Counts>();
  /** By owner, in the last dump. */
  readonly totals = new Map<number, number>();
  total = 0;
  /** Whether there was a dump, and whether a class was armed since: then changes are unknown. */
  #dumped = false;
  #armed = false;

  /** Called at a dump: whether its changes are known. */
  changesAreKnown(): boolean {
    const known = !(this.#dumped && this.#armed);
    this.#dumped = true;
    this.#armed = false;
    return known;
  }

  arm(cls: number): void {
    this.#armed = true;
    for (const site of this.sites.values()) {
      if (site.cls !== cls) continue;
      site.armed = new Counts().add(site);
      site.armedBirths = new Map(site.births);
      this.#prior.delete(site.row);
    }
    this.untagged[cls] = new Counts();
  }

  rename(site: Site, text: string): void {
    const [from, older] = [site.row, this.#prior.get(site.row)];
    site.text = text;
    site.renamed = true;
    if (!older) return;
    this.#prior.delete(from);
    this.#prior.set(site.row, older.add(this.#prior.get(site.row) ?? new Counts()));
  }

  /** Whether memory older than the counts of the site's row was found. */
  hasPrior(site: Site): boolean {
    const older = this.#prior.get(site.row);
    return !!older && (older.frees > 0 || older.freeBytes > 0);
  }

  /** The rows of a class in a dump now, and the older memory that it would show. */
  look(cls: number): { rows: ShadowRow[]; prior: Counts } {
    const rows = new Map<string, ShadowRow>();
    const prior = new Counts().add(this.untagged[cls]!);
    for (const site of [...this.sites.values()].sort((a, b) => a.number - b.number)) {
      if (site.cls !== cls) continue;
      const row = rows.get(site.row) ?? new ShadowRow(site);
      rows.set(site.row, row.addSite(site));
    }
    for (const [name, row] of rows) {
      const older = this.#prior.get(name) ?? new Counts();
      older.frees = Math.max(older.frees, -row.alive);
      older.freeBytes = Math.max(older.freeBytes, -row.inUse);
      this.#prior.set(name, older);
      prior.add(older);
      row.add(older, -1);
    }
    return { rows: [...rows.values()].filter((row) => row.allocs || row.frees), prior };
  }
}

/** The order of rows in a dump. */
function compareRows(a: ShadowRow, b: ShadowRow): number {
  return (
    b.inUse - a.inUse ||
    b.alive - a.alive ||
    b.allocs - a.allocs ||
    Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)) ||
    a.site.number - b.site.number
  );
}

function compare(dump: Dump, shadow: Shadow, loaded: Owner[]): void {
  const shown = CLASSES.map((_, cls) => shadow.look(cls));
  for (const { rows } of shown) rows.sort(compareRows);
  for (const name of MEMORY_CLASSES) {
    const table = dump[name];
    const expected = shown[CLASSES.indexOf(name)]!.rows.map(({ allocs, frees, inUse, alive, location }) => {
      return { allocs, frees, inUse, average: alive > 0 ? Math.trunc(inUse / alive) : 0, location };
    });
    assert.deepEqual(table.rows, expected);
    assert.equal(
      table.total,
      expected.reduce((sum, row) => sum + row.inUse, 0),
    );
  }
  assert.deepEqual(
    dump.objects,
    shown[abi.CLASS_OBJECT]!.rows.map(({ allocs, frees, alive, inUse, location, site }) => {
      return { created: allocs, destroyed: frees, alive, inUse, kind: KINDS[site.kind], location };
    }),
  );
  for (const [cls, { prior }] of shown.entries()) {
    const said = dump.prior.find((row) => row.class === CLASSES[cls]);
    assert.deepEqual([said?.frees ?? 0, said?.bytes ?? 0], [prior.frees, prior.freeBytes]);
  }
  const openssl = shown[abi.CLASS_OPENSSL]!.rows.reduce((sum, row) => sum.add(row), new Counts());
  assert.deepEqual(dump.summary, { allocated: openssl.allocBytes, freed: openssl.freeBytes, current: openssl.inUse });
  const rows = shown.flatMap((table) => table.rows);
  assert.equal(dump.endRows, rows.length);
  assert.equal(dump.header.get("lost"), "0");
  compareOwners(dump, shadow, rows, loaded);
}

/** Every owner that is loaded or has a site is listed once, with the sum of its rows; all owners add up to the total. */
function compareOwners(dump: Dump, shadow: Shadow, rows: ShadowRow[], loaded: Owner[]): void {
  const owners = new Set([CORE, ...loaded, ...[...shadow.sites.values()].map((site) => site.owner)]);
  const known = shadow.changesAreKnown();
  const expected = [...owners].map((owner) => {
    const held = holdings(rows, owner);
    const change = known ? held.total - (shadow.totals.get(owner.number) ?? 0) : undefined;
    shadow.totals.set(owner.number, held.total);
    return { ...held, change, owner: owner.text, state: stateOf(owner) };
  });
  const byName = (a: { owner: string }, b: { owner: string }) => (a.owner < b.owner ? -1 : 1);
  assert.deepEqual(dump.owners.toSorted(byName), expected.toSorted(byName));
  for (const [index, { total }] of dump.owners.entries()) assert.ok(index === 0 || dump.owners[index - 1]!.total >= total);
  const all = holdings(rows);
  assert.deepEqual(dump.ownersTotal, { ...all, change: known ? all.total - shadow.total : undefined });
  shadow.total = all.total;
}

function stateOf(owner: Owner): string {
  return owner.retired ? "retired" : "loaded";
}

/** The memory in an owner's rows, or in all rows if no owner is given. */
function holdings(rows: ShadowRow[], owner?: Owner) {
  const own = rows.filter((row) => !owner || row.site.owner === owner);
  const bytes = (cls: number) => own.reduce((sum, row) => sum + (row.site.cls === cls ? row.inUse : 0), 0);
  const alive = (kind: number) =>
    own.reduce((sum, { site, alive }) => sum + (site.cls === abi.CLASS_OBJECT && site.kind === kind ? alive : 0), 0);
  const byKind = Object.fromEntries(KINDS.map((name, kind) => [name, alive(kind)])) as Record<(typeof KINDS)[number], number>;
  const byClass = CLASSES.map((name, cls) => [name, bytes(cls)] as const);
  const total = byClass.reduce((sum, [, n]) => sum + n, 0);
  const objects = Object.values(byKind).reduce((sum, n) => sum + n, 0);
  return { ...Object.fromEntries(byClass), total, objects, kinds: byKind };
}

function isBuffers({ cls, kind }: Site): boolean {
  return cls === abi.CLASS_OBJECT && kind === abi.KIND_IOBUFFER;
}

/** The row of sites that found no room: that of the class, or of the class and the owner. */
function otherSite(cls: number, number: number, owner: Owner): Site {
  const own = number >= abi.SITE_FIRST;
  const whose = own && cls !== abi.CLASS_OPENSSL ? `${owner.text} ` : "";
  const text = (["memory/IOBuffer/", "memory/OpenSSL/"][cls] ?? `memory/plugin/${whose}`) + "(other)";
  const via = own && cls === abi.CLASS_OPENSSL ? ` [via ${owner.text}]` : "";
  const site = new Site(cls, cls === abi.CLASS_OBJECT ? abi.KIND_OTHER : 0, own ? owner : CORE, text, via, number);
  site.renamed = true; // it keeps its name
  return site;
}

interface Block {
  site: Site;
  birth: number;
  place: bigint;
  text: string;
  size: number;
}

/**
 * Random operations on a host with several shards and plugins, which are loaded repeatedly. Each dump is compared with the model, and each
 * reclaimed site number is checked.
 */
class RandomRun {
  readonly #random: (n: number) => number;
  readonly #host: Host;
  readonly #shards: Shard[];
  readonly #shadow = new Shadow();
  readonly #plugins: Owner[] = [];
  #loads = 0;
  #live: Block[] = [];
  reclaimed = 0;
  dumps = 0;
  /** Compared lines of the ages sections, and sites in them with old memory. */
  aged = 0;
  agedOld = 0;
  #now = 1000n;

  constructor(
    module: WebAssembly.Module,
    seed: number,
    readonly how: { sites: number; places: number; operations: number },
  ) {
    this.#random = randomFrom(seed);
    this.#host = new Host(module, how.sites);
    this.#shards = Array.from({ length: 5 }, () => this.#host.addShard());
    for (let plugin = 0; plugin < 4; ++plugin) this.#load(plugin);
  }

  run(): void {
    for (let i = 0; i < this.how.operations; ++i) this.#operate(this.#random(1000));
    this.#dump();
    // At the end everything is released and all plugins are unloaded.
    for (; this.#live.length; this.#recordFree(this.#live.length - 1)) continue;
    for (const plugin of this.#plugins.keys()) this.#unload(plugin);
    this.#reclaim();
    this.#dump();
    assert.equal(this.#host.lost, 0n);
  }

  /** Sites of unloaded plugins that should have been reclaimed: nothing in use, and nothing older than an arming. */
  get left(): Site[] {
    const sites = [...this.#shadow.sites.values()].filter((site) => site.owner.retired && !this.#isOther(site.number));
    const older = sites.filter((site) => this.#shadow.hasPrior(site));
    const oldBuffers = older.filter(isBuffers).map((site) => site.owner);
    return sites.filter((site) => !older.includes(site) && !(site.cls === abi.CLASS_IOBUFFER && oldBuffers.includes(site.owner)));
  }

  get refusals(): bigint {
    return this.#host.registry.refusals;
  }

  #operate(what: number): void {
    const random = this.#random;
    if (what < 300) this.#allocateForServer();
    else if (what < 500) this.#allocateForPlugin(random(this.#plugins.length));
    else if (what < 960) {
      if (this.#live.length) this.#recordFree(random(this.#live.length));
    } else if (what < 970) this.#recordFreeUntagged(1 + random(3), random(5000));
    else if (what < 980) this.#renameAny();
    else if (what < 983) this.#reload(random(this.#plugins.length));
    else if (what < 986) this.#reclaim();
    else if (what < 989) {
      this.#host.observe();
      for (const cls of CLASSES.keys()) this.#shadow.look(cls);
    } else if (what < 990) this.#mark(random(CLASSES.length));
    else if (what < 992) {
      if (this.#shards.length < 12) this.#shards.push(this.#host.addShard());
    } else if (what < 994) this.#dump();
    else this.#sample();
  }

  /** Usually advances to the end of an epoch; sometimes much further, and sometimes the clock goes back. */
  #sample(): void {
    const how = this.#random(20);
    this.#now += how === 0 ? -this.#now / 3n : how === 1 ? this.#now : 10n + this.#now / BigInt(3 + this.#random(5));
    this.#host.sample(this.#now, 0n);
    for (const cls of CLASSES.keys()) this.#shadow.look(cls);
  }

  #shard(): Shard {
    return this.#shards[this.#random(this.#shards.length)]!;
  }

  #size(): number {
    return this.#random(20) ? this.#random(1 << (1 + this.#random(20))) : 0;
  }

  #allocateForServer(): void {
    const cls = this.#random(2);
    const number = this.#random(this.how.places);
    // Each third name has two places.
    const name = number % 3 ? number : number >> 1;
    const line = name % 3;
    if (cls)
      this.#recordAlloc(abi.CLASS_OPENSSL, BigInt(0x7f0000000000 + number * 16), `../ssl/file${name}.c`, line, this.#size(), CORE);
    else
      this.#recordBufferEvent(
        BigInt(0x550000000000 + number * 16),
        `memory/IOBuffer/File${name % 7}.cc:${name}`,
        this.#size(),
        CORE,
      );
  }

  #allocateForPlugin(plugin: number): void {
    const owner = this.#plugins[plugin]!;
    const offset = this.#random(12);
    // A module that is loaded again has the same addresses as before.
    const place = BigInt(0x7e0000000000 + plugin * 0x10000 + offset * 16);
    const text = `${owner.text}+0x${(offset * 16).toString(16)}`;
    const what = this.#random(6);
    if (what === 0)
      this.#recordBufferEvent(
        BigInt(0x660000000000 + owner.number * 4096 + offset * 64),
        `memory/plugin/${text}`,
        1 + this.#size(),
        owner,
      );
    else if (what === 1) this.#recordAlloc(abi.CLASS_OPENSSL, 0x7f0000000000n, "../ssl/file0.c", offset, this.#size(), owner);
    else if (what === 2) {
      // Each kind has objects of one size; the first has none.
      const kind = this.#random(KINDS.length);
      this.#recordAlloc(abi.CLASS_OBJECT, place, text, kind, 16 * kind, owner);
    } else if (what === 3)
      this.#recordAlloc(
        abi.CLASS_HEAP,
        BigInt(0x7d0000000000 + offset),
        `lib.so+0x${offset}`,
        0,
        this.#size(),
        owner,
        abi.NAME_VIA,
      );
    else this.#recordAlloc(what === 4 ? abi.CLASS_HEAP : abi.CLASS_TSAPI, place, text, 0, this.#size(), owner);
  }

  #recordBufferEvent(place: bigint, text: string, size: number, owner: Owner): void {
    const site = this.#site(
      this.#host.recordBufferEvent(this.#shard(), place, text, BigInt(size), owner.key),
      abi.CLASS_IOBUFFER,
      0,
      owner,
      text,
      "",
    );
    this.#count(site, size);
    // A release of 0 bytes would count as an allocation, in the built-in tracker too, so there is none.
    if (size) this.#live.push({ site, birth: 0, place, text, size });
  }

  #recordAlloc(cls: number, place: bigint, text: string, line: number, size: number, owner: Owner, flags = 0): void {
    const birth = this.#host.recordAlloc(this.#shard(), cls, place, text, line, BigInt(size), owner.key, flags);
    const number = siteOf(birth);
    // The shard has advanced to the present epoch, whichever it was.
    assert.equal(birth & abi.EPOCH_MASK, presentOf(this.#host.epochs));
    const openssl = cls === abi.CLASS_OPENSSL;
    const name = openssl ? `memory/OpenSSL/ssl/${text.slice(7)}:${line}` : `memory/plugin/${text}`;
    const via = flags & abi.NAME_VIA || (openssl && owner !== CORE) ? ` [via ${owner.text}]` : "";
    const site = this.#site(number, cls, cls === abi.CLASS_OBJECT ? line : 0, owner, name, via);
    this.#count(site, size);
    addEpoch(site.births, birth & abi.EPOCH_MASK, 1, size);
    this.#live.push({ site, birth, place, text, size });
  }

  #count(site: Site, size: number): void {
    site.allocs += 1;
    site.allocBytes += size;
  }

  /** The model's site with a charged number. A new site gets this description. */
  #site(number: number, cls: number, kind: number, owner: Owner, text: string, via: string): Site {
    const known = this.#shadow.sites.get(number);
    if (known) {
      assert.equal(known.cls, cls);
      if (number >= abi.SITE_FIRST) assert.equal(known.owner, owner);
      return known;
    }
    const site = this.#isOther(number) ? otherSite(cls, number, owner) : new Site(cls, kind, owner, text, via, number);
    this.#shadow.sites.set(number, site);
    return site;
  }

  #isOther(number: number): boolean {
    return number < abi.SITE_FIRST || number >= abi.SITE_FIRST + this.how.sites;
  }

  #recordFree(at: number): void {
    const block = this.#live[at]!;
    this.#live[at] = this.#live.at(-1)!;
    this.#live.pop();
    const { site, birth, place, text, size } = block;
    // Whichever shard counts the release, it is charged to the site of the allocation.
    const charged =
      site.cls === abi.CLASS_IOBUFFER
        ? this.#host.recordBufferEvent(this.#shard(), place, text, -BigInt(size), site.owner.key)
        : this.#host.recordFree(this.#shard(), birth, BigInt(size));
    assert.equal(charged, site.number);
    site.frees += 1;
    site.freeBytes += size;
    if (site.cls !== abi.CLASS_IOBUFFER) addEpoch(site.births, birth & abi.EPOCH_MASK, -1, -size);
  }

  #recordFreeUntagged(cls: number, size: number): void {
    this.#host.recordFreeUntagged(this.#shard(), cls, BigInt(size));
    this.#shadow.untagged[cls]!.frees += 1;
    this.#shadow.untagged[cls]!.freeBytes += size;
  }

  /** Debug information was read: a call gets its function and line, and two calls may get the same line. */
  #renameAny(): void {
    const calls = [...this.#shadow.sites.values()].filter(
      ({ renamed, owner, cls }) => !renamed && owner !== CORE && cls !== abi.CLASS_OPENSSL,
    );
    const site = calls[this.#random(calls.length || 1)];
    if (!site) return;
    const text = `${site.owner.text} handler (foo.c:${this.#random(3)})`;
    assert.ok(this.#host.registry.renameSite(site.number, text));
    this.#shadow.rename(site, `memory/plugin/${text}`);
  }

  #load(plugin: number): void {
    const number = ++this.#loads;
    const text = `plugin${plugin}.so#${number}`;
    this.#plugins[plugin] = { text, key: this.#host.registry.registerOwner(text), retired: false, number };
  }

  #unload(plugin: number): void {
    const owner = this.#plugins[plugin]!;
    assert.ok(this.#host.registry.retireOwner(owner.key));
    owner.retired = true;
  }

  /** Unloads a module, usually with all its memory released, and loads it again. */
  #reload(plugin: number): void {
    const leaks = this.#random(3) === 0;
    for (let at = this.#live.length - 1; at >= 0 && !leaks; --at) {
      if (this.#live[at]!.site.owner === this.#plugins[plugin]) this.#recordFree(at);
    }
    this.#unload(plugin);
    this.#load(plugin);
  }

  #reclaim(): void {
    for (const number of this.#host.reclaim()) {
      const site = this.#shadow.sites.get(number)!;
      assert.ok(site.owner.retired && site.alive === 0 && site.inUse === 0, `${site.text} is in use`);
      const buffers = [...this.#shadow.sites.values()].filter(isBuffers);
      assert.ok(
        site.cls !== abi.CLASS_IOBUFFER || buffers.every(({ owner, alive }) => owner !== site.owner || !alive),
        `${site.text} has buffers`,
      );
      this.#shadow.sites.delete(number);
      ++this.reclaimed;
    }
  }

  #mark(cls: number): void {
    this.#host.arm(cls);
    this.#shadow.arm(cls);
  }

  #dump(): void {
    // As a dump with a requested baseline (the arming), which shows the ages of 200 sites.
    const dump = only(this.#host.dump(FACTS, undefined, abi.BASELINES));
    const loaded = this.#plugins.filter(({ retired }) => !retired);
    compare(dump, this.#shadow, loaded);
    this.#compareAges(dump);
    ++this.dumps;
  }

  /** Each line has the exact live memory of one bucket, and the lines of a site add up to its row. */
  #compareAges(dump: Dump): void {
    const { ages, agesTitle } = parseAnalysis(dump.text);
    const epochs = this.#host.epochs;
    if (!presentOf(epochs)) return assert.equal(agesTitle, "");
    const expected = CLASSES.flatMap((_, cls) => (cls === abi.CLASS_IOBUFFER ? [] : this.#shadow.look(cls).rows)).filter((row) =>
      row.site.cls === abi.CLASS_OBJECT && !row.allocBytes ? row.alive > 0 : row.inUse > 0,
    );
    assert.match(
      agesTitle,
      new RegExp(`^Ages of live memory in seconds \\(exact to 1 s\\): (?:top 200 of )?${expected.length} sites?`),
    );
    const listed = new Set(ages.map(({ kind, location }) => `${kind} ${location}`));
    const said = ages.map(({ kind, alive, inUse, location }) => `${kind} ${location}: ${alive}, ${inUse}`);
    const lines: string[] = [];
    for (const row of expected) {
      const name = `${row.site.cls === abi.CLASS_OBJECT ? KINDS[row.site.kind] : CLASSES[row.site.cls]} ${row.location}`;
      if (!listed.has(name)) continue;
      const buckets: [number, number][] = Array.from({ length: abi.BUCKETS + 1 }, () => [0, 0]);
      for (const [epoch, [count, bytes]] of row.births) {
        const bucket = buckets[bucketOf(epochs, epoch)]!;
        bucket[0] += count;
        bucket[1] += bytes;
      }
      // Memory without a tag that proved older than the arming is in no epoch: the rest counts as young.
      const [count, bytes] = buckets.slice(1).reduce(([n, sum], bucket) => [n + bucket[0], sum + bucket[1]], [0, 0]);
      buckets[0] = [row.alive - count, row.inUse - bytes];
      for (const [n, sum] of buckets) if (n || sum) lines.push(`${name}: ${n}, ${sum}`);
      this.agedOld += count ? 1 : 0;
    }
    if (expected.length <= 200) assert.deepEqual(said.toSorted(), lines.toSorted());
    else for (const line of said) assert.ok(lines.includes(line), line);
    this.aged += said.length;
  }
}

/** The present epoch of a word, and the bucket of an epoch: like assembly/shard/epoch.ts, without its optimizations. */
function lanesOf(epochs: bigint): number[] {
  return Array.from({ length: abi.BUCKETS }, (_, lane) => Number((epochs >> BigInt(8 * lane)) & 0x7fn));
}
function presentOf(epochs: bigint): number {
  return lanesOf(epochs)[0]!;
}
function bucketOf(epochs: bigint, epoch: number): number {
  return lanesOf(epochs).filter((begin) => begin > epoch).length;
}

for (const { name, path, wat } of BUILDS) {
  const module = loadCore(path);

  describe(`${name}, random operations over several shards (MEMTRACK_SEED=${SEED})`, () => {
    const cases = {
      "in a table with room for all": { sites: 4096, places: 1500, operations: 12000 },
      "in a table that becomes full": { sites: 300, places: 400, operations: 12000 },
      "in a table much too small": { sites: abi.SITES_MIN, places: 4000, operations: 12000 },
    };
    for (const [title, how] of Object.entries(cases)) {
      test(`equal the model, ${title}`, () => {
        const run = new RandomRun(module, SEED, how);
        run.run();
        assert.ok(run.dumps > 5);
        assert.ok(run.aged > 100 && run.agedOld > 20, `${run.aged} lines of ages, ${run.agedOld} sites with old ones`);
        if (how.sites > 1000) assert.equal(run.refusals, 0n);
        assert.deepEqual(run.left, []);
        if (run.refusals === 0n) assert.ok(run.reclaimed > 100, `${run.reclaimed} numbers were given again`);
      });
    }
  });

  describe(`${name}, at its limits`, () => {
    test("keeps totals exact with many more sites than fit, and reports it", () => {
      const host = new Host(module, abi.SITES_MIN);
      const shards = [host.addShard(), host.addShard()];
      let [inUse, allocs] = [0, 0];
      for (let i = 0; i < 5000; ++i) {
        const shard = shards[i % 2]!;
        const place = BigInt(0x10000 + i * 8);
        const text = `memory/IOBuffer/Many.cc:${i}`;
        host.recordBufferEvent(shard, place, text, 1000n);
        host.recordBufferEvent(shard, place, text, BigInt(i));
        // The other shard does not know the site, and charges the same row.
        host.recordBufferEvent(shards[(i + 1) % 2]!, place, text, -1000n);
        inUse += i;
        allocs += 2;
      }
      const dump = only(host.dump(FACTS));
      assert.equal(dump.iobuffer.total, inUse);
      assert.equal(dump.iobuffer.rows.length, abi.SITES_MIN + 1);
      const sum = (field: "allocs" | "frees") => dump.iobuffer.rows.reduce((total, row) => total + row[field], 0);
      assert.deepEqual([sum("allocs"), sum("frees")], [allocs, 5000]);
      const other = dump.iobuffer.rows.find((row) => row.location === "memory/IOBuffer/(other)");
      assert.equal(other?.allocs, 2 * (5000 - abi.SITES_MIN));
      assert.equal(dump.header.get("sites"), `${abi.SITES_MIN}/${abi.SITES_MIN}`);
      // Each shard asked once, and was then frozen.
      assert.equal(dump.header.get("refused-sites"), "2");
      assert.match(dump.notes[0]?.get("warning") ?? "", /the site table is full/);
    });

    test("keeps each plugin's sum exact when its sites do not fit, whichever shard meets them first", () => {
      const host = new Host(module, abi.SITES_MIN);
      const shards = [host.addShard(), host.addShard(), host.addShard()];
      // More owners than rows (other): the last ones share the row of the class.
      const owners = Array.from({ length: abi.OTHERS_MAX / 2 + 4 }, (_, i) => host.registry.registerOwner(`p${i}.so`));
      const held = owners.map(() => [0, 0]);
      const classes = [abi.CLASS_TSAPI, abi.CLASS_HEAP];
      const blocks: { site: number; size: number; owner: number; cls: number }[] = [];
      for (let i = 0; i < 6000; ++i) {
        const [owner, cls] = [i % owners.length, (i >> 3) & 1];
        const line = 0x10000 + ((i * 7) % 900) * 8;
        const shard = shards[(i >> 4) % (i < 3000 ? 2 : 3)]!; // the third shard is added when the table is full
        const site = host.recordAlloc(
          shard,
          classes[cls]!,
          BigInt(line),
          `p${owner}.so+0x${line.toString(16)}`,
          0,
          BigInt(i),
          owners[owner],
        );
        blocks.push({ site, size: i, owner, cls });
        held[owner]![cls]! += i;
        if (i % 3) continue;
        const [gone] = blocks.splice((i * 31) % blocks.length, 1);
        host.recordFree(shards[i % 3]!, gone!.site, BigInt(gone!.size));
        held[gone!.owner]![gone!.cls]! -= gone!.size;
      }
      assert.equal(host.lost, 0n);
      const dump = only(host.dump(FACTS));
      const other = (cls: "tsapi" | "heap") =>
        dump[cls].rows.filter(({ location }) => location === "memory/plugin/(other)").reduce((sum, row) => sum + row.inUse, 0);
      const told = (cls: "tsapi" | "heap") =>
        dump.owners.filter(({ owner }) => owner !== "core").reduce((sum, row) => sum + row[cls], 0);
      const sum = (cls: number) => held.reduce((total, bytes) => total + bytes[cls]!, 0);
      assert.deepEqual([told("tsapi") + other("tsapi"), told("heap") + other("heap")], [sum(0), sum(1)]);
      const right = dump.owners.filter(({ owner, tsapi, heap }) => {
        const bytes = held[Number(/^p(\d+)\.so$/.exec(owner)?.[1] ?? NaN)];
        return bytes?.[0] === tsapi && bytes[1] === heap;
      });
      const without = 2 * owners.length - abi.OTHERS_MAX; // rows (other) for which there was no number left
      assert.ok(right.length >= owners.length - without && right.length < owners.length, `${right.length}`);
      assert.ok(other("tsapi") > 0 && other("heap") > 0);
    });

    for (const sites of [abi.SITES_MIN, abi.SITES_DEFAULT, abi.SITES_MAX]) {
      test(`writes a dump of ${sites} sites with the longest names and numbers, which all differ in verify mode`, () => {
        const host = new Host(module, sites);
        const shard = host.addShard();
        // Just below 2^63: 19 digits, in columns that are 20 wide.
        const huge = 2n ** 63n - 1n;
        const rows: OtherRow[] = [];
        for (let i = 0; i < sites; ++i) {
          const name = `memory/IOBuffer/${String(i).padStart(111, "x")}`;
          const site = host.recordBufferEvent(shard, BigInt(0x10000 + i * 8), name, 0n);
          shard.carry(site, huge, 1n, huge, 0n);
          rows.push({ name, allocs: -huge, frees: -huge, inUse: -huge - 1n });
        }
        host.recordAlloc(shard, abi.CLASS_OPENSSL, 1n, "y".repeat(5000), 0xfffffff, 2n ** 62n); // (other)
        const reasons = { iobufferReason: "r".repeat(5000), opensslReason: "s".repeat(5000), digest: "d".repeat(5000) };
        const facts = { ...FACTS, ...reasons, iobuffer: abi.HOOK_REFUSED, openssl: abi.HOOK_REFUSED, armed: 2n ** 64n - 1n };
        const text = host.dump(facts, rows).toString();
        assert.ok(text.endsWith(`\nmemtrack end dump=1 rows=${sites + 1}\n`));
        assert.ok(text.includes(`, ${sites} of ${sites} rows differ\n`));
        const widest = `${-huge} | ${-huge} | ${-huge - 1n} | built-in   | memory/IOBuffer/${"x".repeat(100)}`;
        assert.ok(text.includes(widest));
      });
    }

    test("shows OpenSSL's longest names whole, each in its own row", () => {
      const host = new Host(module, abi.SITES_MIN);
      const shard = host.addShard();
      for (let i = 0; i < abi.SITES_MIN; ++i) {
        host.recordAlloc(shard, abi.CLASS_OPENSSL, 4096n, `../${"d/".repeat(3000)}long_file_name.c`, 0xfffffff - i, 1n);
      }
      const { rows } = only(host.dump(FACTS)).openssl;
      assert.equal(rows.length, abi.SITES_MIN);
      for (const row of rows) assert.match(row.location, /^memory\/OpenSSL\/\.\.\..*\/long_file_name\.c:2684\d{5}$/);
    });

    test("keeps the end of a text longer than its input region", () => {
      const registry = new Registry(module, abi.SITES_MIN);
      const model = new Model(module, abi.SITES_MIN);
      const shard = new Shard(module, abi.SITES_MIN);
      const detail = BigInt((abi.CLASS_OPENSSL << abi.ATTRIBUTES_CLASS_SHIFT) | 9);
      const site = registry.register(1n, detail, "x".repeat(abi.INPUT_SIZE) + "/end.c");
      assert.ok(shard.insertKey(site, 1n, detail));
      shard.recordAlloc(1n, detail, 5n);
      registry.copyNames(model);
      model.start();
      shard.copyPairs(abi.RECORD_ALLOCS, registry.siteCount, model);
      model.mergeAllocs(registry.siteCount);
      model.sumRows();
      model.applyBaseline();
      model.setHeaderNumber(abi.FACT_LEVEL, 2n);
      assert.match(model.render().toString(), /memory\/OpenSSL\/\.\.\.x+\/end\.c:9/);
    });

    test("has every role at every capacity, with no more memory than the role needs", () => {
      for (const sites of [abi.SITES_MIN, 65, 1000, abi.SITES_DEFAULT, 30000, abi.SITES_MAX]) {
        const shard = new Shard(module, sites);
        const registry = new Registry(module, sites);
        const model = new Model(module, sites);
        assert.ok(shard.size < registry.size && registry.size < model.size);
        assert.ok(shard.size <= abi.SHARD_MEMORY);
      }
    });

    test("refuses unknown roles, capacities, facts and sites", () => {
      for (const sites of [0, 7, abi.SITES_MIN - 1, abi.SITES_MAX + 1, 1e9, -1]) {
        assert.throws(() => new Shard(module, sites), RangeError);
      }
      assert.throws(() => new Instance(module, abi.ROLE_SEARCH + 1, abi.SITES_MIN), RangeError);
      const model = new Model(module, abi.SITES_MIN);
      assert.throws(() => model.setHeaderNumber(abi.FACT_COUNT, 0n), RangeError);
      assert.throws(() => model.setHeaderText(abi.TEXT_COUNT, ""), RangeError);
      const shard = new Shard(module, abi.SITES_MIN);
      assert.equal(shard.recordFree(abi.SITE_FIRST + abi.SITES_MIN + abi.OTHERS_MAX, 1n), abi.SITE_UNKNOWN);
      assert.equal(shard.insertKey(abi.SITE_FIRST - 1, 1n, 0n), false);
      assert.equal(model.verifyRow(abi.SITE_FIRST, 1n, 1n, 1n), false);
    });

    test("accepts places and sizes of all 64 bits", () => {
      const host = new Host(module, abi.SITES_MIN);
      const shard = host.addShard();
      const top = 2n ** 64n - 1n;
      const site = host.recordBufferEvent(shard, top, "memory/IOBuffer/Top.cc:1", 2n ** 40n);
      assert.equal(site, abi.SITE_FIRST);
      assert.deepEqual(host.registry.key(site), { place: top, detail: 0n });
      assert.equal(host.recordBufferEvent(host.addShard(), top, "memory/IOBuffer/Top.cc:1", -(2n ** 39n)), site);
      assert.equal(only(host.dump(FACTS)).iobuffer.total, 2 ** 39);
    });
  });

  describe(`${name}, with the built-in tracker`, () => {
    const A = { place: 0x1000n, name: "memory/IOBuffer/A.cc:1" };

    test("takes over its counts, so that older buffers are known when they are released", () => {
      const host = new Host(module, abi.SITES_MIN);
      const shard = host.addShard();
      host.carryOver(shard, [{ name: A.name, allocs: 10n, frees: 7n, inUse: 3n * 4096n }]);
      for (let i = 0; i < 3; ++i) host.recordBufferEvent(shard, A.place, A.name, -4096n);
      const dump = only(host.dump(FACTS));
      const expected: Row = { allocs: 10, frees: 10, inUse: 0, average: 0, location: A.name };
      assert.deepEqual(dump.iobuffer.rows, [expected]);
      assert.deepEqual(dump.prior, []);
    });

    test("reports no difference if there is none, and shows each difference", () => {
      const host = new Host(module, abi.SITES_MIN);
      const shard = host.addShard();
      host.recordBufferEvent(shard, A.place, A.name, 100n);
      host.markVerify([{ name: A.name, allocs: 50n, frees: 20n, inUse: 7n }]);
      host.recordBufferEvent(shard, A.place, A.name, 100n);
      const same = only(host.dump(FACTS, [{ name: A.name, allocs: 51n, frees: 20n, inUse: 107n }]));
      assert.deepEqual([same.verify?.differing, same.verify?.compared], [0, 1]);
      assert.equal(same.header.get("verify"), "on");
      const other = only(host.dump(FACTS, [{ name: A.name, allocs: 52n, frees: 20n, inUse: 107n }]));
      assert.equal(other.verify?.differing, 1);
      assert.deepEqual(
        other.verify.rows.filter((row) => row.location === A.name).map((row) => [row.accountant, row.allocs]),
        [
          ["memtrack", 51],
          ["built-in", 52],
        ],
      );
    });
  });

  describe(`${name}, as required by the C host`, () => {
    test("has no exported function with optional parameters, which traps unless it is told how many there are", () => {
      const names = WebAssembly.Module.exports(module).map(({ name }) => name);
      assert.ok(!names.includes("__setArgumentsLength"), names.join());
    });

    test("imports nothing and exports no table", () => {
      assert.deepEqual(WebAssembly.Module.imports(module), []);
      assert.deepEqual(
        WebAssembly.Module.exports(module).filter(({ kind }) => kind === "table"),
        [],
      );
    });

    test("has no indirect call and no recursion, so that its code bounds the stack depth", () => {
      const { functions } = readWat(wat);
      assert.ok(functions.size > 20, "the text was understood");
      const indirect = [...functions]
        .filter(([, { code }]) => /\b(return_)?call_(indirect|ref)\b/.test(code))
        .map(([name]) => name);
      assert.deepEqual(indirect, []);
      assert.ok(depth(functions) < 32);
    });
  });
}

test("the hot functions read no globals except those that account.cc passes", () => {
  const { functions, globals } = readWat(BUILDS[0]!.wat);
  for (const name of ["recordBufferEventFast", "recordAllocFast", "recordFree", "recordFreeOld", "advanceEpochs"]) {
    const hot = [...functions.values()].find(({ exports }) => exports.includes(name));
    assert.ok(hot, `${name} is exported`);
    const read = new Set([...hot.code.matchAll(/global\.[gs]et \$([^\s()]+)/g)].map(([, own]) => globals.get(own!) ?? own));
    for (const known of ["indexShift", "slots", "epochs"]) read.delete(known);
    assert.deepEqual([...read], [], name);
  }
});

/** The length of the longest chain of calls. Throws if a chain is recursive. */
function depth(functions: Wat["functions"]): number {
  const known = new Map<string, number>();
  const visit = (from: string, chain: string[]): number => {
    assert.ok(!chain.includes(from), `recursion: ${[...chain, from].join(" -> ")}`);
    const callees = functions.get(from)?.calls;
    assert.ok(callees, `function ${from} is not in the text`);
    const deepest = known.get(from) ?? 1 + Math.max(0, ...[...callees].map((callee) => visit(callee, [...chain, from])));
    known.set(from, deepest);
    return deepest;
  };
  return Math.max(...[...functions.keys()].map((from) => visit(from, [])));
}
