// SPDX-License-Identifier: Apache-2.0
//
// Files to a report: opens, parses, keeps a limited history, and lets the core judge it.

import type { Readable } from "node:stream";
import { time } from "../../shared/units.ts";
import { Analysis } from "../analyse/analysis.ts";
import { NoDump, UsageError } from "../errors.ts";
import { requireMatch, type Filter } from "../read/filter.ts";
import { Runs, type Run, type RunsOptions } from "../read/history.ts";
import { openInputs, readInputs, type Progress } from "../read/input.ts";
import { nothingRead, unreadableTables } from "../read/nothing.ts";
import { Sites } from "../read/sites.ts";
import { Streams } from "../read/streams.ts";
import { TRACK } from "../records.ts";
import { makeReport } from "./make-report.ts";
import type { Report, ReportInput } from "./report.ts";

interface ReadOptions extends Filter {
  since?: number | undefined;
  until?: number | undefined;
  run?: number | undefined;
  /** Seconds between dumps without times. */
  interval?: number | undefined;
}

/** Everything read so far, and the report about it: made once for a file, repeatedly for one that grows. */
export class Reader {
  readonly sites = new Sites();
  readonly runs: Runs;
  readonly streams: Streams;
  readonly #files: string[];
  readonly #options: ReadOptions;
  problems: string[] = [];

  constructor(files: string[], options: ReadOptions) {
    this.#files = files;
    this.#options = options;
    const { since, until, run } = options;
    const runsOptions: RunsOptions = { since, until, run, observer: () => new Analysis(this.sites, options.interval) };
    this.runs = new Runs(this.sites, runsOptions);
    this.streams = new Streams(this.sites, (dump) => this.runs.add(dump));
  }

  /** The selected run; undefined if there is no dump. */
  get run(): Run | undefined {
    const { runs } = this;
    const run = runs.chosen;
    const asked = this.#options.run;
    if (asked && runs.count && !run) throw new UsageError(`--run is ${asked}: there are ${runs.count}, counted from 1`);
    return run;
  }

  get input(): ReportInput {
    const { sites, runs, streams, problems } = this;
    return {
      files: this.#files,
      sites,
      runs,
      counts: streams.counts,
      alarms: streams.alarms,
      problems,
      interval: this.#options.interval,
    };
  }

  report(run: Run): Report {
    return makeReport(this.input, run, (run.data!.observer as Analysis).findings(), this.#options);
  }
}

export interface ReadResult {
  reader: Reader;
  run: Run;
  report: Report;
}

export async function readFiles(files: string[], options: ReadOptions, stdin: Readable, progress?: Progress): Promise<ReadResult> {
  const reader = new Reader(files, options);
  reader.problems = await readInputs(await openInputs(files), stdin, reader.streams, progress);
  reader.runs.end();
  const run = reader.run;
  if (!run) {
    const { skipped, outside, untracked } = reader.runs;
    if (untracked)
      throw new NoDump(`${files.join(", ")}: every dump is of level 0, in which nothing is tracked (${TRACK} is 1 or 2 to track)`);
    throw outside
      ? new UsageError(`no dump is within --since and --until: ${skipped.outside} dumps, ${outside.map(time).join(" to ")}`)
      : nothingRead(reader.streams.sources, reader.problems);
  }
  reader.problems.push(...unreadableTables(reader.streams.sources));
  requireMatch(reader.sites, options);
  return { reader, run, report: reader.report(run) };
}
