// SPDX-License-Identifier: Apache-2.0
//
// A graph of the bytes in use during a run, in one line of block characters.

import { holdsMemory } from "../../shared/classes.ts";
import { bytes } from "../../shared/units.ts";
import { matches, type Filter } from "../read/filter.ts";
import type { Point } from "../read/history.ts";
import type { Sites } from "../read/sites.ts";

const BARS = [..."▁▂▃▄▅▆▇█"];
const BARS_MAX = 40;

export function renderTrend(points: Point[], sites: Sites, filter: Filter): string[] {
  if (points.length < 2) return [];
  const count = Math.min(points.length, BARS_MAX);
  const chosen = Array.from({ length: count }, (_, index) => points[Math.round((index * (points.length - 1)) / (count - 1))]!);
  const numbers = [...sites].filter((site) => holdsMemory(site.class) && matches(site, filter)).map(({ number }) => number);
  const totals = chosen.map(({ values }) => numbers.reduce((sum, site) => sum + (values[site] ?? 0), 0));
  const [least, most] = [Math.min(...totals), Math.max(...totals)];
  const bars = totals.map((total) => BARS[Math.round(((total - least) / (most - least || 1)) * (BARS.length - 1))]);
  return [`in use over time: ${bars.join("")} ${bytes(least)} to ${bytes(most)}`];
}
