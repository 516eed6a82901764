// SPDX-License-Identifier: Apache-2.0
//
// Times for --since and --until: a date, or a time relative to now.
//
//   2h   -30m   1 hour ago   now   2026-11-26   2026-11-26 20:00   2026-11-26T20:00:00Z   2026-11-26T20:00+01:00
//
// A time without a zone is local, as in other programs on the same terminal.

import { UsageError } from "../errors.ts";

const UNITS: [seconds: number, names: RegExp][] = [
  [1, /^s(ec(ond)?s?)?$/],
  [60, /^m(in(ute)?s?)?$/],
  [3600, /^h(ours?)?$/],
  [86400, /^d(ays?)?$/],
  [7 * 86400, /^w(eeks?)?$/],
];
const AGO = /^-?(\d+(?:\.\d+)?) ?([a-z]+)(?: ago)?$/;
const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d:?\d\d)?)?$/i;

/** Seconds since 1970; undefined if there is no text. */
export function parseTime(name: string, text: string | undefined, now = Date.now() / 1000): number | undefined {
  if (text === undefined) return undefined;
  const value = text === "now" ? now : (relative(text.toLowerCase(), now) ?? absolute(text));
  if (value === undefined) {
    throw new UsageError(
      `--${name} is "${text}": write how long ago (30m, 2h, 1d), now, a local time ("2026-11-22 16:00"), or one in UTC (2026-11-22T16:00Z)`,
    );
  }
  return value;
}

function relative(text: string, now: number): number | undefined {
  const [, amount, word] = AGO.exec(text) ?? [];
  const [seconds] = UNITS.find(([, names]) => names.test(word ?? "")) ?? [];
  return seconds === undefined ? undefined : now - Number(amount) * seconds;
}

function absolute(text: string): number | undefined {
  const [, date, clock = "00:00", zone = ""] = DATE.exec(text) ?? [];
  const value = Date.parse(`${date}T${clock}${zone.toUpperCase()}`);
  return Number.isNaN(value) ? undefined : value / 1000;
}
