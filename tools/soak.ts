// SPDX-License-Identifier: Apache-2.0
//
// `npm run soak`: a real server with memtrack and many plugins, under load, while everything that an operator can do happens at random;
// what memtrack says is compared with independent counts. tests/soak has its parts.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { installedServer, NoServerError } from "../harness/server.ts";
import type { Flatness } from "../tests/soak/judge.ts";
import { soak, type Report } from "../tests/soak/run.ts";
import { SEED } from "../tests/support/random.ts";
import { build, BuildError } from "./build.ts";

const HELP = `npm run soak [-- OPTIONS] [MINUTES]

Runs a real server with memtrack and many plugins for MINUTES (default 10): TLS, HTTP/2, clients that abort, remap reloads, changed
records, rotations, signals and messages, at random. What memtrack says is compared with independent counts. Exit status 1 if
anything differs.

  --seed N      repeats a run
  --json FILE   writes the report to FILE as well
  --without     the same without memtrack, to see whose fault a failure is
  --help        this text

MEMTRACK_ATS=PREFIX in the environment: the Traffic Server that is installed there instead of Debian's.`;

class UsageError extends Error {}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: "string", default: String(SEED) },
      json: { type: "string" },
      without: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const minutes = numberOf("MINUTES", positionals[0] ?? "10");
  const seed = numberOf("--seed", values.seed);
  const server = installedServer();
  build(say);
  say(`seed ${seed}, ${minutes} min, Traffic Server ${server.name}`);
  const report = await soak({ seed, minutes, without: values.without, say });
  if (values.json) writeFileSync(values.json, JSON.stringify(report, null, 2) + "\n");
  console.log(textOf(report));
  process.exitCode = report.failures.length ? 1 : 0;
}

function numberOf(what: string, text: string): number {
  const value = Number(text);
  if (!(value >= 0)) throw new UsageError(`${what} ${text}: not a number`);
  return value;
}

function textOf(report: Report): string {
  const { requests } = report;
  const n = (value: number) => Math.round(value).toLocaleString("en");
  const flat = ({ what, first, last, perHour, allowed, flat }: Flatness) =>
    [
      what.padEnd(12),
      ...[first, last, perHour, allowed].map((value) => n(value).padStart(14)),
      flat === undefined ? "  too short" : flat ? "  yes" : "  NO",
    ].join("");
  const counts = (of: Record<string, number>) =>
    Object.entries(of)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([what, count]) => `  ${n(count).padStart(7)}  ${what}`);
  return [
    "",
    `seed ${report.seed}, ${report.minutes.toFixed(1)} min, ${report.rounds} rounds`,
    `requests: ${n(requests.sent)} sent, ${n(requests.answered)} answered, ${n(requests.aborted)} aborted by the client, ${n(requests.failed)} failed; ` +
      `p50 ${report.latencyMs.p50.toFixed(1)} ms, p99 ${report.latencyMs.p99.toFixed(1)} ms`,
    `handshakes: ${n(report.handshakes)}, of which ${n(report.handshakesCompared)} between two comparisons of every OpenSSL row`,
    `dumps read: ${n(report.dumps)}, of which ${n(report.verified)} in verify mode (${n(report.rowsVerified)} rows, each compared)`,
    `rows compared at quiet points: ${n(report.rowsCompared)}`,
    `connections that clients reset and the server keeps: ${report.quiet.map(({ reset }) => reset).join(" ")}`,
    `limits: ${report.limits}`,
    ...counts(report.acts),
    "warnings and errors in diags.log:",
    ...counts(report.said),
    "",
    `${"at rest".padEnd(12)}${["first quarter", "last quarter", "per hour", "allowed more"].map((head) => head.padStart(14)).join("")}  flat`,
    ...report.flatness.map(flat),
    "",
    report.failures.length
      ? `${n(report.failed)} failures (seed ${report.seed}); the server's files: ${report.folder}`
      : "no failure",
    ...report.failures.map((failure) => `  ${failure}`),
  ].join("\n");
}

function say(line: string): void {
  console.log(`memtrack: ${line}`);
}

try {
  await main();
} catch (error) {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const usage = error instanceof UsageError || code.startsWith("ERR_PARSE_ARGS_");
  if (usage) console.error(`memtrack: ${message.split(". ")[0]}. See npm run soak -- --help`);
  else if (error instanceof NoServerError) console.error(`memtrack: ${message}`);
  else if (error instanceof BuildError) console.error(`memtrack: the build failed: ${message}`);
  else throw error;
  process.exitCode = usage || error instanceof NoServerError ? 2 : 1;
}
