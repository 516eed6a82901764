// SPDX-License-Identifier: Apache-2.0
//
// Runs the tests: every tests/**/*.test.ts, or those whose path begins with one of the arguments (`npm test -- tests/node`). It lists
// the files itself because Node 20 takes no patterns, and runs them one after another because servers under load must not disturb
// each other's times.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, normalize } from "node:path";
import { TOP } from "./build.ts";

const wanted = process.argv.slice(2).map((path) => normalize(path));
const files = readdirSync(join(TOP, "tests"), { recursive: true, encoding: "utf8" })
  .map((name) => join("tests", name))
  .filter((name) => name.endsWith(".test.ts"))
  .filter((name) => !wanted.length || wanted.some((prefix) => name.startsWith(prefix)))
  .sort();

if (!files.length) {
  console.error(`memtrack: no test's path begins with ${wanted.join(" or ")}`);
  process.exit(2);
}
const args = ["--import", "tsx", "--test", "--test-concurrency=1", "--test-reporter=spec", ...files];
const { status } = spawnSync(process.execPath, args, { cwd: TOP, stdio: "inherit" });
process.exitCode = status ?? 1;
