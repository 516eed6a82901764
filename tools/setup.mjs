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

/** Debian packages and their purposes, by task. */
const BUILD = {
  trafficserver: "the server that memtrack is loaded into",
  wabt: "wasm2c: the core's Wasm to C",
  "libssl-dev": "headers of the server's OpenSSL",
  "libdw-dev": "elfutils: function names and lines of code addresses",
  "libelf-dev": "elfutils: reads ELF files",
  gcc: "compiles the plugin",
  "g++": "compiles its C++ files",
  "libc6-dev": "headers of the C library",
  make: "runs host/ats/Makefile",
  openssl: "makes the private server's certificate",
};
const NATIVE = {
  ...BUILD,
  clang: "compiles for the sanitizers",
  "libclang-rt-14-dev": "the sanitizers",
  llvm: "function names in the sanitizers' reports",
  "libcmocka-dev": "runs the native tests",
  dwz: "makes debug information shared by several modules",
  valgrind: "counts the hot path's instructions",
};
const ATS = {
  ...BUILD,
  "trafficserver-dev": "ts/ts.h, to compile the test plugins",
  "trafficserver-experimental-plugins": "plugins that are loaded together with memtrack",
  libjemalloc2: "an allocator that some servers use",
  "libtcmalloc-minimal4": "another such allocator",
  "libmimalloc2.0": "another such allocator",
  clang: "finds Scudo",
  "libclang-rt-14-dev": "Scudo, an allocator that checks the sizes it is told",
  elfutils: "eu-addr2line: names for `memtrack symbolize`",
  ...Object.fromEntries(
    [
      ...[
        "libjansson-dev",
        "libcjson-dev",
        "libpcre3-dev",
        "libpcre2-dev",
        "libxml2-dev",
        "libexpat1-dev",
        "zlib1g-dev",
        "libbz2-dev",
      ],
      ...["libzstd-dev", "libbrotli-dev", "liblzma-dev", "liblz4-dev", "libcurl4-openssl-dev", "libsqlite3-dev", "libhiredis-dev"],
      ...["libmaxminddb-dev", "libluajit-5.1-dev", "libyaml-cpp-dev", "libyaml-dev", "libidn2-dev", "libnghttp2-dev"],
    ].map((name) => [name, "a library that plugins use"]),
  ),
  wrk: "HTTP and TLS load with keep-alive",
  "nghttp2-client": "h2load: an exact number of HTTP/1.1 and HTTP/2 requests",
};
const EXPORT = {
  "golang-go": "go tool pprof, which reads the output of `memtrack pprof`",
  "libdevel-nytprof-perl": "flamegraph.pl, which reads the output of `memtrack folded`",
  mrtg: "makes graphs from the output of `memtrack mrtg`",
};
const WEB = { chromium: "opens the page made by `memtrack html`" };

/** Valid arguments. `test` includes all tiers (tools/tiers.ts); `command`, `unit` and `core` need only Node. */
const PARTS = {
  command: {},
  unit: {},
  core: {},
  export: EXPORT,
  web: WEB,
  native: NATIVE,
  ats: ATS,
  long: { ...NATIVE, ...ATS },
  build: BUILD,
  test: { ...NATIVE, ...ATS, ...EXPORT, ...WEB },
  format: { "clang-format": "formats C and C++" },
  check: {
    ...BUILD,
    "libcmocka-dev": "a header for the native tests",
    "clang-format": "formats C and C++",
    "clang-tidy": "finds likely mistakes in C and C++",
  },
  deep: { ...BUILD, clang: "analyzes C and C++", "clang-tools": "scan-build, which runs that for make" },
  bench: {
    ...BUILD,
    "trafficserver-dev": "ts/ts.h, to compile against the server",
    "trafficserver-experimental-plugins": "plugins for the measured server",
    elfutils: "eu-addr2line: names for `memtrack symbolize`",
    wrk: "HTTP and TLS load with keep-alive",
    "nghttp2-client": "h2load: HTTP/2 load",
    valgrind: "counts the hot path's instructions",
    "linux-perf": "samples the network threads",
    "libgoogle-perftools4": "gperftools' heap profiler, for comparison",
    heaptrack: "a heap profiler, for comparison",
  },
};

// Debian's package starts a system server when it is configured (invoke-rc.d and deb-systemd-invoke in its postinst). Both run this file
// first, and its exit code 101 forbids the start.
const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_TEXT =
  "#!/bin/sh\n# Written by memtrack's tools/setup.mjs while it installs trafficserver. Safe to remove.\nexit 101\n";

function main() {
  checkNode();
  const asked = process.argv.slice(2);
  const unknown = asked.find((part) => !Object.hasOwn(PARTS, part));
  if (unknown !== undefined) fail(`setup ${unknown}: unknown part; the parts are: ${Object.keys(PARTS).join(", ")}`);
  const wanted = Object.assign({}, ...asked.map((part) => PARTS[part]));
  const missing = missingPackages(Object.keys(wanted).filter((name) => !isDebianServer(name) || !process.env.MEMTRACK_ATS));
  if (missing.length) installPackages(missing, wanted);
  if (nodeModulesAreOld()) installNodeModules();
}

/** Not needed with the server in the folder MEMTRACK_ATS (harness/server.ts). */
function isDebianServer(name) {
  return name.startsWith("trafficserver");
}

function checkNode() {
  const have = process.versions.node.split(".").map(Number);
  const old = have[0] < NODE_MIN[0] || (have[0] === NODE_MIN[0] && have[1] < NODE_MIN[1]);
  if (old) fail(`Node ${process.versions.node} is too old: memtrack needs Node ${NODE_MIN.join(".")} or newer`);
}

function missingPackages(names) {
  if (!names.length) return [];
  // dpkg-query exits with 1 if it does not know a package, but still prints the packages that it knows.
  const query = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...names], { encoding: "utf8" });
  if (query.error) fail("dpkg-query not found: memtrack is built on Debian 12, or in a container with Debian 12 (README.md)");
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
      console.log("(Debian then starts a system server; to stop it: sudo systemctl disable --now trafficserver)");
    }
    fail(`run this line, then repeat the command:\n  sudo apt-get update && sudo apt-get ${install.join(" ")}`);
  }
  // A Ctrl-C reaches apt-get itself. In this process it must not prevent the removal of the policy file.
  const ignore = () => {};
  process.on("SIGINT", ignore);
  const guarded = missing.includes("trafficserver") && !existsSync(POLICY);
  if (guarded) writeFileSync(POLICY, POLICY_TEXT, { mode: 0o755, flag: "wx" });
  try {
    // Outdated package lists are no reason to stop: apt-get install reports what it cannot find.
    if (apt(["update"]) !== 0) console.error("memtrack: apt-get update failed; continuing with the present package lists");
    const status = apt(install);
    if (status !== 0) fail(`apt-get ${install.join(" ")} failed (${status}); see its message above`);
  } finally {
    if (guarded) rmSync(POLICY, { force: true });
    process.off("SIGINT", ignore);
  }
  if (missing.includes("trafficserver")) {
    console.log(
      "The system's Traffic Server was not started, but its unit is enabled. To disable it: systemctl disable trafficserver",
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
  console.log("Installing the Node packages for the build (npm ci)");
  // `npm run` puts node_modules/.bin first, which contains an old npm from a dependency: it would delete node_modules and fail.
  const path = process.env.PATH.split(delimiter).filter((folder) => !folder.endsWith("node_modules/.bin"));
  const env = { ...process.env, PATH: path.join(delimiter) };
  const { status, signal, error } = spawnSync("npm", ["ci", "--no-fund", "--no-audit"], { cwd: TOP, stdio: "inherit", env });
  if (status !== 0) fail(`npm ci failed (${error?.message ?? signal ?? status}); see its message above`);
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
