// SPDX-License-Identifier: Apache-2.0
//
// Builds what the tests need and runs them: all tests, or those of a tier (tiers.ts), of some paths, of some names. Each tier is a
// separate run of Node's test runner, one file after another if they measure times.

import { setMaxListeners } from "node:events";
import { join } from "node:path";
import { Readable } from "node:stream";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { parseArgs } from "node:util";
import { NoServerError, installedServer } from "../harness/server.ts";
import { build, buildCommand, BuildError, TOP } from "./build.ts";
import { allTests, LONG, select, TIERS, type Selection, type Tier, type TierName } from "./tiers.ts";

const NAMES = Object.keys(TIERS) as TierName[];

const HELP = `npm test [-- OPTIONS] [PATH...]
npm run test:TIER [-- OPTIONS] [PATH...]

Builds what the tests need and runs them: all, or those whose path begins with a PATH, from the project's top folder or from the
tier's own (\`npm run test:core -- shard\`, \`npm run test:native -- slots_test\`).

  --name PATTERN   only tests whose name the regular expression matches (also --test-name-pattern)
  --tier TIER      a tier; may be given more than once: ${NAMES.join(", ")}
  --long           the long form of those tests that have one
  --help           this text

The environment: MEMTRACK_SEED=n repeats a random run; MEMTRACK_ACCUSED_PASSES=n, MEMTRACK_AGREE_EVENTS=n, MEMTRACK_CHURN_SECONDS=n,
MEMTRACK_RELOADS=n, MEMTRACK_SEARCH_PASSES=n and MEMTRACK_SOAK_MINUTES=n say how long six tests go on; MEMTRACK_FAULT_CALLS=n and
MEMTRACK_FAULT_STARTS=n how many calls of each place
fail in two others. MEMTRACK_ATS=PREFIX starts the Traffic Server that is installed there instead of Debian's.`;

class UsageError extends Error {}

/** What Node says of a test that --name leaves out. */
const OTHER_NAME = "test name does not match pattern";

interface TestEvent {
  type: string;
  data: { name?: string; skip?: string | boolean; details?: { type?: string } };
}

interface Outcome {
  ran: number;
  failed: boolean;
}

interface Options {
  selection: Selection;
  names: string[];
  env: Record<string, string>;
}

async function main(): Promise<void> {
  const options = parse(process.argv.slice(2));
  if (!options) return console.log(HELP);
  const tiers = NAMES.filter((name) => options.selection.files.has(name));
  // Before the build: what a wrong value says would else be said by each test.
  if (tiers.includes("ats") && process.env.MEMTRACK_ATS)
    console.log(`memtrack: the server under test is Traffic Server ${installedServer().name}`);
  if (tiers.some((name) => TIERS[name].build === "all")) build();
  else buildCommand();
  process.chdir(TOP);
  Object.assign(process.env, { ...options.env, ...process.env });
  const ended = new AbortController();
  setMaxListeners(0, ended.signal); // each file of tests listens
  // A Ctrl-C reaches the tests' processes as well. They stop their servers; this one waits for them.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended.abort());
  const failed: TierName[] = [];
  let ran = 0;
  for (const tier of tiers) {
    if (ended.signal.aborted) break;
    const began = performance.now();
    const outcome = await runTier(options.selection.files.get(tier)!, TIERS[tier], options.names, ended.signal);
    ran += outcome.ran;
    if (outcome.failed) failed.push(tier);
    console.log(`memtrack: test:${tier} took ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
  }
  if (ended.signal.aborted) {
    process.exitCode = 130;
    return console.error("memtrack: interrupted");
  }
  if (options.names.length && !ran && !failed.length)
    throw new UsageError(`--name ${options.names.join(" or ")}: no test has such a name`);
  if (!failed.length) return;
  console.error(`memtrack: tests failed in ${failed.map((tier) => `test:${tier}`).join(", ")}; they are listed above`);
  process.exitCode = 1;
}

/** @returns undefined where help is asked for */
function parse(args: string[]): Options | undefined {
  const string = { type: "string", multiple: true, default: [] as string[] } as const;
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      name: string,
      "test-name-pattern": string,
      tier: string,
      long: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const names = [...values.name, ...values["test-name-pattern"]];
  for (const name of names) checkPattern(name);
  const tiers = values.tier.map(tierNamed);
  const tests = values.long ? LONG.paths : allTests();
  const selection = select(tests, tiers, positionals);
  const [unknown] = selection.unknown;
  if (unknown !== undefined) {
    const where = values.long ? ` of ${LONG.paths.join(", ")}` : tiers.length ? ` of the tier ${tiers.join(", ")}` : "";
    throw new UsageError(`no test${where} has a path that begins with ${unknown}`);
  }
  if (!selection.files.size) throw new UsageError(`--long: no test of the tier ${tiers.join(", ")} has a long form`);
  const chosen = selection.chosen.length ? { MEMTRACK_CHOSEN: selection.chosen.join(":") } : {};
  return { selection, names, env: { ...chosen, ...(values.long && LONG.env) } };
}

function checkPattern(pattern: string): void {
  try {
    new RegExp(pattern);
  } catch (error) {
    throw new UsageError(`--name ${pattern}: ${(error as Error).message}`);
  }
}

function tierNamed(text: string): TierName {
  const tier = NAMES.find((name) => name === text);
  if (!tier) throw new UsageError(`--tier ${text}: there is no such tier, these are: ${NAMES.join(", ")}`);
  return tier;
}

/** Runs a tier's files, each in a process of its own, and counts the tests whose names fit. */
async function runTier(files: string[], tier: Tier, names: string[], ended: AbortSignal): Promise<Outcome> {
  const outcome: Outcome = { ran: 0, failed: false };
  // Absolute paths, because the test processes start in the working directory of this process.
  const stream = run({
    files: files.map((path) => join(TOP, path)),
    concurrency: tier.together ?? 1,
    testNamePatterns: names,
    signal: ended,
  });
  stream.on("test:fail", () => (outcome.failed = true));
  stream.on("test:pass", ({ skip, details }) => void (skip !== OTHER_NAME && details.type !== "suite" && ++outcome.ran));
  const lines = Readable.from(fitting(stream as AsyncIterable<TestEvent>)).pipe(new spec()) as AsyncIterable<string>;
  for await (const line of lines) process.stdout.write(line);
  return outcome;
}

/** Removes the tests that --name leaves out, and suites without any other test. */
async function* fitting(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  /** The test that begins, and the suites around it that were not passed on yet. */
  let begun: TestEvent[] = [];
  for await (const event of events) {
    const { type, data } = event;
    if (type === "test:start") {
      begun.push(event);
      continue;
    }
    if (
      type === "test:pass" &&
      (data.skip === OTHER_NAME || (data.details?.type === "suite" && begun.at(-1)?.data.name === data.name))
    ) {
      begun.pop();
      continue;
    }
    if (type === "test:pass" || type === "test:fail") {
      yield* begun;
      begun = [];
    }
    yield event;
  }
}

try {
  await main();
} catch (error) {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const usage = error instanceof UsageError || code.startsWith("ERR_PARSE_ARGS_");
  if (usage) console.error(`memtrack: ${message.split(". ")[0]}. See npm test -- --help`);
  else if (error instanceof NoServerError) console.error(`memtrack: ${message}`);
  else if (error instanceof BuildError) console.error(`memtrack: the build failed: ${message}`);
  else throw error;
  process.exitCode = usage || error instanceof NoServerError ? 2 : 1;
}
