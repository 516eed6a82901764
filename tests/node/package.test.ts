// SPDX-License-Identifier: Apache-2.0
//
// The package that `npm pack` makes, installed in an empty folder: its command runs as plain JavaScript, without further packages, with the
// core's Wasm and the page beside it.

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { handmadeLeak } from "../../harness/handmade.ts";
import { TOP } from "../../tools/build.ts";
import { fixture, memtrack } from "../support/command.ts";

let folder: string;
let bin: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "memtrack-package-"));
  // Node's own npm, not the old one that a development dependency brings.
  const path = process.env.PATH!.split(":").filter((entry) => !entry.endsWith("node_modules/.bin"));
  const env = { ...process.env, PATH: path.join(":") };
  const npm = (cwd: string, ...args: string[]) =>
    execFileSync("npm", [...args, "--loglevel=error", "--no-fund", "--no-audit"], {
      cwd,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
  npm(TOP, "pack", "--pack-destination", folder);
  const [archive] = readdirSync(folder);
  const place = join(folder, "empty");
  mkdirSync(place);
  writeFileSync(join(place, "package.json"), "{}");
  // Offline, because the package needs no other.
  npm(place, "install", "--offline", join(folder, archive!));
  bin = join(place, "node_modules", ".bin", "memtrack");
});
after(() => rmSync(folder, { recursive: true }));

test("the package contains JavaScript, the core and the page, and no sources", () => {
  const place = join(folder, "empty", "node_modules");
  assert.deepEqual(
    readdirSync(place).filter((name) => !name.startsWith(".")),
    ["memtrack"],
  );
  const files = readdirSync(join(place, "memtrack"), { recursive: true, encoding: "utf8" });
  for (const name of [
    "build/memtrack.wasm",
    "build/page.js",
    "build/page.css",
    "build/command/memtrack.js",
    "build/command/LICENSES.txt",
    "LICENSE",
    "docs/COMMAND.md",
    "docs/report.schema.json",
  ]) {
    assert.ok(files.includes(name), name);
  }
  assert.deepEqual(
    files.filter((name) => name.endsWith(".ts") || name.endsWith(".so")),
    [],
  );
});

test("links of the packaged documents lead to files in the package", () => {
  const place = join(folder, "empty", "node_modules", "memtrack");
  const documents = ["README.md", ...readdirSync(join(place, "docs")).map((name) => `docs/${name}`)].filter((name) =>
    name.endsWith(".md"),
  );
  assert.ok(documents.length > 5);
  const broken = documents.flatMap((name) =>
    [...readFileSync(join(place, name), "utf8").matchAll(/\]\((?![a-z]+:|#)([^)#]+)/g)]
      .map(([, link]) => join(dirname(name), link!))
      .filter((target) => !existsSync(join(place, target)))
      .map((target) => `${name}: ${target}`),
  );
  assert.deepEqual(broken, []);
});

test("the packaged command gives the same output as the sources", async () => {
  for (const argv of [
    ["report", "--json", fixture("memtrack-level2.out")],
    ["--help"],
    ["diff", `${fixture("stock-level1.out")}#1`, "#2"],
  ]) {
    const { stdout, stderr, status } = spawnSync(bin, argv, { encoding: "utf8" });
    const expected = await memtrack(argv);
    assert.deepEqual([status, stdout, stderr], [expected.code, expected.out, expected.err], argv.join(" "));
  }
  const page = join(folder, "page.html");
  execFileSync(bin, ["html", fixture("memtrack-level2.out"), "-o", page]);
  assert.ok(readFileSync(page, "utf8").includes("uPlot"));
});

test("exit codes: 0, 1 on a suspect with --fail-on leak, 2 for a wrong argument", () => {
  const leak = join(folder, "leak.out");
  writeFileSync(leak, handmadeLeak(800));
  const codeOf = (...argv: string[]) => spawnSync(bin, argv, { stdio: "ignore" }).status;
  assert.equal(codeOf("report", leak), 0);
  assert.equal(codeOf("report", "--fail-on", "leak", leak), 1);
  assert.equal(codeOf("report", "--fail-on", "leak", "--owner", "core", leak), 0);
  assert.equal(codeOf("report", "--fail-on", "leak", fixture("memtrack-level2.out")), 0);
  assert.equal(codeOf("report", "--nothing"), 2);
});

test("a closed pipe, a full disk and a signal end the command cleanly", async () => {
  const piped = spawnSync("sh", ["-c", `'${bin}' report --json '${fixture("memtrack-level2.out")}' | head -c 10`], {
    encoding: "utf8",
  });
  assert.deepEqual([piped.status, piped.stdout.length, piped.stderr], [0, 10, ""]);
  const full = spawnSync("sh", ["-c", `'${bin}' report '${fixture("memtrack-level2.out")}' >/dev/full`], { encoding: "utf8" });
  assert.deepEqual([full.status, full.stderr.split("\n").length], [2, 2]);
  assert.match(full.stderr, /^memtrack: the output cannot be written: ENOSPC/);
  const closed = spawnSync("sh", ["-c", `'${bin}' report '${fixture("memtrack-level2.out")}' >&-`], { encoding: "utf8" });
  assert.deepEqual([closed.status, closed.stderr], [0, ""]);
  const watching = spawn(bin, ["watch", fixture("memtrack-level2.out")], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => watching.stdout.once("data", resolve));
  watching.kill("SIGTERM");
  assert.equal(await new Promise((resolve) => watching.once("exit", resolve)), 0);
  assert.ok(existsSync(bin));
});
