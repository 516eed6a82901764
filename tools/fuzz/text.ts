// SPDX-License-Identifier: Apache-2.0
//
// Targets in TypeScript: bundles one with the engine, with counters in the sources of the command and of the harness, and runs it in a
// worker.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { build, transformSync, type Plugin } from "esbuild";
import type { Target } from "../../tests/fuzz/target.ts";
import { BUILD, TOP } from "../build.ts";
import type { Message, Task } from "./engine.ts";
import { COUNTERS, instrument } from "./instrument.ts";
import { INPUT_MAX } from "./mutate.ts";
import { targetOf } from "./targets.ts";

/** A target that has not returned after these seconds never will. */
const HANGS_AFTER = 20;

export interface Outcome {
  runs: number;
  branches: number;
  /** The input that failed, and what it says. */
  failed?: { input: Uint8Array; error: string };
}

const counting: Plugin = {
  name: "counting",
  setup({ onLoad }) {
    onLoad({ filter: /\/(host|harness|format)\/.*\.ts$/ }, ({ path }) => {
      const { code } = transformSync(readFileSync(path, "utf8"), { loader: "ts", format: "esm", target: "es2022" });
      return { contents: `const ${COUNTERS} = globalThis.${COUNTERS};${instrument(code)}`, loader: "js" };
    });
  },
};

/** Two folders below the top, as host/node/package.ts expects it. */
async function bundle(name: string): Promise<string> {
  const outfile = join(BUILD, "fuzz", `${name}.mjs`);
  const [engine, target] = [join(TOP, "tools", "fuzz", "engine.ts"), targetOf(name)].map((path) => JSON.stringify(path));
  const contents = `import { fuzz } from ${engine}; import target from ${target}; await fuzz(target);`;
  await build({
    stdin: { contents, resolveDir: TOP },
    absWorkingDir: TOP,
    outfile,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20.10",
    logLevel: "warning",
    plugins: [counting],
  });
  return outfile;
}

/** Runs a target. `keep` takes each input that reaches something new. */
export async function fuzzText(
  name: string,
  options: { milliseconds: number; seed: number; corpora: string[]; keep: (input: Uint8Array) => void },
): Promise<Outcome> {
  const file = await bundle(name);
  const { default: target } = (await import(targetOf(name))) as { default: Target };
  const saved = options.corpora.flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder).map((entry) => new Uint8Array(readFileSync(join(folder, entry)))) : [],
  );
  const corpus = [...target.seeds(), ...saved];
  const state = new SharedArrayBuffer(8);
  const input = new SharedArrayBuffer(INPUT_MAX);
  const task: Task = { seed: options.seed, milliseconds: options.milliseconds, corpus, state, input };
  const counts = new Int32Array(state);
  const present = (): Uint8Array => Uint8Array.from(new Uint8Array(input, 0, Math.min(INPUT_MAX, counts[1]!)));
  const worker = new Worker(file, { workerData: task, execArgv: [] });
  return new Promise((resolve) => {
    let before = -1;
    let still = 0;
    const end = (outcome: Partial<Outcome>): void => {
      clearInterval(watch);
      void worker.terminate();
      resolve({ runs: counts[0]!, branches: 0, ...outcome });
    };
    const watch = setInterval(() => {
      still = counts[0] === before ? still + 1 : 0;
      before = counts[0]!;
      if (still >= HANGS_AFTER) end({ failed: { input: present(), error: `it has not returned after ${HANGS_AFTER} s` } });
    }, 1000);
    worker.on("message", (message: Message) => {
      if (message.kind === "new") options.keep(message.input);
      else if (message.kind === "done") end(message);
      else end({ failed: message });
    });
    // What escapes the target: an error in a promise or a stream that nobody waits for.
    worker.on("error", (error) => end({ failed: { input: present(), error: error.stack ?? String(error) } }));
  });
}
