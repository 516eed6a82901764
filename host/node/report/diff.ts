// SPDX-License-Identifier: Apache-2.0
//
// Compares two dumps row by row.

import { holdsMemory, type ClassName } from "../../shared/classes.ts";
import { UsageError } from "../errors.ts";
import { findingsIn } from "../analyse/findings.ts";
import { matches, type Filter } from "../read/filter.ts";
import type { Sites } from "../read/sites.ts";
import { beganAnew, isUntracked, nameForPeople, tracksOpenssl, valueOf, withoutOpenssl, type Snapshot } from "../read/snapshot.ts";
import { residentReport, type ResidentReport } from "./resident.ts";

export interface DiffRow {
  class: ClassName;
  kind: string;
  location: string;
  owner: string;
  /** Whether both dumps have the row, only the later one, or only the earlier one. */
  state: "both" | "new" | "gone";
  before: number;
  after: number;
  change: number;
  /** Allocations and releases between the dumps. */
  allocs: number;
  frees: number;
}

export interface Difference {
  before: string;
  after: string;
  /** Seconds since 1970, if the dumps have times. */
  beforeTime: number | undefined;
  afterTime: number | undefined;
  totalBefore: number;
  totalAfter: number;
  /** Undefined if the later dump does not report it. */
  resident: ResidentReport | undefined;
  warnings: string[];
  /** Changed rows: increases, decreases, then equal sizes, each with the largest change first. */
  rows: DiffRow[];
}

interface Side {
  file: string;
  dump: Snapshot;
}

export function diff(sites: Sites, a: Side, b: Side, filter: Filter): Difference {
  for (const { file, dump } of [a, b]) {
    if (isUntracked(dump)) throw new UsageError(`${file} ${nameForPeople(dump)} is of level 0: nothing was tracked`);
  }
  const rows: DiffRow[] = [];
  let totalBefore = 0;
  let totalAfter = 0;
  let lower = false;
  const hasOpenssl = tracksOpenssl(a.dump) && tracksOpenssl(b.dump);
  for (const site of sites) {
    if (!matches(site, filter) || (site.class === "openssl" && !hasOpenssl)) continue;
    const { number } = site;
    const [was, is] = [a, b].map((side) => side.dump.present[number] === 1);
    if (!was && !is) continue;
    const before = valueOf(site, a.dump);
    const after = valueOf(site, b.dump);
    const allocs = (b.dump.allocs[number] ?? 0) - (a.dump.allocs[number] ?? 0);
    const frees = (b.dump.frees[number] ?? 0) - (a.dump.frees[number] ?? 0);
    if (holdsMemory(site.class)) {
      totalBefore += before;
      totalAfter += after;
    }
    if (is && allocs < 0) lower = true;
    if (before === after && allocs === 0 && frees === 0) continue;
    const { class: cls, kind, location, owner } = site;
    const state = was && is ? "both" : is ? "new" : "gone";
    rows.push({ class: cls, kind, location, owner, state, before, after, change: after - before, allocs, frees });
  }
  rows.sort(
    (x, y) =>
      rank(x) - rank(y) || Math.abs(y.change) - Math.abs(x.change) || y.allocs - x.allocs || (x.location < y.location ? -1 : 1),
  );
  const warnings = [a, b]
    .filter(({ dump }) => dump.state !== "complete")
    .map(({ file, dump }) => `${file} ${nameForPeople(dump)} is not whole: its numbers are a part`);
  const untracked = withoutOpenssl(a, b);
  if (untracked) warnings.push(`OpenSSL is not tracked in ${untracked.file} ${nameForPeople(untracked.dump)}: it is left out`);
  if (beganAnew(a.dump, b.dump)) warnings.push("counting began anew in between: what was in use before that is in the first alone");
  else if (lower) warnings.push("some counts are lower than before: the dumps are of different runs, or in the wrong order");
  const name = ({ file, dump }: Side): string => `${file} ${nameForPeople(dump)}`;
  const at = ({ dump }: Side): number | undefined => (Number.isNaN(dump.time) ? undefined : dump.time);
  const resident = residentReport(a.dump.sections, b.dump.sections, findingsIn(b.dump.sections, "proxy"));
  const times = { beforeTime: at(a), afterTime: at(b) };
  return { before: name(a), after: name(b), ...times, totalBefore, totalAfter, resident, warnings, rows };
}

function rank({ change }: DiffRow): number {
  return change > 0 ? 0 : change < 0 ? 1 : 2;
}
