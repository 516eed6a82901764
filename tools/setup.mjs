// SPDX-License-Identifier: Apache-2.0
//
// Prepares this machine for a task (`setup.mjs PART...`: build, run a tier of the tests, measure): installs node_modules and the Debian
// packages that the part needs. This is plain JavaScript without dependencies, because it runs before anything is installed. If nothing
// is missing, it prints nothing and takes a few dozen ms.

import { spawnSync } from "node:child_process";
import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";

const TOP = fileURLToPath(new URL("..", import.meta.url));

// From 20.10 on Node can run one test file at a time (--test-concurrency).
const NODE_MIN = [20, 10];

/** Debian packages, by what they are needed for. */
const BUILD = {
  trafficserver: "the server that memtrack is loaded into",
  wabt: "wasm2c: the core's Wasm to C",
  "libssl-dev": "headers of the OpenSSL that the server uses",
  "libdw-dev": "elfutils: names for the code addresses of plugins",
  "libelf-dev": "the other half of it",
  gcc: "compiles the plugin",
  "g++": "and its two C++ files: traps are exceptions",
  "libc6-dev": "headers of the C library",
  make: "host/ats/Makefile",
  openssl: "makes the private server's certificate",
};
const NATIVE = {
  ...BUILD,
  clang: "the sanitizer runs",
  "libclang-rt-14-dev": "the sanitizers themselves",
  llvm: "names in the sanitizers' reports",
  "libcmocka-dev": "runs the native tests",
  dwz: "makes debug information that modules share",
  valgrind: "counts the hot path's instructions",
};
const ATS = {
  ...BUILD,
  "trafficserver-dev": "ts/ts.h, for the plugins of the tests",
  "trafficserver-experimental-plugins": "plugins that memtrack is loaded together with",
  libjemalloc2: "an allocator that servers are run with",
  "libtcmalloc-minimal4": "another one",
  wrk: "HTTP and TLS load with keep-alive",
  "nghttp2-client": "h2load: exact numbers of HTTP/1.1 and HTTP/2 requests",
};
const EXPORT = {
  "golang-go": "go tool pprof reads what `memtrack pprof` writes",
  "libdevel-nytprof-perl": "flamegraph.pl reads what `memtrack folded` writes",
  mrtg: "asks `memtrack mrtg` for its graphs",
};
const WEB = { chromium: "opens the page of `memtrack html`" };

/** What can be asked for. `test` is all of its tiers (tools/tiers.ts); `command`, `unit` and `core` need Node alone. */
const PARTS = {
  command: {},
  unit: {},
  core: {},
  export: EXPORT,
  web: WEB,
  native: NATIVE,
  ats: ATS,
  build: BUILD,
  test: { ...NATIVE, ...ATS, ...EXPORT, ...WEB },
  format: { "clang-format": "the layout of C and C++" },
  check: {
    ...BUILD,
    "libcmocka-dev": "a header of the native tests",
    "clang-format": "the layout of C and C++",
    "clang-tidy": "what is likely a mistake in C and C++",
  },
  bench: {
    ...BUILD,
    "trafficserver-dev": "ts/ts.h",
    "trafficserver-experimental-plugins": "plugins that the measured server has",
    wrk: "HTTP and TLS load with keep-alive",
    "nghttp2-client": "h2load: HTTP/2 load",
    valgrind: "counts the hot path's instructions",
    "linux-perf": "samples the network threads",
    "libgoogle-perftools4": "gperftools' heap profiler, to compare with",
    heaptrack: "to compare with",
  },
};

// Debian's package starts a system server as soon as it is configured (invoke-rc.d and deb-systemd-invoke in its postinst). Both ask
// this file first, and 101 forbids the start.
const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_TEXT =
  "#!/bin/sh\n# Put here by memtrack's tools/setup.mjs while it installs trafficserver. Safe to remove.\nexit 101\n";

function main() {
  checkNode();
  const asked = process.argv.slice(2);
  const unknown = asked.find((part) => !Object.hasOwn(PARTS, part));
  if (unknown !== undefined) fail(`setup ${unknown}: there is no such part, these are: ${Object.keys(PARTS).join(", ")}`);
  const wanted = Object.assign({}, ...asked.map((part) => PARTS[part]));
  const missing = missingPackages(Object.keys(wanted));
  if (missing.length) installPackages(missing, wanted);
  if (nodeModulesAreOld()) installNodeModules();
}

function checkNode() {
  const have = process.versions.node.split(".").map(Number);
  const old = have[0] < NODE_MIN[0] || (have[0] === NODE_MIN[0] && have[1] < NODE_MIN[1]);
  if (old) fail(`Node ${process.versions.node} is too old: memtrack needs Node ${NODE_MIN.join(".")} or newer`);
}

function missingPackages(names) {
  if (!names.length) return [];
  // It exits with 1 where it does not know a package at all; what it does know stands on stdout all the same.
  const query = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...names], { encoding: "utf8" });
  if (query.error) fail("there is no dpkg-query here: memtrack is built on Debian 12, or in a container of it (README.md)");
  const installed = new Set(
    query.stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return names.filter((name) => !installed.has(name));
}

function installPackages(missing, reasons) {
  const width = Math.max(...missing.map((name) => name.length));
  console.log("memtrack needs Debian packages that are not installed:");
  for (const name of missing) console.log(`  ${name.padEnd(width)}  ${reasons[name]}`);
  const install = ["install", "-y", "--no-install-recommends", ...missing];
  if (process.getuid() !== 0) {
    if (missing.includes("trafficserver")) {
      console.log("(Debian starts a system server with it; `sudo systemctl disable --now trafficserver` ends that.)");
    }
    fail(`run this line, then the same command again:\n  sudo apt-get update && sudo apt-get ${install.join(" ")}`);
  }
  // A Ctrl-C reaches apt-get itself. Here it must not prevent the removal of the policy.
  const ignore = () => {};
  process.on("SIGINT", ignore);
  const guarded = missing.includes("trafficserver") && !existsSync(POLICY);
  if (guarded) writeFileSync(POLICY, POLICY_TEXT, { mode: 0o755, flag: "wx" });
  try {
    // A list that is not quite up to date is no reason to stop: apt-get install says what it cannot find.
    if (apt(["update"]) !== 0) console.error("memtrack: apt-get update failed, going on with the package lists that are here");
    const status = apt(install);
    if (status !== 0) fail(`apt-get ${install.join(" ")} failed (${status}); its own message stands above`);
  } finally {
    if (guarded) rmSync(POLICY, { force: true });
    process.off("SIGINT", ignore);
  }
  if (missing.includes("trafficserver")) {
    console.log(
      "The system's own Traffic Server was not started. Its unit is enabled: `systemctl disable trafficserver` ends that.",
    );
  }
}

function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { status, signal, error } = spawnSync("apt-get", ["-q", ...args], { stdio: ["ignore", "inherit", "inherit"], env });
  return error?.message ?? signal ?? status;
}

function nodeModulesAreOld() {
  const lock = statSync(`${TOP}package-lock.json`, { throwIfNoEntry: false });
  const installed = statSync(`${TOP}node_modules/.package-lock.json`, { throwIfNoEntry: false });
  return !installed || (lock !== undefined && installed.mtimeMs < lock.mtimeMs);
}

function installNodeModules() {
  console.log("Installing the build's Node packages (npm ci)");
  // `npm run` puts node_modules/.bin first, where an old npm lies that a dependency brought: it would delete node_modules and fail.
  const path = process.env.PATH.split(delimiter).filter((folder) => !folder.endsWith("node_modules/.bin"));
  const env = { ...process.env, PATH: path.join(delimiter) };
  const { status, signal, error } = spawnSync("npm", ["ci", "--no-fund", "--no-audit"], { cwd: TOP, stdio: "inherit", env });
  if (status !== 0) fail(`npm ci failed (${error?.message ?? signal ?? status}); its own message stands above`);
}

/** An Error that main's caller prints without a stack: the reason is all that the user needs. */
class Failure extends Error {}

function fail(message) {
  throw new Failure(message);
}

try {
  main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`memtrack: ${error.message}`);
  process.exitCode = 1;
}
