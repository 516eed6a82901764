// SPDX-License-Identifier: Apache-2.0
//
// What is kept of the dumps that were read, in a bounded amount of memory.
//
//   dumps -> Runs: a run is what one process of the server said while it counted: it begins where the server starts, or arms anew
//              Run -> first, last: a Snapshot each, with all counts
//                     points: at most POINTS_MAX dumps between them, with the bytes of every site
//
// When there are too many points every second one is dropped, and from then on only every second dump becomes one: the points stay
// evenly spread over the whole run. All runs are listed; only the last few keep what they have counted.

import { holdsMemory } from "../../shared/classes.ts";
import { enlarged } from "./arrays.ts";
import type { Dump } from "./dump.ts";
import type { Sites } from "./sites.ts";
import { armedAt, hasRows, isLater, isSameArming, isUntracked, snapshotOf, type Snapshot } from "./snapshot.ts";

const POINTS_MAX = 1024;
/** Bytes that all points of a run take together, at most. */
const POINTS_BYTES_MAX = 48 * 1024 * 1024;
/** Runs that keep their counts; one that is asked for does in any case. */
const DATA_MAX = 3;
/** Runs that are listed. A server that crashes every minute for a year is said in a number. */
const LISTED_MAX = 1000;

export interface Point {
  number: number;
  time: number;
  /** Bytes in use by site number; of objects, how many are alive. */
  values: Float64Array;
}

/** Is given every dump of a run that is kept, in their order. */
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
  /** Undefined where a run's counts were dropped. */
  data: RunData | undefined;
  /** When the server began to count, by the last dump that says it. */
  armed = NaN;

  constructor(dump: Snapshot, data: RunData) {
    this.origin = dump.origin;
    this.firstNumber = this.lastNumber = dump.number;
    this.firstTime = this.lastTime = dump.time;
    this.data = data;
  }
}

/** What a run has counted. */
export class RunData {
  first: Snapshot | undefined;
  points: Point[] = [];
  /** The largest value of each site, and the dump in which it was first seen (counted from 0; -1 before that). */
  peak = new Float64Array(0);
  since = new Int32Array(0);
  /** Anything that looks at each dump. */
  readonly observer: Observer | undefined;
  readonly #sites: Sites;
  #seen = 0;
  #stride = 1;
  #last: Snapshot | undefined;

  constructor(sites: Sites, observer?: Observer) {
    this.#sites = sites;
    this.observer = observer;
  }

  /** Dumps seen. */
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
    // The last dump is always a point: it stands at the end until the next one shows whether it stays.
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
  /** Seconds since 1970: dumps outside are left out. */
  since?: number | undefined;
  until?: number | undefined;
  /** The run that is asked for, counted from 1; 0 for the last. */
  run?: number | undefined;
  /** For each run that is kept. */
  observer?: (() => Observer) | undefined;
}

export class Runs {
  readonly list: Run[] = [];
  /** Runs before those in the list. */
  unlisted = 0;
  /** Dumps left out: cut off or damaged, and those outside --since and --until. */
  readonly skipped: { cut: number; damaged: number; outside: number; untimed: number } = {
    cut: 0,
    damaged: 0,
    outside: 0,
    untimed: 0,
  };
  /** The earliest and the latest time of the dumps outside --since and --until. */
  outside: [number, number] | undefined;
  /** The last dump that was left out because it is not whole, for who has no other. */
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

  /** There are no more. A dump that is not whole is better than none. */
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

  /** The run that is asked for, or that of the last dump. */
  get chosen(): Run | undefined {
    const { run = 0 } = this.#options;
    return run ? this.list[run - 1 - this.unlisted] : this.#current;
  }

  /** That of the last dump. */
  get latest(): Run | undefined {
    return this.#current;
  }

  /** Its number, counted from 1. */
  numberOf(run: Run): number {
    return this.list.indexOf(run) + 1 + this.unlisted;
  }

  get count(): number {
    return this.list.length + this.unlisted;
  }

  /** The count that a dump is of: dumps' numbers go up in one process, and they say when it was armed. */
  #runOf(dump: Snapshot): Run {
    const armed = armedAt(dump);
    const same = (run: Run): boolean => isSameArming(run.armed, armed);
    const open = this.list.slice(-8).filter((run) => this.#continues(run, dump));
    // The next number, then the same arming; then a gap, where a piece of a rotated file is missing.
    const next = open.filter((run) => run.lastNumber + 1 === dump.number);
    const found = next.find(same) ?? (next.length === 1 ? next[0] : undefined) ?? open.findLast(same) ?? next.at(-1);
    return found ?? this.#begin(dump);
  }

  #continues(run: Run, dump: Snapshot): boolean {
    if (run.origin !== dump.origin) return false;
    // The built-in's dumps say neither number nor time, but allocations count up.
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

/** Whether counts went down: they do where another process began. A site may be missing where no row is printed for it. */
function restarted(last: Snapshot | undefined, dump: Snapshot): boolean {
  if (!last) return true;
  return last.allocs.some((allocs, site) => dump.present[site] === 1 && dump.allocs[site]! < allocs);
}
