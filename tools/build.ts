// SPDX-License-Identifier: Apache-2.0
//
// Builds everything, in the order of dependencies: Wasm from assembly/, C from the Wasm, headers for the C host, and from these and
// host/ats build/memtrack.so; the page's script from host/web, and from this and host/node the memtrack command. A file whose content
// is the same is not written, so a build without a change does nothing, and neither does make. `--command` builds only the command,
// which needs no Traffic Server and no C compiler.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync, type BuildOptions } from "esbuild";
import { coreDigest } from "../host/node/core/module.ts";
import { compileCommands } from "./compile-commands.ts";
import { coreFormat, listsForC, updateNumbers } from "./format.ts";

export const TOP = fileURLToPath(new URL("..", import.meta.url));
export const BUILD = join(TOP, "build");
export const PLUGIN = join(BUILD, "memtrack.so");

const TARGETS = ["debug", "release"] as const;
const WASM = { debug: join(BUILD, "memtrack.debug.wasm"), release: join(BUILD, "memtrack.wasm") };

type Say = (line: string) => void;

/** Builds everything. Prints a line for each step that was done. @throws BuildError if a step fails */
export function build(say: Say = console.log): void {
  buildCommand(say);
  buildHeaders(say);
  buildC(say);
  run("make", ["-s", "-C", join("host", "ats")]);
  const database = JSON.stringify(compileCommands(), null, 1) + "\n";
  if (writeIfChanged(join(BUILD, "compile_commands.json"), database)) say("compile_commands.json from the makefiles");
  say("build/memtrack.so is built, from that core");
}

/** What `npm pack` packs: the core's Wasm, the page, and the command as one JavaScript file that needs no other package. */
export function buildCommand(say: Say = console.log): void {
  mkdirSync(BUILD, { recursive: true });
  buildFormat(say);
  buildWasm(say);
  bundle(say, {
    entryPoints: { page: join("host", "web", "page.ts") },
    outdir: BUILD,
    format: "iife",
    target: "es2022",
    minify: true,
    // A page is passed on by itself: what is in it goes along in it.
    banner: { js: "/*! With uPlot, https://github.com/leeoniya/uPlot, Copyright (c) Leon Sorokin, MIT licensed */" },
  });
  // At the same depth as host/node, so that the relative paths in host/node/package.ts are valid.
  bundle(say, {
    entryPoints: { memtrack: join("host", "node", "bin.ts") },
    outdir: join(BUILD, "command"),
    platform: "node",
    format: "esm",
    target: "node20.10",
    // The packages in it that are CommonJS ask for Node's own modules.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
}

/** What the core knows of format/format.ts: the only source file that is generated from another. */
function buildFormat(say: Say): void {
  const abi = join(TOP, "assembly", "abi.ts");
  if (writeIfChanged(abi, updateNumbers(readFileSync(abi, "utf8")))) say("assembly/abi.ts: the numbers of format/format.ts");
  if (writeIfChanged(join(TOP, "assembly", "format.ts"), coreFormat())) say("assembly/format.ts from format/format.ts");
}

/** Writes LICENSES.txt beside a bundle, with the licenses of the packages in it. */
function bundle(say: Say, options: BuildOptions): void {
  const { outputFiles, metafile } = buildSync({
    absWorkingDir: TOP,
    bundle: true,
    write: false,
    charset: "utf8",
    metafile: true,
    logLevel: "warning",
    ...options,
  });
  for (const { path, text } of outputFiles!) {
    mkdirSync(dirname(path), { recursive: true });
    if (writeIfChanged(path, text)) say(`${relative(TOP, path)}: ${text.length} bytes`);
  }
  if (options.platform === "node") writeIfChanged(join(options.outdir!, "LICENSES.txt"), licences(Object.keys(metafile!.inputs)));
}

function licences(inputs: string[]): string {
  const folders = inputs
    .map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0])
    .filter((folder) => folder !== undefined);
  const texts = [...new Set(folders), "node_modules/uplot"].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(TOP, folder, "package.json"), "utf8")) as Record<
      string,
      string
    >;
    const file = readdirSync(join(TOP, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(join(TOP, folder, file), "utf8").trim() : `Licensed under ${license}`;
    return `${name} ${version}\n\n${text}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

/** The core's Wasm, for the host (release) and for tests that want assertions (debug). */
function buildWasm(say: Say): void {
  // The lock file represents the version of the compiler.
  const sources = [...assemblySources(), "asconfig.json", "package-lock.json"].map((name) => join(TOP, name));
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
  for (const target of TARGETS) {
    const built = statSync(WASM[target], { throwIfNoEntry: false });
    if (built && built.mtimeMs >= newest) continue;
    run(process.execPath, [join("node_modules", "assemblyscript", "bin", "asc.js"), "--target", target]);
    say(`${target} core: ${statSync(WASM[target]).size} bytes of Wasm`);
  }
}

/** core_abi.h and core_digest.h: what the C host knows about the core at compile time. */
function buildHeaders(say: Say): void {
  const abi = abiHeader(readFileSync(join(TOP, "assembly", "abi.ts"), "utf8"));
  if (writeIfChanged(join(BUILD, "core_abi.h"), abi + listsForC())) say("core_abi.h from assembly/abi.ts");
  const digest = coreDigest();
  const header = generated("the digest of build/memtrack.wasm") + `#define MEMTRACK_CORE_DIGEST "${digest}"\n`;
  if (writeIfChanged(join(BUILD, "core_digest.h"), header)) say(`core digest ${digest}`);
}

/** The C header with the numbers in the text of assembly/abi.ts, so that the core and its host cannot disagree. */
function abiHeader(source: string): string {
  let defines = "";
  for (const [index, line] of source.split("\n").entries()) {
    if (!line.startsWith("export")) continue;
    const [, name, value] = /^export const ([A-Z][A-Z0-9_]*): u32 = (0x[0-9a-f]+|[0-9]+);(?: *\/\/.*)?$/.exec(line) ?? [];
    if (!name) throw new BuildError(`assembly/abi.ts:${index + 1}: not of the form \`export const NAME: u32 = NUMBER;\`: ${line}`);
    defines += `#define MEMTRACK_${name} ${value}u\n`;
  }
  return generated("assembly/abi.ts") + defines;
}

/** core.c and core.h: the release Wasm, translated to C. */
function buildC(say: Say): void {
  const built = statSync(join(BUILD, "core.c"), { throwIfNoEntry: false });
  if (built && built.mtimeMs >= statSync(WASM.release).mtimeMs) return;
  const folder = mkdtempSync(join(BUILD, "wasm2c-"));
  try {
    run("wasm2c", [WASM.release, "-n", "core", "-o", join(folder, "core.c")]);
    for (const name of ["core.h", "core.c"]) {
      if (writeIfChanged(join(BUILD, name), readFileSync(join(folder, name), "utf8"))) say(`${name} from build/memtrack.wasm`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export class BuildError extends Error {}

function assemblySources(): string[] {
  return readdirSync(join(TOP, "assembly"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join("assembly", name));
}

function generated(from: string): string {
  return `/* SPDX-License-Identifier: Apache-2.0\n * Made by tools/build.ts from ${from}. */\n#pragma once\n\n`;
}

function writeIfChanged(path: string, text: string): boolean {
  if (statSync(path, { throwIfNoEntry: false }) && readFileSync(path, "utf8") === text) return false;
  writeFileSync(path, text);
  return true;
}

/** Runs the program of a step in the project's top folder. The user sees its output. */
function run(program: string, args: string[]): void {
  const { status, signal, error } = spawnSync(program, args, { cwd: TOP, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new BuildError(`${program} ${args.join(" ")}: ${error?.message ?? signal ?? `exit status ${status}`}`);
}

if (fileURLToPath(import.meta.url) === realpathSync(process.argv[1] ?? "")) {
  try {
    if (process.argv.includes("--command")) buildCommand();
    else build();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`memtrack: the build failed: ${error.message}`);
    process.exitCode = 1;
  }
}
