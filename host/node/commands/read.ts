// SPDX-License-Identifier: Apache-2.0
//
// Reading for several commands: files to a report, or one dump of a file, with a progress bar.

import { UsageError } from "../errors.ts";
import { requireMatch, type Filter } from "../read/filter.ts";
import type { Progress } from "../read/input.ts";
import { selectDump, type Selected } from "../read/select.ts";
import { Sites } from "../read/sites.ts";
import type { Snapshot } from "../read/snapshot.ts";
import { readFiles, type ReadResult } from "../report/reader.ts";
import type { Io } from "./io.ts";
import { progressBar } from "./progress.ts";
import { parseTime } from "./time.ts";

/** The options WINDOW and FILTERS. */
export interface ReportArguments extends Filter {
  since?: string | undefined;
  until?: string | undefined;
  run?: number | undefined;
  interval?: number | undefined;
}

export async function readReport(io: Io, files: string[], args: ReportArguments): Promise<ReadResult> {
  const { site, owner, run, interval } = args;
  if (run !== undefined && (!Number.isInteger(run) || run < 1))
    throw new UsageError(`--run is ${run}; it must be the number of a run, 1 or more`);
  if (interval !== undefined && !(interval > 0)) throw new UsageError(`--interval is ${interval}; it must be seconds, more than 0`);
  const options = { site, owner, run, interval, since: parseTime("since", args.since), until: parseTime("until", args.until) };
  return withProgress(io, (progress) => readFiles(files, options, io.stdin, progress));
}

/** A dump by its name (FILE#3). Its sites are added to `sites`. */
export function readDump(io: Io, spec: string, sites: Sites): Promise<Selected> {
  return withProgress(io, (progress) => selectDump(spec, sites, io.stdin, progress));
}

/** The dump from which a profile is made. */
export async function readOneDump(io: Io, spec: string, filter: Filter): Promise<{ sites: Sites; dump: Snapshot }> {
  const sites = new Sites();
  const { dump } = await readDump(io, spec, sites);
  requireMatch(sites, filter);
  return { sites, dump };
}

async function withProgress<T>(io: Io, body: (progress: Progress) => Promise<T>): Promise<T> {
  const bar = progressBar(io.stderr);
  try {
    return await body(bar.step);
  } finally {
    bar.done();
  }
}
