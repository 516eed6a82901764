// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench`: measures, and reports for each figure whether it is within its budget. README.md explains the figures.

import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { TOP } from "../tools/build.ts";
import { command } from "./cases/command.ts";
import { events } from "./cases/events.ts";
import { growth } from "./cases/growth.ts";
import { instructions } from "./cases/instructions.ts";
import { pairs } from "./cases/pairs.ts";
import { pauses } from "./cases/pauses.ts";
import { search } from "./cases/search.ts";
import { searching } from "./cases/searching.ts";
import { server } from "./cases/server.ts";
import { share } from "./cases/share.ts";
import { measure, type Comparisons, type Measured } from "./comparisons.ts";
import { lineOf } from "./figure.ts";
import { machine } from "./machine.ts";
import { buildNative, type Run } from "./native.ts";
import { resultsText, type Results } from "./report.ts";

// Sorted by duration, so that the first results appear early.
const COMPARISONS: Comparisons = {
  instructions,
  command,
  events,
  pairs,
  search,
  pauses,
  growth,
  "plugins-share": share,
  searching,
  server,
};
const NAMES = Object.keys(COMPARISONS).join(", ");

const HELP = `npm run bench [-- OPTIONS]

Measures what memtrack costs beside what it replaces, and holds it against the budget. One figure per line; the progress is on
stderr. Takes less than 10 minutes. A comparison that fails is left out, which is said; the others go on, and the exit status is 1.

  --quick       fewer rounds and fewer cases, less than a minute; for a first look
  --only NAME   one comparison; may be given more than once: ${NAMES}
  --rounds N    rounds of each comparison (default 10, with --quick 3)
  --json FILE   writes the figures and the machine's description to FILE, anew after each comparison
  --save        writes bench/RESULTS.md if nothing was left out; neither with --quick nor with --only
  --help        this text`;

class UsageError extends Error {}

async function main(): Promise<void> {
  const options = parse();
  if (options.help) return console.log(HELP);
  const { quick, only, rounds, json, save } = options;
  const began = performance.now();
  const run: Omit<Run, "leaveOut"> = { quick, rounds, progress: (text) => progress(text, began) };
  run.progress("building bench/native");
  buildNative();
  const { figures, leftOut } = await measure(COMPARISONS, only, run, (all, own) => {
    clearProgress();
    for (const figure of own.figures) console.log(lineOf(figure));
    for (const { what, reason } of own.leftOut) console.error(`memtrack: ${what} is left out: ${reason}`);
    if (json) writeFileSync(json, JSON.stringify(resultsOf(all, quick, began), null, 2) + "\n");
  });
  if (save && leftOut.length) console.error("memtrack: bench/RESULTS.md stays as it is: it has figures of a whole run only");
  else if (save) writeFileSync(join(TOP, "bench", "RESULTS.md"), resultsText(resultsOf({ figures, leftOut }, quick, began)));
  const over = figures.filter((figure) => figure.verdict === "over").length;
  const judged = figures.filter((figure) => figure.verdict).length;
  const seconds = Math.round((performance.now() - began) / 1000);
  console.error(`memtrack: ${judged - over} of ${judged} judged figures are within their budget; ${seconds} seconds`);
  if (!leftOut.length) return;
  console.error(`memtrack: left out, for the reasons above: ${leftOut.map(({ what }) => what).join(", ")}`);
  process.exitCode = 1;
}

function resultsOf(measured: Measured, quick: boolean, began: number): Results {
  const seconds = (performance.now() - began) / 1000;
  return { date: new Date().toISOString(), quick, seconds, machine: machine(), ...measured };
}

function parse() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true },
      rounds: { type: "string" },
      json: { type: "string" },
      save: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { quick, only = Object.keys(COMPARISONS), save, json } = values;
  const unknown = only.find((name) => !Object.hasOwn(COMPARISONS, name));
  if (unknown !== undefined) throw new UsageError(`--only ${unknown}: there is no such comparison, these are: ${NAMES}`);
  if (save && (quick || values.only)) throw new UsageError("--save is for a full run: it goes with neither --quick nor --only");
  const rounds = Number(values.rounds ?? (quick ? 3 : 10));
  if (!Number.isInteger(rounds) || rounds < 1) throw new UsageError(`--rounds ${values.rounds}: not a whole number above 0`);
  // Checks now, not after ten minutes, that the file can be written. Its content stays until there are new results.
  if (json !== undefined) {
    try {
      closeSync(openSync(json, "a"));
    } catch (error) {
      throw new UsageError(`--json: ${(error as Error).message}`);
    }
  }
  return { ...values, only: Object.keys(COMPARISONS).filter((name) => only.includes(name)), rounds };
}

// Minimum interval between progress lines if standard error is no terminal; a terminal shows one line that changes.
const LINE_EVERY_MS = 10_000;
let lastLine = -Infinity;

function progress(text: string, began: number): void {
  const now = performance.now();
  const line = `[${((now - began) / 1000).toFixed(0)} s] ${text}`;
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
  else if (now - lastLine >= LINE_EVERY_MS) {
    console.error(line);
    lastLine = now;
  }
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
}

try {
  await main();
} catch (error) {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const usage = error instanceof UsageError || code.startsWith("ERR_PARSE_ARGS_");
  clearProgress();
  if (usage) console.error(`memtrack: ${message.split(". ")[0]}. See npm run bench -- --help`);
  else console.error(error);
  process.exitCode = usage ? 2 : 1;
}
