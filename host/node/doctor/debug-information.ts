// SPDX-License-Identifier: Apache-2.0
//
// Which modules of the last dump have no debug information on this machine, and where to get it: their rows have no lines.

import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { printable } from "../../shared/printable.ts";
import { loadCore } from "../core/module.ts";
import { Naming } from "../core/naming.ts";
import { modulesIn, type Module } from "../read/modules.ts";
import { CORE } from "../read/sites.ts";
import type { Snapshot } from "../read/snapshot.ts";
import { DEBUG_DIR, findDebugFile } from "../symbolize/debug-files.ts";
import { readElf } from "../symbolize/elf.ts";
import { note, ok, type Finding } from "./finding.ts";

/** Most modules and build ids that are named. */
const NAMED_MAX = 8;
const IDS_MAX = 3;

export function checkDebugInformation({ sections }: Snapshot, env: NodeJS.ProcessEnv): Finding[] {
  const modules = modulesIn(sections);
  if (!modules.length) return [];
  const naming = new Naming(loadCore());
  const lacking = modules.filter((module) => !hasLines(module, naming));
  if (!lacking.length) return [ok("every module that the last dump names has debug information")];
  const what = `without debug information, so their rows have no lines: ${list(lacking.map(nameOf), NAMED_MAX)}`;
  return [note(what, `${waysToGet(lacking, env).join("; ")}. Or resolve dumps elsewhere: memtrack symbolize --help`)];
}

function hasLines(module: Module, naming: Naming): boolean {
  const path = module.buildId === undefined ? module.path : findDebugFile(module, [DEBUG_DIR], naming).path;
  return path !== undefined && readElf(path)?.holds === "lines";
}

function nameOf({ name, path }: Module): string {
  return printable(name === CORE ? basename(path) : name);
}

/** The packages with the debug information of packaged modules, and for the others a call that may find it. */
function waysToGet(modules: readonly Module[], env: NodeJS.ProcessEnv): string[] {
  const packages = new Set<string>();
  const ids: string[] = [];
  for (const { path, buildId } of modules) {
    const found = packageOf(path, env);
    if (found !== undefined) packages.add(found);
    else if (buildId !== undefined) ids.push(buildId);
  }
  return [
    ...(packages.size ? [`install ${[...packages].sort().join(" ")} (from the archive of debug packages)`] : []),
    ...(ids.length ? [`debuginfod-find debuginfo ${list(ids, IDS_MAX)}`] : []),
    ...(packages.size || ids.length ? [] : ["compile them with -g, and link them with --build-id"]),
  ];
}

/** The package with the debug information of a file, by the system's package manager. */
function packageOf(path: string, env: NodeJS.ProcessEnv): string | undefined {
  const ask = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: "utf8", env });
  const debian = ask("dpkg-query", "-S", path);
  if (!debian.error) return /^([^ ,:]+)(?::\w+)?: /.exec(debian.status === 0 ? debian.stdout : "")?.[1]?.concat("-dbgsym");
  const rpm = ask("rpm", "-qf", "--queryformat", "%{NAME}", path);
  return !rpm.error && rpm.status === 0 ? `${rpm.stdout.trim()}-debuginfo` : undefined;
}

function list(texts: readonly string[], most: number): string {
  const more = texts.length - most;
  return texts.slice(0, most).join(", ") + (more > 0 ? `, and ${more} more` : "");
}
