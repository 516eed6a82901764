// SPDX-License-Identifier: Apache-2.0
//
// The file with a module's debug information, by its build id: below a folder of debug files, or the module itself. A file of another
// build gives wrong names, so it is not used, whatever its name is.

import { basename, join } from "node:path";
import type { Naming } from "../core/naming.ts";
import type { Module } from "../read/modules.ts";
import { readElf } from "./elf.ts";

/** Where distributions install debug information. */
export const DEBUG_DIR = "/usr/lib/debug";

export interface Found {
  path: string | undefined;
  /** A file of the module's name that is of another build. */
  other: string | undefined;
}

export function findDebugFile(module: Module, folders: readonly string[], naming: Naming): Found {
  let functions: string | undefined;
  let other: string | undefined;
  for (const path of candidates(module, folders, naming)) {
    const elf = readElf(path);
    if (!elf) continue;
    if (elf.buildId !== module.buildId) other ??= path;
    else if (elf.holds === "lines") return { path, other };
    else if (elf.holds === "functions") functions ??= path;
  }
  return { path: functions, other };
}

/** The most telling first. */
function candidates({ name, buildId, path }: Module, folders: readonly string[], naming: Naming): string[] {
  const byId = naming.debugPath(buildId ?? "");
  // Of a path that was cut only the end is known.
  const installed = path.startsWith("/") ? [path] : [];
  const names = new Set([basename(path), name]);
  const below = folders.flatMap((folder) => [
    ...(byId ? [join(folder, byId)] : []),
    ...installed.flatMap((file) => [join(folder, `${file}.debug`), join(folder, file)]),
    ...[...names].flatMap((file) => [join(folder, `${file}.debug`), join(folder, file)]),
  ]);
  return [...new Set([...below, ...installed])];
}
