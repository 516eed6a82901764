// SPDX-License-Identifier: Apache-2.0
//
// Lists the tests and the tier of each. The folder of a test decides its tier, because a tier defines what a machine needs.

import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, normalize } from "node:path";
import { TOP } from "./build.ts";

export interface Tier {
  /** Beginnings of the paths of its files. If several tiers match a file, the longest beginning decides. */
  paths: string[];
  needs: string;
  /** The part of the build that it needs. */
  build: "command" | "all";
  /** How many of its files run at the same time: by default one, because they measure times or need the machine. */
  together?: number;
}

/** In the order in which `npm test` runs them, the fastest first. tools/setup.mjs has the Debian packages of each. */
export const TIERS = {
  unit: {
    paths: ["tests/bench", "tests/harness", "tests/node", "tests/shared", "tests/structure"],
    needs: "Node",
    build: "command",
    together: availableParallelism(),
  },
  core: {
    paths: ["tests/core", "tests/node/core", "tests/node/analyse", "tests/analysis", "tests/tools"],
    needs: "Node",
    build: "command",
    together: availableParallelism(),
  },
  export: { paths: ["tests/export"], needs: "Go, Perl, MRTG", build: "command" },
  web: { paths: ["tests/web"], needs: "Chromium", build: "command" },
  native: { paths: ["tests/native", "tests/bench/cases"], needs: "gcc, clang, cmocka, Valgrind", build: "all" },
  // Most of their time they wait: for a sample, a reload, a timer of the server.
  ats: { paths: ["tests/ats"], needs: "Traffic Server, its plugins, load generators", build: "all", together: 3 },
} satisfies Record<string, Tier> as Record<TierName, Tier>;

export type TierName = "unit" | "core" | "export" | "web" | "native" | "ats";

/** `npm run test:long`: tests of the other tiers with more turns than `npm test` has the time for. */
export const LONG = {
  paths: [
    "tests/ats/correct.test.ts",
    "tests/ats/faults.test.ts",
    "tests/ats/freelists.test.ts",
    "tests/ats/held.test.ts",
    "tests/ats/plugins-reload.test.ts",
    "tests/ats/real.test.ts",
    "tests/ats/resident.test.ts",
    "tests/ats/search_storms.test.ts",
    "tests/ats/shares.test.ts",
    "tests/ats/soak.test.ts",
    "tests/native/agree.test.ts",
    "tests/native/fault.test.ts",
    "tests/native/native.test.ts",
  ],
  env: {
    MEMTRACK_ACCUSED_PASSES: "500",
    MEMTRACK_AGREE_EVENTS: "100000000",
    MEMTRACK_ALLOCATORS: "1",
    MEMTRACK_CHURN_SECONDS: "300",
    MEMTRACK_CHURN_TWICE: "1",
    MEMTRACK_FAULT_CALLS: "50",
    MEMTRACK_FAULT_STARTS: "2",
    MEMTRACK_HELD: "1",
    MEMTRACK_PROOF: "1",
    MEMTRACK_RELOADS: "900",
    MEMTRACK_SEARCH_PASSES: "1000",
    MEMTRACK_SOAK_MINUTES: "1",
    MEMTRACK_VERDICTS: "1",
  },
};

/** Tests in other languages, and the file that runs them as tests of Node. */
const RUNNERS: [RegExp, string][] = [
  [/^tests\/core\/.*\.spec\.ts$/, "tests/core/specs.test.ts"],
  [/^tests\/native\/\w+_test\.c$/, "tests/native/native.test.ts"],
];

export interface Selection {
  /** The files for `node --test`, by tier. */
  files: Map<TierName, string[]>;
  /** The selected specs or C programs, if not all are. Their runners call isChosen() (tests/support/chosen.ts). */
  chosen: string[];
  /** Arguments that match no test. */
  unknown: string[];
}

/** Every test: files of Node's test runner, specs in AssemblyScript, programs in C. */
export function allTests(): string[] {
  return readdirSync(join(TOP, "tests"), { recursive: true, encoding: "utf8" })
    .map((name) => join("tests", name))
    .filter((path) => path.endsWith(".test.ts") || runnerOf(path))
    .sort();
}

/** @throws Error if no tier has the file */
export function tierOf(path: string): TierName {
  const fits = Object.entries(TIERS).flatMap(([name, { paths }]) =>
    paths.filter((prefix) => path.startsWith(`${prefix}/`)).map((prefix) => ({ name: name as TierName, prefix })),
  );
  const longest = fits.toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
  if (!longest) throw new Error(`${path}: its folder is in no tier (tools/tiers.ts)`);
  return longest.name;
}

/**
 * Selects tests.
 *
 * @param tiers if empty, all tiers
 * @param wanted beginnings of paths, from the top or from a folder of a tier; if empty, all tests
 */
export function select(tests: string[], tiers: TierName[], wanted: string[]): Selection {
  const selection: Selection = { files: new Map(), chosen: [], unknown: [] };
  const candidates = tests.filter((path) => !tiers.length || tiers.includes(tierOf(path)));
  const prefixes = wanted.map((text) => normalize(text));
  const meets = (path: string, prefix: string): boolean =>
    path.startsWith(prefix) || TIERS[tierOf(path)].paths.some((folder) => path.startsWith(`${folder}/${prefix}`));
  selection.unknown = wanted.filter((_, index) => !candidates.some((path) => meets(path, prefixes[index]!)));
  const meant = candidates.filter((path) => !prefixes.length || prefixes.some((prefix) => meets(path, prefix)));
  for (const path of meant) {
    const runner = runnerOf(path);
    if (runner && !meant.includes(runner)) selection.chosen.push(path);
    const tier = tierOf(path);
    const files = selection.files.get(tier) ?? [];
    selection.files.set(tier, [...new Set([...files, runner ?? path])]);
  }
  return selection;
}

function runnerOf(path: string): string | undefined {
  return RUNNERS.find(([pattern]) => pattern.test(path))?.[1];
}
