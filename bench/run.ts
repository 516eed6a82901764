// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench`: measures, and says of each figure whether it is within its budget. README.md says what the figures are.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { TOP } from "../tools/build.ts";
import { command } from "./cases/command.ts";
import { events } from "./cases/events.ts";
import { growth } from "./cases/growth.ts";
import { instructions } from "./cases/instructions.ts";
import { pairs } from "./cases/pairs.ts";
import { server } from "./cases/server.ts";
import { share } from "./cases/share.ts";
import { lineOf, type Figure } from "./figure.ts";
import { machine } from "./machine.ts";
import { buildNative, type Run } from "./native.ts";
import { resultsText, type Results } from "./report.ts";

// In the order of their cost, so that the cheap ones speak first.
const COMPARISONS: Record<string, (run: Run) => Promise<Figure[]>> = {
  instructions,
  command,
  events,
  pairs,
  growth,
  "plugins-share": share,
  server,
};
const NAMES = Object.keys(COMPARISONS).join(", ");

const HELP = `npm run bench [-- OPTIONS]

Measures what memtrack costs beside what it replaces, and holds it against the budget. One figure per line; the progress is on
stderr. Takes less than 10 minutes.

  --quick       fewer rounds and fewer cases, less than a minute; for a first look
  --only NAME   one comparison; may be given more than once: ${NAMES}
  --rounds N    rounds of each comparison (default 10, with --quick 3)
  --json FILE   writes the figures and the machine's description to FILE
  --save        writes bench/RESULTS.md; neither with --quick nor with --only
  --help        this text`;

class UsageError extends Error {}

async function main(): Promise<void> {
  const options = parse();
  if (options.help) return console.log(HELP);
  const { quick, only, rounds, json, save } = options;
  const began = performance.now();
  const run: Run = { quick, rounds, progress: (text) => progress(text, began) };
  run.progress("building bench/native");
  buildNative();
  const figures: Figure[] = [];
  for (const name of only) {
    const measured = await COMPARISONS[name]!(run);
    clearProgress();
    for (const figure of measured) console.log(lineOf(figure));
    figures.push(...measured);
  }
  const seconds = (performance.now() - began) / 1000;
  const results: Results = { date: new Date().toISOString(), quick, seconds, machine: machine(), figures };
  if (json) writeFileSync(json, JSON.stringify(results, null, 2) + "\n");
  if (save) writeFileSync(join(TOP, "bench", "RESULTS.md"), resultsText(results));
  const over = figures.filter((figure) => figure.verdict === "over").length;
  const judged = figures.filter((figure) => figure.verdict).length;
  console.error(`memtrack: ${judged - over} of ${judged} judged figures are within their budget; ${Math.round(seconds)} seconds`);
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
  // Now, not after ten minutes.
  if (json !== undefined) {
    try {
      writeFileSync(json, "");
    } catch (error) {
      throw new UsageError(`--json: ${(error as Error).message}`);
    }
  }
  return { ...values, only: Object.keys(COMPARISONS).filter((name) => only.includes(name)), rounds };
}

// On a terminal one line that changes; elsewhere a line now and then.
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
