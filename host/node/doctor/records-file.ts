// SPDX-License-Identifier: Apache-2.0
//
// Reads the server's records from its configuration: records.config of Traffic Server 9, records.yaml of 10.

import { join } from "node:path";
import { isAlias, isMap, isScalar, parseAllDocuments, type Document, type Node } from "yaml";
import { records as schema, type ConfigRecord } from "../../../format/format.ts";
import { printable } from "../../shared/printable.ts";
import { Control } from "../core/control.ts";
import { loadCore } from "../core/module.ts";
import { TRACK } from "../records.ts";
import { note, problem, type Finding } from "./finding.ts";
import { readIfAllowed } from "./installation.ts";

/** Texts by full name. */
export type Records = ReadonlyMap<string, string>;

export interface RecordsFile {
  name: "records.config" | "records.yaml";
  records: Records;
  findings: Finding[];
}

/** @param version of the server; undefined: the file that is there tells it */
export function readRecords(folder: string, version?: string): RecordsFile {
  const config = readIfAllowed(join(folder, "records.config"));
  const path = join(folder, "records.yaml");
  const yaml = readIfAllowed(path);
  const isTen = version === undefined ? config === undefined && yaml !== undefined : !version.startsWith("9.");
  if (isTen) {
    const file = yaml === undefined ? unreadable("records.yaml", path) : recordsOfYaml(yaml, path);
    return { ...file, findings: [...file.findings, ...(config === undefined ? [] : [oldFile(folder)])] };
  }
  if (config !== undefined) return recordsOfConfig(config);
  return unreadable(
    "records.config",
    version === undefined ? `records.config or records.yaml in ${folder}` : join(folder, "records.config"),
  );
}

function unreadable(name: RecordsFile["name"], what: string): RecordsFile {
  const fix = "run this as root or as the server's user, or say where it is with --config FOLDER";
  return { name, records: new Map(), findings: [problem(`${printable(what)} cannot be read`, fix)] };
}

function oldFile(folder: string): Finding {
  const what = `there is a records.config in ${printable(folder)}: Traffic Server 10 does not start with it`;
  return problem(what, "put what it sets into records.yaml, and remove it");
}

function recordsOfConfig(text: string): RecordsFile {
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
  return { name: "records.config", records, findings };
}

/** The core, as in memtrack.so, says what is wrong with memtrack's fields. Here are the values that the server takes. */
function recordsOfYaml(text: string, path: string): RecordsFile {
  const name = "records.yaml";
  // As the server's reader does: of equal keys the last one counts.
  const documents = [...parseAllDocuments(text, { uniqueKeys: false, logLevel: "error" })] as Document.Parsed[];
  const error = documents.flatMap(({ errors }) => errors)[0];
  if (error) {
    const what = `${printable(path)} is not valid YAML: ${printable(error.message.split("\n")[0]!.replace(/:$/, ""))}`;
    return { name, records: new Map(), findings: [problem(what, "the server does not take it either: put it right")] };
  }
  const records = new Map<string, string>();
  for (const document of documents) addFields("proxy.config", rootOf(document.contents), records);
  const findings = new Control(loadCore()).checkRecordsYaml(text).map((found) => {
    const [, what, fix] = /^(.*?)(?:; ((?:write|move) .*))?$/s.exec(found.text)!;
    return problem(`${printable(path)}:${found.line}: ${what}`, fix);
  });
  return { name, records, findings };
}

/** Of two keys `records`, the server reads the first. */
function rootOf(contents: Node | null): unknown {
  return isMap(contents) ? contents.items.find(({ key }) => isScalar(key) && key.value === "records")?.value : undefined;
}

/** A name is the path to its value: `plugin: { memtrack: { sites: !!int 64 } }` is proxy.config.plugin.memtrack.sites. */
function addFields(name: string, node: unknown, records: Map<string, string>): void {
  if (isMap(node)) {
    for (const { key, value } of node.items) addFields(`${name}.${isScalar(key) ? String(key.value) : ""}`, value, records);
  } else if (isScalar(node) && !isAlias(node)) {
    const text = node.source ?? "";
    if (isTaken(name, text, node.tag)) records.set(name, text);
  }
}

/** Whether the server uses this value; if not, it uses the record's default. */
function isTaken(name: string, text: string, tag: string | undefined): boolean {
  const record = Object.values<ConfigRecord>(schema).find((known) => known.name === name);
  if (!record) return true;
  if (name === TRACK) return /^[0-2]$/.test(text);
  if (record.type === "INT" && Number.isNaN(Number.parseInt(text, 10))) return false;
  const types = record.type === "INT" ? ["int", "bool"] : ["str"];
  return record.effect === "ofServer" || types.some((type) => tag === `tag:yaml.org,2002:${type}`);
}
