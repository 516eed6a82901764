// SPDX-License-Identifier: Apache-2.0
//
// build/compile_commands.json, for clangd and clang-tidy: how make compiles each source in C and C++. `make -n -B` prints it, so the
// Makefiles are the only description.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TOP = fileURLToPath(new URL("..", import.meta.url));

interface CompileCommand {
  directory: string;
  command: string;
  file: string;
}

/** Folders with a Makefile, and their targets. If several compile a source, the first one counts. */
const MAKES: [folder: string, ...targets: string[]][] = [
  ["host/ats", "all"],
  ["tests/native", "all", "loaders", "../../build/native-plain/replay"],
  ["tests/plugins", "all"],
  ["bench/native", "all"],
];

/** @throws Error if make fails */
export function compileCommands(): CompileCommand[] {
  const commands = MAKES.flatMap(([folder, ...targets]) => {
    const args = ["-n", "-B", "-w", "--no-builtin-rules", ...targets];
    const { stdout, stderr, status } = spawnSync("make", args, {
      cwd: join(TOP, folder),
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
    });
    if (status !== 0) throw new Error(`make ${args.join(" ")} in ${folder}: ${stderr}`);
    return commandsOf(stdout);
  });
  const byFile = new Map<string, CompileCommand>();
  for (const command of commands) {
    const path = join(command.directory, command.file);
    // A make within make does not say its folder: it compiles host/ats, which the list begins with.
    if (!byFile.has(path) && existsSync(path)) byFile.set(path, command);
  }
  return [...byFile.values()];
}

/** The compilations among the commands that make says it would run. */
export function commandsOf(said: string): CompileCommand[] {
  const folders: string[] = [];
  // A command goes on in the next line behind a backslash.
  return said
    .replaceAll("\\\n", " ")
    .split("\n")
    .flatMap((line) => {
      const [, entered] = /^make(?:\[\d+\])?: Entering directory '(.+)'$/.exec(line) ?? [];
      if (entered) folders.push(entered);
      if (/^make(\[\d+\])?: Leaving directory /.test(line)) folders.pop();
      if (!/^(cc|gcc|g\+\+|clang|clang\+\+) /.test(line)) return [];
      const files = [...line.matchAll(/ ((?!-)[^\s'"=]+\.(?:c|cc))(?= |$)/g)].map(([, file]) => file!);
      return files.map((file) => ({ directory: folders.at(-1)!, command: line.trim(), file }));
    });
}
