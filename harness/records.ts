// SPDX-License-Identifier: Apache-2.0
//
// Records as the server reads them from its file: lines of records.config, or the tree of records.yaml.

import { installedServer } from "./server.ts";

/** A value as the file has it, which may be none of its type: tests of invalid values need that. */
export interface RecordText {
  type: "INT" | "FLOAT" | "STRING";
  text: string;
}

/** A string is written as STRING, an integer as INT, another number as FLOAT. */
export function recordText(value: string | number): RecordText {
  return { type: typeof value === "string" ? "STRING" : Number.isInteger(value) ? "INT" : "FLOAT", text: String(value) };
}

/** The text of the server's file of records, or of a plugin's that has the same form. */
export function recordsText(records: ReadonlyMap<string, RecordText>): string {
  return installedServer().recordsFile === "records.yaml" ? recordsYaml(records) : recordsConfig(records);
}

export function recordsConfig(records: ReadonlyMap<string, RecordText>): string {
  return [...records].map(([name, { type, text }]) => `CONFIG ${name} ${type} ${text}\n`).join("");
}

/** Names in version 9.2 of records that have another in version 10, where a name with a value cannot be the beginning of others. */
const RENAMED: Record<string, string> = {
  "proxy.config.exec_thread.autoconfig": "proxy.config.exec_thread.autoconfig.enabled",
  "proxy.config.ssl.session_cache": "proxy.config.ssl.session_cache.mode",
};
const PREFIX = "proxy.config.";

type Tree = Map<string, Tree | RecordText>;

/** Each value has its type as a tag: without it, the server ignores records that it does not know, such as a plugin's. */
export function recordsYaml(records: ReadonlyMap<string, RecordText>): string {
  const root: Tree = new Map();
  for (const [name, value] of records) {
    const path = (RENAMED[name] ?? name).slice(PREFIX.length).split(".");
    let tree = root;
    for (const key of path.slice(0, -1)) {
      const below = tree.get(key) ?? new Map<string, Tree | RecordText>();
      if (!(below instanceof Map)) throw new Error(`${name}: records.yaml cannot have it beside a value of ${key}`);
      tree.set(key, below);
      tree = below;
    }
    tree.set(path.at(-1)!, value);
  }
  return `records:\n${branches(root, "  ")}`;
}

function branches(tree: Tree, indent: string): string {
  return [...tree].map(([key, value]) => `${indent}${key}:${value instanceof Map ? below(value, indent) : leaf(value)}`).join("");
}

function below(tree: Tree, indent: string): string {
  return `\n${branches(tree, `${indent}  `)}`;
}

const TAGS = { INT: "!!int", FLOAT: "!!float", STRING: "!!str" };

function leaf({ type, text }: RecordText): string {
  return ` ${TAGS[type]} ${type === "STRING" ? JSON.stringify(text) : text}\n`;
}
