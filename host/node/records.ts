// SPDX-License-Identifier: Apache-2.0
//
// The names of the server's records that the command looks at.

import { records } from "../../format/format.ts";

/** The level: 0 off, 1 IOBuffers, 2 everything. */
export const TRACK = records.level.name;
/** Seconds between dumps; 0 for none. */
export const FREQUENCY = records.frequency.name;
/** Seconds between samples of the analysis; 0 for none. */
export const SAMPLES = records.interval.name;
export const OUTPUT = records.output.name;
export const VERIFY = records.verify.name;
export const ACCEPT = records.accept.name;
/** Per cent of a processor for the search for references; 0 for no search. */
export const SEARCH = records.search.name;
export const HEAP = records.heap.name;
/** The server's own: where it looks for plugins. */
export const PLUGIN_DIR = "proxy.config.plugin.plugin_dir";

/** What an operator writes, and where, so that a record's value outlasts a restart. */
export function toKeep(file: "records.config" | "records.yaml", name: string, type: "INT" | "STRING", value: string): string {
  if (file === "records.config") return `\`CONFIG ${name} ${type} ${value}\` in records.config`;
  return `\`${yamlField(name, type, value)}\` below \`records:\` in records.yaml`;
}

/** A field of records.yaml. The server knows the types of its own records. */
export function yamlField(name: string, type: "INT" | "STRING", value: string): string {
  const key = name.replace(/^proxy\.config\./, "");
  const tag = key.startsWith("plugin.memtrack.") ? (type === "INT" ? "!!int " : "!!str ") : "";
  return `${key}: ${tag}${value}`;
}
