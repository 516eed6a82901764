// SPDX-License-Identifier: Apache-2.0
//
// `npm run fuzz [-- minutes] [--only NAME]`: gives each target in tests/fuzz inputs that it changes at random, guided by the branches
// that they reach, for ten minutes. An input that fails is saved, with the command that repeats it. Targets in C are libFuzzer's.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import type { Target } from "../tests/fuzz/target.ts";
import { SEED } from "../tests/support/random.ts";
import { build, BUILD, TOP } from "./build.ts";
import { corpusOf, FOLDER, foundOf, fuzzTargets, targetOf, type FuzzTarget } from "./fuzz/targets.ts";
import { fuzzText } from "./fuzz/text.ts";

/** In seconds, bytes, MiB. */
const TIMEOUT = 20;
const LENGTH_MAX = 4096;
const MEMORY_MAX = 2048;
/** A corpus in the sources is no larger. */
const KEPT_MAX = 50;
const KEPT_BYTES_MAX = 64 * 1024;

const FAILED = join(BUILD, "fuzz", "failed");

function shown(path: string): string {
  return relative(TOP, path);
}

/** Runs a target of libFuzzer. Returns whether every input passed. */
function fuzzNative({ name }: FuzzTarget, minutes: number): boolean {
  const program = join(BUILD, "fuzz", "fuzz", name);
  const args = [
    `-max_total_time=${Math.ceil(minutes * 60)}`,
    `-timeout=${TIMEOUT}`,
    `-rss_limit_mb=${MEMORY_MAX}`,
    `-max_len=${LENGTH_MAX}`,
    `-seed=${SEED % 2 ** 31 || 1}`,
    `-artifact_prefix=${FAILED}/${name}-`,
    "-print_final_stats=1",
    foundOf(name),
    corpusOf(name),
  ];
  const { status, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [, runs = "?"] = /number_of_executed_units: (\d+)/.exec(stderr) ?? [];
  const [, edges = "?"] = [...stderr.matchAll(/ cov: (\d+) /g)].at(-1) ?? [];
  console.log(`${name}: ${runs} runs, ${edges} branches`);
  if (status === 0) return true;
  const [, path] = /Test unit written to (\S+)/.exec(stderr) ?? [];
  console.log(
    stderr
      .split("\n")
      .filter((line) => !/^#\d+\t/.test(line))
      .slice(-60)
      .join("\n"),
  );
  if (path) console.log(`${name}: to repeat it: ${shown(program)} ${shown(path)}`);
  return false;
}

async function fuzzInText({ name }: FuzzTarget, minutes: number): Promise<boolean> {
  const keep = (input: Uint8Array): void => save(foundOf(name), input);
  const options = { milliseconds: minutes * 60_000, seed: SEED, corpora: [foundOf(name), corpusOf(name)], keep };
  const { runs, branches, failed } = await fuzzText(name, options);
  console.log(`${name}: ${runs} runs, ${branches} branches`);
  if (!failed) return true;
  const path = join(FAILED, `${name}-${digest(failed.input)}`);
  writeFileSync(path, failed.input);
  console.log(`${failed.error}\n${name}: to repeat it: npx tsx tools/fuzz.ts --only ${name} --repeat ${shown(path)}`);
  return false;
}

function digest(input: Uint8Array): string {
  return createHash("sha1").update(input).digest("hex").slice(0, 16);
}

function save(folder: string, input: Uint8Array): void {
  writeFileSync(join(folder, digest(input)), input);
}

/** Copies what was found into the sources: of libFuzzer's inputs those that it needs, of all the smallest. */
function keepFound({ name, isText }: FuzzTarget): void {
  const merged = `${foundOf(name)}.merged`;
  rmSync(merged, { recursive: true, force: true });
  mkdirSync(merged);
  if (isText) cpSync(foundOf(name), merged, { recursive: true });
  else spawnSync(join(BUILD, "fuzz", "fuzz", name), ["-merge=1", merged, corpusOf(name), foundOf(name)], { stdio: "ignore" });
  const files = readdirSync(merged).map((file) => ({ path: join(merged, file), size: statSync(join(merged, file)).size }));
  let bytes = 0;
  for (const { path, size } of files.sort((a, b) => a.size - b.size).slice(0, KEPT_MAX)) {
    bytes += size;
    if (bytes <= KEPT_BYTES_MAX) copyFileSync(path, join(corpusOf(name), digest(readFileSync(path))));
  }
  rmSync(merged, { recursive: true });
}

const names = fuzzTargets().map(({ name }) => name);
const { minutes, only, keep, repeat } = yargs(hideBin(process.argv))
  .scriptName("npm run fuzz --")
  .usage("$0 [minutes]", "Changes inputs at random until one of them fails", (parser) =>
    parser.positional("minutes", { type: "number", default: 10, describe: "for each target" }),
  )
  .option("only", { type: "string", array: true, choices: names, default: names, defaultDescription: "all", describe: "targets" })
  .option("keep", {
    type: "boolean",
    default: false,
    describe: "then copy the smallest inputs that were found to tests/fuzz/corpus",
  })
  .option("repeat", { type: "string", describe: "run a target in TypeScript once, with the input in this file" })
  .epilogue("MEMTRACK_SEED=n repeats a run whose seed was printed.")
  .strict()
  .parseSync() as unknown as { minutes: number; only: string[]; keep: boolean; repeat?: string };

const targets = fuzzTargets().filter(({ name }) => only.includes(name));
if (repeat !== undefined) {
  const { default: target } = (await import(targetOf(only[0]!))) as { default: Target };
  await target.run(readFileSync(repeat));
} else {
  console.log(`memtrack: fuzzing ${targets.map(({ name }) => name).join(", ")}, ${minutes} minutes each; MEMTRACK_SEED=${SEED}`);
  build(() => {});
  mkdirSync(FAILED, { recursive: true });
  const inC = targets.filter(({ isText }) => !isText);
  const paths = inC.map(({ name }) => `${join("..", "..", "build", "fuzz", "fuzz", name)}`);
  const { status } = paths.length ? spawnSync("make", ["-s", "-j2", "-C", FOLDER, ...paths], { stdio: "inherit" }) : { status: 0 };
  if (status !== 0) throw new Error("the targets were not built");
  for (const target of targets) {
    for (const folder of [foundOf(target.name), corpusOf(target.name)]) mkdirSync(folder, { recursive: true });
    const passed = target.isText ? await fuzzInText(target, minutes) : fuzzNative(target, minutes);
    if (!passed) process.exitCode = 1;
    if (keep) keepFound(target);
  }
}
