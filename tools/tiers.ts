// SPDX-License-Identifier: Apache-2.0
//
// Which tests there are, and which tier each belongs to: by its folder, so that a tier says what a machine needs for it.

import { readdirSync } from "node:fs";
import { join, normalize } from "node:path";
import { TOP } from "./build.ts";

export interface Tier {
  /** Paths that its files begin with; the longest one of all tiers decides. */
  paths: string[];
  needs: string;
  /** Which part of the build it needs. */
  build: "command" | "all";
  /** Files may run at the same time: nothing in them measures times or starts a server. */
  parallel?: boolean;
}

/** In the order in which `npm test` runs them: what is soon over comes first. tools/setup.mjs has the Debian packages of each. */
export const TIERS = {
  unit: {
    paths: ["tests/bench", "tests/harness", "tests/node", "tests/shared", "tests/structure", "tests/tools"],
    needs: "Node",
    build: "command",
    parallel: true,
  },
  core: { paths: ["tests/core", "tests/node/core", "tests/analysis"], needs: "Node", build: "command", parallel: true },
  export: { paths: ["tests/export"], needs: "Go, Perl, MRTG", build: "command" },
  web: { paths: ["tests/web"], needs: "Chromium", build: "command" },
  native: { paths: ["tests/native", "tests/bench/cases"], needs: "gcc, clang, cmocka, Valgrind", build: "all" },
  ats: { paths: ["tests/ats"], needs: "Traffic Server, its plugins, load generators", build: "all" },
} satisfies Record<string, Tier> as Record<TierName, Tier>;

export type TierName = "unit" | "core" | "export" | "web" | "native" | "ats";

/** `npm run test:long`: tests of the other tiers with more turns than `npm test` has the time for. */
export const LONG = {
  paths: ["tests/ats/correct.test.ts", "tests/ats/plugins-reload.test.ts"],
  env: { MEMTRACK_RELOADS: "2000", MEMTRACK_CHURN_SECONDS: "300" },
};

/** Tests in other languages, and the file that runs them as tests of Node. */
const RUNNERS: [RegExp, string][] = [
  [/^tests\/core\/.*\.spec\.ts$/, "tests/core/specs.test.ts"],
  [/^tests\/native\/\w+_test\.c$/, "tests/native/native.test.ts"],
];

export interface Selection {
  /** Of each tier that has some: what node --test is given. */
  files: Map<TierName, string[]>;
  /** Where only some specs or C programs are wanted: those. Their runners ask isChosen() (tests/support/chosen.ts). */
  chosen: string[];
  /** Arguments that no test's path begins with. */
  unknown: string[];
}

/** Every test: files of Node's test runner, specs in AssemblyScript, programs in C. */
export function allTests(): string[] {
  return readdirSync(join(TOP, "tests"), { recursive: true, encoding: "utf8" })
    .map((name) => join("tests", name))
    .filter((path) => path.endsWith(".test.ts") || runnerOf(path))
    .sort();
}

/** @throws Error where no tier has the file */
export function tierOf(path: string): TierName {
  const fits = Object.entries(TIERS).flatMap(([name, { paths }]) =>
    paths.filter((prefix) => path.startsWith(`${prefix}/`)).map((prefix) => ({ name: name as TierName, prefix })),
  );
  const longest = fits.toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
  if (!longest) throw new Error(`${path}: its folder is in no tier (tools/tiers.ts)`);
  return longest.name;
}

/**
 * The tests that are meant.
 *
 * @param tiers all of them where it is empty
 * @param wanted beginnings of paths, from the top or from a folder of a tier; everything where it is empty
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
