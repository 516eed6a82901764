// SPDX-License-Identifier: Apache-2.0
//
// The part of the dumps that is kept, in a limited amount of memory.
//
//   dumps -> Runs: a run is what one process of the server said while it counted: it begins where the server starts, or arms anew
//              Run -> first, last: a Snapshot each, with all counts
//                     points: at most POINTS_MAX dumps between them, with the bytes of every site
//
// If there are too many points, every second one is dropped, and then only every second dump becomes a point: the points stay evenly spread
// over the whole run. All runs are listed; only the last few keep their counts.

import { holdsMemory } from "../../shared/classes.ts";
import { enlarged } from "./arrays.ts";
import type { Dump } from "./dump.ts";
import type { Sites } from "./sites.ts";
import { armedAt, hasRows, isLater, isSameArming, isUntracked, snapshotOf, type Snapshot } from "./snapshot.ts";

const POINTS_MAX = 1024;
/** Maximum size of all points of a run in bytes. */
const POINTS_BYTES_MAX = 48 * 1024 * 1024;
/** Runs that keep their counts, besides a selected run. */
const DATA_MAX = 3;
/** Maximum number of listed runs. The runs before them, of a server that keeps crashing, are only counted. */
const LISTED_MAX = 1000;

export interface Point {
  number: number;
  time: number;
  /** By site number: bytes in use, or live objects. */
  values: Float64Array;
}

/** Receives every dump of a run that is kept, in order. */
export interface Observer {
  observe(dump: Snapshot): void;
}

export class Run {
  readonly origin: Dump["origin"];
  readonly firstNumber: number;
  readonly firstTime: number;
  lastNumber: number;
  lastTime: number;
  dumps = 0;
  /** Undefined if the run's counts were dropped. */
  data: RunData | undefined;
  /** When the server began to count, from the last dump with that information. */
  armed = NaN;

  constructor(dump: Snapshot, data: RunData) {
    this.origin = dump.origin;
    this.firstNumber = this.lastNumber = dump.number;
    this.firstTime = this.lastTime = dump.time;
    this.data = data;
  }
}

/** The counts of a run. */
export class RunData {
  first: Snapshot | undefined;
  points: Point[] = [];
  /** The largest value of each site, and the dump in which it was first seen (counted from 0; -1 before that). */
  peak = new Float64Array(0);
  since = new Int32Array(0);
  /** Receives each dump. */
  readonly observer: Observer | undefined;
  readonly #sites: Sites;
  #seen = 0;
  #stride = 1;
  #last: Snapshot | undefined;

  constructor(sites: Sites, observer?: Observer) {
    this.#sites = sites;
    this.observer = observer;
  }

  /** Number of dumps. */
  get seen(): number {
    return this.#seen;
  }

  get last(): Snapshot | undefined {
    return this.#last;
  }

  add(dump: Snapshot): void {
    this.#last = dump;
    this.first ??= dump;
    if (this.peak.length < this.#sites.size) this.#enlarge();
    const values = dump.inUse.slice();
    for (let site = 0; site < values.length; ++site) {
      if (!dump.present[site]) continue;
      if (!holdsMemory(this.#sites.get(site).class)) values[site] = dump.allocs[site]! - dump.frees[site]!;
      if (this.since[site]! < 0) this.since[site] = this.#seen;
      if (values[site]! > this.peak[site]!) this.peak[site] = values[site]!;
    }
    // The last dump is always a point, until the next dump shows whether it remains one.
    if (this.points.length && (this.#seen - 1) % this.#stride !== 0) this.points.pop();
    this.points.push({ number: dump.number, time: dump.time, values });
    ++this.#seen;
    const bytes = this.points.length * this.#sites.size * Float64Array.BYTES_PER_ELEMENT;
    if (this.points.length > POINTS_MAX || (bytes > POINTS_BYTES_MAX && this.points.length > 8)) this.#thin();
    this.observer?.observe(dump);
  }

  #thin(): void {
    const last = this.points.at(-1)!;
    this.points = this.points.filter((_, index) => index % 2 === 0);
    this.#stride *= 2;
    if (this.points.at(-1) !== last) this.points.push(last);
  }

  #enlarge(): void {
    const size = Math.max(this.#sites.size, this.peak.length * 2);
    const { peak, since } = this;
    this.peak = enlarged(peak, size);
    this.since = enlarged(since, size).fill(-1, since.length);
  }
}

export interface RunsOptions {
  /** Seconds since 1970: earlier and later dumps are skipped. */
  since?: number | undefined;
  until?: number | undefined;
  /** The selected run, counted from 1; 0 for the last. */
  run?: number | undefined;
  /** Makes an observer for each run that is kept. */
  observer?: (() => Observer) | undefined;
}

export class Runs {
  readonly list: Run[] = [];
  /** Number of runs before those in the list. */
  unlisted = 0;
  /** Number of skipped dumps: truncated, damaged, or outside --since and --until. */
  readonly skipped: { cut: number; damaged: number; outside: number; untimed: number } = {
    cut: 0,
    damaged: 0,
    outside: 0,
    untimed: 0,
  };
  /** The earliest and latest time of the dumps outside --since and --until. */
  outside: [number, number] | undefined;
  /** The last truncated or damaged dump, for use if there is no other. */
  partial: Snapshot | undefined;
  /** Dumps of level 0: they have no rows, and are no points. Whether the last dump is one. */
  untracked = 0;
  endsUntracked = false;
  readonly #sites: Sites;
  readonly #options: RunsOptions;
  /** The run of the last dump. */
  #current: Run | undefined;

  constructor(sites: Sites, options: RunsOptions = {}) {
    this.#sites = sites;
    this.#options = options;
  }

  add(dump: Dump): void {
    const { since = -Infinity, until = Infinity } = this.#options;
    if (Number.isNaN(dump.time) && (since !== -Infinity || until !== Infinity)) ++this.skipped.untimed;
    if (dump.time < since || dump.time > until) {
      ++this.skipped.outside;
      const [first, last] = this.outside ?? [dump.time, dump.time];
      this.outside = [Math.min(first, dump.time), Math.max(last, dump.time)];
    } else if (dump.state !== "complete") {
      ++this.skipped[dump.state];
      if (hasRows(dump)) this.partial = snapshotOf(dump, this.#sites);
    } else if (isUntracked(dump)) {
      ++this.untracked;
      this.endsUntracked = true;
    } else {
      this.#take(snapshotOf(dump, this.#sites));
    }
  }

  /** Ends the input. If no complete dump was found, an incomplete one is used. */
  end(): void {
    if (!this.list.length && this.partial) this.#take(this.partial);
  }

  #take(dump: Snapshot): void {
    const run = this.#runOf(dump);
    run.lastNumber = dump.number;
    run.lastTime = dump.time;
    run.armed = armedAt(dump);
    ++run.dumps;
    run.data?.add(dump);
    this.#current = run;
    this.endsUntracked = false;
  }

  /** The selected run, or the run of the last dump. */
  get chosen(): Run | undefined {
    const { run = 0 } = this.#options;
    return run ? this.list[run - 1 - this.unlisted] : this.#current;
  }

  /** The run of the last dump. */
  get latest(): Run | undefined {
    return this.#current;
  }

  /** The number of a run, counted from 1. */
  numberOf(run: Run): number {
    return this.list.indexOf(run) + 1 + this.unlisted;
  }

  get count(): number {
    return this.list.length + this.unlisted;
  }

  /** The run of a dump: within a run the dumps' numbers increase, and the time of the arming is the same. */
  #runOf(dump: Snapshot): Run {
    const armed = armedAt(dump);
    const same = (run: Run): boolean => isSameArming(run.armed, armed);
    const open = this.list.slice(-8).filter((run) => this.#continues(run, dump));
    // First by the next number, then by the same arming, then across a gap, where a piece of a rotated file is missing.
    const next = open.filter((run) => run.lastNumber + 1 === dump.number);
    const found = next.find(same) ?? (next.length === 1 ? next[0] : undefined) ?? open.findLast(same) ?? next.at(-1);
    return found ?? this.#begin(dump);
  }

  #continues(run: Run, dump: Snapshot): boolean {
    if (run.origin !== dump.origin) return false;
    // The built-in tracker's dumps have neither number nor time, but their allocation counts never decrease.
    if (dump.origin === "built-in") return run === this.#current && !restarted(run.data?.last, dump);
    return dump.number > run.lastNumber && dump.time >= run.lastTime && !isLater(armedAt(dump), run.armed);
  }

  #begin(dump: Snapshot): Run {
    const run = new Run(dump, new RunData(this.#sites, this.#options.observer?.()));
    this.list.push(run);
    if (this.list.length > LISTED_MAX) {
      this.list.shift();
      ++this.unlisted;
    }
    const asked = this.#options.run ? this.list[this.#options.run - 1 - this.unlisted] : undefined;
    const holders = this.list.filter((entry) => entry.data && entry !== asked);
    for (const entry of holders.slice(0, -DATA_MAX)) entry.data = undefined;
    return run;
  }
}

/** Whether counts decreased, which means that another process began. A site without a row may be missing. */
function restarted(last: Snapshot | undefined, dump: Snapshot): boolean {
  if (!last) return true;
  return last.allocs.some((allocs, site) => dump.present[site] === 1 && dump.allocs[site]! < allocs);
}
