// SPDX-License-Identifier: Apache-2.0
//
// Findings about the records that affect memtrack.

import { records as schema, type ConfigRecord } from "../../../format/format.ts";
import { printable } from "../../shared/printable.ts";
import { span } from "../../shared/units.ts";
import type { Snapshot } from "../read/snapshot.ts";
import { FREQUENCY, TRACK } from "../records.ts";
import { note, ok, problem, type Finding } from "./finding.ts";
import type { Records, RecordsFile } from "./records-file.ts";

/** A record's number as the server reads it: text after the digits is ignored (`INT 2 # both`). NaN without digits. */
function integer(text: string): number {
  return Number.parseInt(text, 10);
}

/** Same, where a number is required: the server uses 0 for any other text. */
export function numberOf(records: Records, name: string): number {
  return integer(records.get(name) ?? "") || 0;
}

/** Whether `traffic_ctl config set` switched tracking on: it does not write the file. */
export function setAtRunTime(records: Records, dump: Snapshot | undefined): number | undefined {
  if (!dump || numberOf(records, TRACK) > 0) return undefined;
  const level = Number(dump.header.get("level"));
  return level >= 1 ? level : undefined;
}

/** @param dump the last one, if there is one */
export function checkSettings(file: RecordsFile, dump: Snapshot | undefined): Finding[] {
  const { records } = file;
  return [...checkRanges(records), checkLevel(file, dump), checkFrequency(numberOf(records, FREQUENCY))];
}

/** Value to recommend for a record with an invalid value, if its default would be off. */
const ADVISED: Record<string, number> = { [TRACK]: 2, [FREQUENCY]: 3600 };

function checkRanges(records: Records): Finding[] {
  return Object.values<ConfigRecord>(schema).flatMap((record) => {
    const text = records.get(record.name);
    if (text === undefined || record.type !== "INT") return [];
    const { name, range, default: normal } = record;
    const [least, most] = range;
    const value = integer(text);
    if (value >= least && value <= most) return [];
    return [
      problem(
        `${name}: value "${printable(text)}" is not in the range [${least}, ${most}]`,
        `traffic_ctl config set ${name} ${ADVISED[name] ?? normal}`,
      ),
    ];
  });
}

function checkLevel({ name, records }: RecordsFile, dump: Snapshot | undefined): Finding {
  const level = numberOf(records, TRACK);
  const running = setAtRunTime(records, dump);
  if (running !== undefined) {
    const what =
      `tracking is on at level ${running}, set at run time; ${name} says ${level}, ` +
      "which counts after the next reload of a changed file";
    return note(what, `set ${TRACK} in ${name} as well, if it is to stay on`);
  }
  if (level <= 0) return problem(`${TRACK} is ${level}: nothing is tracked`, `traffic_ctl config set ${TRACK} 2`);
  if (level > 1) return ok(`${TRACK} is ${level}`);
  return note(
    `${TRACK} is 1: IOBuffers are tracked, OpenSSL is not`,
    `traffic_ctl config set ${TRACK} 2, where OpenSSL's memory is of interest`,
  );
}

function checkFrequency(seconds: number): Finding {
  if (seconds > 0) return ok(`a dump is written every ${span(seconds)}`);
  return note(
    `${FREQUENCY} is ${seconds}: dumps are written on \`kill -USR1\` alone`,
    `traffic_ctl config set ${FREQUENCY} 3600, to see growth`,
  );
}
