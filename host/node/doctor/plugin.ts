// SPDX-License-Identifier: Apache-2.0
//
// Checks whether plugin.config loads memtrack.so, and which file that is.

import { readFileSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { printable } from "../../shared/printable.ts";
import { coreDigest } from "../core/module.ts";
import { PLUGIN_DIR } from "../records.ts";
import { note, ok, problem, type Finding } from "./finding.ts";
import { readIfAllowed, type Installation } from "./installation.ts";
import type { Records } from "./records-file.ts";

/** Whether the server loads memtrack.so, with findings about its line. */
export function checkPluginConfig(folder: string): { loaded: boolean; findings: Finding[] } {
  const path = join(folder, "plugin.config");
  const text = readIfAllowed(path);
  if (text === undefined) {
    return {
      loaded: false,
      findings: [problem(`${printable(path)} cannot be read`, "run this as root or as the server's user")],
    };
  }
  const lines = text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line);
  const own = lines.filter((line) => /(?:^|\/)memtrack\.so(?:\s|$)/.test(line));
  const [first] = own;
  if (first === undefined) {
    const what = "plugin.config does not load memtrack.so: the server's own tracker is at work";
    const fix = `put the line \`memtrack.so\` first in ${printable(path)}, and restart the server`;
    return { loaded: false, findings: [problem(what, fix)] };
  }
  const findings: Finding[] = [];
  if (own.length > 1) findings.push(problem("plugin.config loads memtrack.so twice", "take the second line out"));
  return { loaded: true, findings: [...findings, ...checkLine(first, lines.indexOf(first), path)] };
}

function checkLine(line: string, at: number, path: string): Finding[] {
  const findings: Finding[] = [];
  if (/\s/.test(line)) {
    const fix = `leave \`${printable(line.split(/\s/)[0]!)}\` alone in that line; settings are records`;
    findings.push(problem(`memtrack.so takes no arguments: "${printable(line)}"`, fix));
  }
  if (at === 0) return [...findings, ok("plugin.config loads memtrack.so first")];
  const what = `memtrack.so is line ${at + 1} of plugin.config: it does not see what plugins before it do`;
  return [...findings, problem(what, `make it the first line of ${printable(path)}, and restart the server`)];
}

/** The server's folder of plugins. */
export function pluginFolder({ plugins, prefix }: Installation, records: Records): string {
  const folder = records.get(PLUGIN_DIR);
  if (!folder || folder === "NULL") return plugins;
  return isAbsolute(folder) ? folder : join(prefix, folder);
}

export function checkLibrary(folder: string, loaded: boolean): Finding[] {
  const path = join(folder, "memtrack.so");
  const bytes = statSync(path, { throwIfNoEntry: false }) && readFileSync(path);
  if (!bytes) return loaded ? [problem(`there is no ${printable(path)}`, "npm run build && npm run install:ats")] : [];
  const digest = coreDigest();
  if (bytes.includes(digest)) return [ok(`${printable(path)} has the same core as this command`)];
  const what = `${printable(path)} has another core than this command (${digest}): verdicts can differ`;
  return [note(what, "install both of one version")];
}
