// SPDX-License-Identifier: Apache-2.0
//
// What the core says of the dumps. Each is fed as a sample to the same Wasm as in the proxy, and its verdicts and its evidence are
// taken as they are; nothing is judged in here.
//
//   dump -> rows as pairs of a shard -> model: sample -> Growth and Suspects, as the core writes them -> verdicts
//
// A proxy takes a sample every few seconds, and knows its connections, its RAM cache and its limits; a file has a dump now and then.
// So where the last dump carries what the proxy's core said, all verdicts are the proxy's; the replay is for dumps without verdicts.
//
// A dump does not say how many bytes a site has allocated in all, which the core wants for the size and the turnover of what is
// alive: it is taken as the allocations between two dumps by the average size that the dump shows.

import * as abi from "../../../assembly/abi.ts";
import { classes, CORE_PREFIX, PLUGIN_PREFIX } from "../../../format/format.ts";
import { CLASSES, holdsMemory } from "../../shared/classes.ts";
import { Model } from "../core/model.ts";
import { loadCore } from "../core/module.ts";
import { Registry } from "../core/registry.ts";
import { enlarged } from "../read/arrays.ts";
import type { Section } from "../read/dump.ts";
import type { Observer } from "../read/history.ts";
import { Parser } from "../read/parse.ts";
import { CORE, Sites, type Site } from "../read/sites.ts";
import type { Snapshot } from "../read/snapshot.ts";
import { findingsIn, isJudged, VERDICTS, type Findings, type Suspect } from "./findings.ts";

/** Dumps before which the core says nothing of a site (SAMPLES_MIN in assembly/analysis/verdict.ts). */
export const DUMPS_MIN = 80;
/** What is taken for the time between two dumps that say none. */
const INTERVAL = 60;
/** A pair in the core: 64 bits of count, 64 of bytes. */
const WORDS = 4;
/** Objects have no bytes, and so no row in the core. */
const NO_ROW = -1;
const CALL_PREFIX = new RegExp(`^(?:${PLUGIN_PREFIX}|${CORE_PREFIX})`);
const OPENSSL_FILE = new RegExp(`^${classes.openssl.prefix}(.+):(\\d{1,8})$`, "s");

let core: WebAssembly.Module | undefined;

export class Analysis implements Observer {
  readonly #sites: Sites;
  readonly #interval: number;
  #model: Model | undefined;
  #registry: Registry | undefined;
  /** The core's site of each of ours, and its key of each owner. */
  #rows: number[] = [];
  #owners = new Map<string, number>([[CORE, abi.OWNER_CORE]]);
  #allocs = new Uint32Array(0);
  #frees = new Uint32Array(0);
  /** Of each site: bytes allocated in all, as taken, and allocations, at the last dump. */
  #bytes = new Float64Array(0);
  #counts = new Float64Array(0);
  #began = NaN;
  #seen = 0;
  #last: Snapshot | undefined;

  constructor(sites: Sites, interval: number | undefined) {
    this.#sites = sites;
    this.#interval = interval ?? INTERVAL;
  }

  observe(dump: Snapshot): void {
    if (!this.#model) this.#begin(dump);
    this.#last = dump;
    this.#learn(dump);
    this.#loadRows(dump);
    const model = this.#model!;
    const count = this.#registry!.siteCount;
    model.start();
    model.stage(this.#frees);
    model.mergeFrees(count);
    model.stage(this.#allocs);
    model.mergeAllocs(count);
    this.#registry!.copyNames(model);
    model.sumRows();
    model.applyBaseline();
    model.setMeasures([]);
    model.sample(BigInt(this.#now(dump)), 0n);
    ++this.#seen;
  }

  /** The verdicts in the last dump; if it has none, those of the replay. */
  findings(): Findings {
    const sections = this.#last?.sections ?? [];
    return isJudged(sections) ? findingsIn(sections, "proxy") : this.#replayed();
  }

  #replayed(): Findings {
    const model = this.#model;
    if (!model || !this.#seen) return findingsIn([], "replay");
    model.setHeaderNumber(abi.FACT_LEVEL, 0n);
    let sections: Section[] = [];
    const parser = new Parser(new Sites(), (dump) => (sections = dump.sections));
    parser.push(model.render());
    parser.end();
    const findings = findingsIn(sections, "replay");
    this.#rename(findings.suspects, model.suspects());
    // The sections have the rows that changed most; the core knows all of them. Names are ours, since the core cuts long ones.
    for (const site of this.#sites) {
      const row = this.#rows[site.number];
      if (row === undefined || row === NO_ROW || !holdsMemory(site.class)) continue;
      const verdict = VERDICTS[model.verdictOf(row)]!;
      const known = findings.sites.get(site.location);
      findings.sites.set(site.location, known?.verdict === verdict ? known : { verdict });
    }
    return findings;
  }

  /** Gives the suspects the names that their sites have in the file: the core shows what is not printable as question marks. */
  #rename(suspects: Suspect[], subjects: number[]): void {
    let next = 0;
    for (const suspect of suspects) {
      const { length } = suspect.rows;
      for (const row of suspect.rows) {
        const number = this.#rows.indexOf(subjects[next++]!);
        if (number < 0) continue;
        const { location, owner } = this.#sites.get(number);
        row.evidence = location + row.evidence.slice(row.location.length);
        row.location = location;
        suspect.owner = owner;
        if (length === 1) Object.assign(suspect, { location, evidence: row.evidence });
      }
    }
  }

  #begin(dump: Snapshot): void {
    core ??= loadCore();
    const [, room] = /\/(\d+)$/.exec(dump.header.get("sites") ?? "") ?? [];
    const sites = Math.min(abi.SITES_MAX, Math.max(abi.SITES_DEFAULT, Number(room ?? 0)));
    this.#registry = new Registry(core, sites);
    this.#model = new Model(core, sites);
    this.#began = dump.time;
    const words = (abi.SITE_FIRST + sites) * WORDS;
    this.#allocs = new Uint32Array(words);
    this.#frees = new Uint32Array(words);
  }

  /** Gives the core the names of sites that it has not met. */
  #learn(dump: Snapshot): void {
    const { length } = dump.present;
    if (this.#bytes.length < length) {
      this.#bytes = enlarged(this.#bytes, length * 2);
      this.#counts = enlarged(this.#counts, length * 2);
    }
    for (let number = this.#rows.length; number < length; ++number) this.#rows.push(this.#register(this.#sites.get(number)));
  }

  /** The core's number for a site. It writes itself what it gives every name of a class: the beginning, and `[via owner]`. */
  #register(site: Site): number {
    if (!holdsMemory(site.class)) return NO_ROW;
    const registry = this.#registry!;
    let owner = this.#owners.get(site.owner);
    if (owner === undefined) this.#owners.set(site.owner, (owner = registry.registerOwner(site.owner)));
    const [, place, via] = /^(.*?)( \[via [^\]]+\])?$/s.exec(site.location)!;
    const [, file, digits] = OPENSSL_FILE.exec(place!) ?? [];
    const cls = site.class === "openssl" && file === undefined ? abi.CLASS_IOBUFFER : CLASSES.indexOf(site.class);
    const detail = BigInt(((cls << abi.ATTRIBUTES_CLASS_SHIFT) | (cls === abi.CLASS_OPENSSL ? Number(digits) : 0)) >>> 0);
    const text = cls === abi.CLASS_IOBUFFER ? site.location : cls === abi.CLASS_OPENSSL ? file! : place!.replace(CALL_PREFIX, "");
    return registry.register(BigInt(site.number + 1), detail, text, owner, via && cls !== abi.CLASS_IOBUFFER ? abi.NAME_VIA : 0);
  }

  /** Brings a dump's rows into the form in which the core takes a shard's. */
  #loadRows(dump: Snapshot): void {
    const words = this.#registry!.siteCount * WORDS;
    this.#allocs.fill(0, 0, words);
    this.#frees.fill(0, 0, words);
    for (let site = 0; site < dump.present.length; ++site) {
      const row = this.#rows[site]!;
      if (!dump.present[site] || row === NO_ROW) continue;
      const allocs = Math.max(0, dump.allocs[site]!);
      const frees = Math.max(0, dump.frees[site]!);
      const inUse = dump.inUse[site]!;
      const average = allocs > frees ? inUse / (allocs - frees) : 0;
      const grown = this.#bytes[site]! + Math.max(0, Math.round((allocs - this.#counts[site]!) * average));
      const bytes = Math.max(grown, inUse);
      this.#bytes[site] = bytes;
      this.#counts[site] = allocs;
      const at = row * WORDS;
      add(this.#allocs, at, allocs, bytes);
      add(this.#frees, at, frees, Math.max(0, bytes - inUse));
    }
  }

  /** Seconds from the first dump. */
  #now(dump: Snapshot): number {
    const seconds = dump.time - this.#began;
    return Number.isNaN(seconds) ? this.#seen * this.#interval : Math.max(0, Math.round(seconds));
  }
}

/** Adds to a pair. Two of our sites can be one of the core's: (other), or names that differ only in what the core cuts. */
function add(pairs: Uint32Array, at: number, count: number, bytes: number): void {
  addWord(pairs, at, count);
  addWord(pairs, at + 2, bytes);
}

function addWord(words: Uint32Array, at: number, value: number): void {
  if (value < 2 ** 32 && words[at] === 0 && words[at + 1] === 0) {
    words[at] = value;
    return;
  }
  const sum = value + words[at]! + words[at + 1]! * 2 ** 32;
  words[at] = sum % 2 ** 32;
  words[at + 1] = Math.floor(sum / 2 ** 32);
}
