// SPDX-License-Identifier: Apache-2.0
//
// The server's records as its configuration has them, and what is to be said of those that bear on memtrack.

import { join } from "node:path";
import { printable } from "../../shared/printable.ts";
import { span } from "../../shared/units.ts";
import type { Snapshot } from "../read/snapshot.ts";
import { FREQUENCY, RANGES, SAMPLES, TRACK } from "../records.ts";
import { note, ok, problem, type Finding } from "./finding.ts";
import { readIfAllowed } from "./installation.ts";

/** Texts by their full names. */
export type Records = ReadonlyMap<string, string>;

/** Of records.config of 9.2, or records.yaml of 10; undefined where neither can be read. */
export function readRecords(folder: string): Records | undefined {
  const text = readIfAllowed(join(folder, "records.config"));
  if (text !== undefined) return recordsOfConfig(text);
  const yaml = readIfAllowed(join(folder, "records.yaml"));
  return yaml === undefined ? undefined : recordsOfYaml(yaml);
}

function recordsOfConfig(text: string): Records {
  const records = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name, value = ""] = /^\s*(?:CONFIG|LOCAL)\s+(\S+)\s+(?:INT|STRING|FLOAT)\s+(.*?)\s*$/.exec(line) ?? [];
    if (name) records.set(name, value);
  }
  return records;
}

/** As far as plain `name: value` lines go. */
function recordsOfYaml(text: string): Records {
  const records = new Map<string, string>();
  for (const name of Object.keys(RANGES)) {
    const key = name.split(".").at(-1)!;
    const [, value] = new RegExp(`^\\s*${key}:\\s*(\\S+)`, "m").exec(text) ?? [];
    if (value) records.set(name, value);
  }
  return records;
}

/** A record's number as the server reads it: what follows the digits does not count (`INT 2 # both`). NaN where there are none. */
function integer(text: string): number {
  return Number.parseInt(text, 10);
}

/** The same where a number is needed: the server takes 0 for what is none. */
export function numberOf(records: Records, name: string): number {
  return integer(records.get(name) ?? "") || 0;
}

/** Where `traffic_ctl config set` switched tracking on: it does not write records.config. */
export function setAtRunTime(records: Records, dump: Snapshot | undefined): number | undefined {
  if (!dump || numberOf(records, TRACK) > 0) return undefined;
  const level = Number(dump.header.get("level"));
  return level >= 1 ? level : undefined;
}

/** @param dump the last one, where there is one */
export function checkSettings(records: Records, dump: Snapshot | undefined): Finding[] {
  const findings = [...checkRanges(records), checkLevel(records, dump)];
  if (records.has(SAMPLES) && numberOf(records, SAMPLES) === 0) {
    findings.push(note(`${SAMPLES} is 0: dumps say nothing of growth`, `traffic_ctl config set ${SAMPLES} 10`));
  }
  return [...findings, checkFrequency(numberOf(records, FREQUENCY))];
}

function checkRanges(records: Records): Finding[] {
  return Object.entries(RANGES).flatMap(([name, { least, most, usual }]) => {
    const text = records.get(name);
    if (text === undefined) return [];
    const value = integer(text);
    if (value >= least && value <= most) return [];
    const range = most === Infinity ? `${least} and up` : `${least} to ${most}`;
    return [problem(`${name} is "${printable(text)}", allowed are ${range}`, `traffic_ctl config set ${name} ${usual}`)];
  });
}

function checkLevel(records: Records, dump: Snapshot | undefined): Finding {
  const level = numberOf(records, TRACK);
  const running = setAtRunTime(records, dump);
  if (running !== undefined) {
    const what =
      `tracking is on at level ${running}, set at run time; records.config says ${level}, ` +
      "which counts after the next reload of a changed file";
    return note(what, `set ${TRACK} in records.config as well, if it is to stay on`);
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
