// SPDX-License-Identifier: Apache-2.0
//
// The server's records in its configuration, and findings about the records that affect memtrack.

import { join } from "node:path";
import { parse } from "yaml";
import { records as schema, type ConfigRecord } from "../../../format/format.ts";
import { printable } from "../../shared/printable.ts";
import { span } from "../../shared/units.ts";
import type { Snapshot } from "../read/snapshot.ts";
import { FREQUENCY, SAMPLES, TRACK } from "../records.ts";
import { note, ok, problem, type Finding } from "./finding.ts";
import { readIfAllowed } from "./installation.ts";

/** Texts by full name. */
export type Records = ReadonlyMap<string, string>;

/** Reads records.config of 9.2, or records.yaml of 10. */
export function readRecords(folder: string): { records: Records; findings: Finding[] } {
  const text = readIfAllowed(join(folder, "records.config"));
  if (text !== undefined) return recordsOfConfig(text);
  const path = join(folder, "records.yaml");
  const yaml = readIfAllowed(path);
  if (yaml !== undefined) return recordsOfYaml(yaml, path);
  const what = `neither records.config nor records.yaml can be read in ${printable(folder)}`;
  const fix = "run this as root or as the server's user, or say where they are with --config FOLDER";
  return { records: new Map(), findings: [problem(what, fix)] };
}

function recordsOfConfig(text: string): { records: Records; findings: Finding[] } {
  const records = new Map<string, string>();
  const times = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, value = ""] = /^\s*(?:CONFIG|LOCAL)\s+(\S+)\s+(?:INT|STRING|FLOAT)\s+(.*?)\s*$/.exec(line) ?? [];
    if (!name) continue;
    records.set(name, value);
    times.set(name, (times.get(name) ?? 0) + 1);
  }
  const findings = Object.values(schema).flatMap(({ name }) => {
    const count = times.get(name) ?? 0;
    if (count < 2) return [];
    const what = `records.config has ${count} lines for ${name}: the server takes the last one, "${printable(records.get(name)!)}"`;
    return [note(what, "change the line that was there, and take the others out")];
  });
  return { records, findings };
}

/** A name is the path to its value: `records: { plugin: { memtrack: { sites: 64 } } }` is proxy.config.plugin.memtrack.sites. */
function recordsOfYaml(text: string, path: string): { records: Records; findings: Finding[] } {
  const records = new Map<string, string>();
  const add = (name: string, value: unknown): void => {
    if (value === null || typeof value !== "object") records.set(name, String(value));
    else for (const [key, inner] of Object.entries(value)) add(`${name}.${key}`, inner);
  };
  try {
    const document = parse(text, { logLevel: "error" }) as { records?: unknown } | null;
    add("proxy.config", document?.records ?? {});
  } catch (error) {
    const [what] = (error as Error).message.split("\n");
    const fix = "the server does not take it either: put it right";
    return { records, findings: [problem(`${printable(path)} is not valid YAML: ${printable(what!.replace(/:$/, ""))}`, fix)] };
  }
  return { records, findings: [] };
}

/** A record's number as the server reads it: text after the digits is ignored (`INT 2 # both`). NaN without digits. */
function integer(text: string): number {
  return Number.parseInt(text, 10);
}

/** Same, where a number is required: the server uses 0 for any other text. */
export function numberOf(records: Records, name: string): number {
  return integer(records.get(name) ?? "") || 0;
}

/** Whether `traffic_ctl config set` switched tracking on: it does not write records.config. */
export function setAtRunTime(records: Records, dump: Snapshot | undefined): number | undefined {
  if (!dump || numberOf(records, TRACK) > 0) return undefined;
  const level = Number(dump.header.get("level"));
  return level >= 1 ? level : undefined;
}

/** @param dump the last one, if there is one */
export function checkSettings(records: Records, dump: Snapshot | undefined): Finding[] {
  const findings = [...checkRanges(records), checkLevel(records, dump)];
  if (records.has(SAMPLES) && numberOf(records, SAMPLES) === 0) {
    findings.push(note(`${SAMPLES} is 0: dumps say nothing of growth`, `traffic_ctl config set ${SAMPLES} 10`));
  }
  return [...findings, checkFrequency(numberOf(records, FREQUENCY))];
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
