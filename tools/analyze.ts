// SPDX-License-Identifier: Apache-2.0
//
// `npm run check:deep`: gcc's analyzer on the C of host/ats, and clang's on its C and C++. clang-tidy (`npm run check:c`) runs the latter
// too; scan-build is the one that also reads how make compiles, so nothing that is compiled is left out.

import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BUILD, TOP } from "./build.ts";

/** It reads freed blocks on purpose, which only clang-tidy can be told (NOLINT). */
const LEFT_OUT = join("hook", "release.c");

const HOST = join(TOP, "host", "ats");
const OBJECTS = join(BUILD, "analyze");
const sources = readdirSync(HOST, { recursive: true, encoding: "utf8" }).filter(
  (name) => /\/.*\.cc?$/.test(name) && name !== LEFT_OUT,
);

function objects(files: string[], extra: string): string[] {
  return ["make", "-B", "-s", "-C", HOST, "objects", `OBJ=${OBJECTS}`, `SOURCES=${files.join(" ")}`, `EXTRA=${extra}`];
}

const inC = sources.filter((name) => name.endsWith(".c"));
for (const [program, ...args] of [objects(inC, "-fanalyzer"), ["scan-build", "--status-bugs", ...objects(sources, "")]]) {
  const { status, error } = spawnSync(program!, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (error) throw error;
  if (status !== 0) {
    console.error(`memtrack: ${program} found what is said above`);
    process.exitCode = 1;
  }
}
rmSync(OBJECTS, { recursive: true, force: true });
