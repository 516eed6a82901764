// SPDX-License-Identifier: Apache-2.0
//
// The memtrack command: its arguments, and which part does what they ask for. run() gets all it touches and returns the exit code:
//
//   0  done           1  --fail-on found what it names, or a failure that is ours (with its stack)          2  a usage error
//
// A usage error is whatever its user can put right: it prints one line.

import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import yargs, { type ArgumentsCamelCase, type Argv } from "yargs";
import { printable } from "../shared/printable.ts";
import { progressBar } from "./commands/progress.ts";
import { doctor, renderFindings } from "./doctor/doctor.ts";
import { NoDump, UsageError } from "./errors.ts";
import { folded, FOLDED_VALUES } from "./export/folded.ts";
import { mrtgConfig, mrtgLines } from "./export/mrtg.ts";
import { pprof } from "./export/pprof.ts";
import { VERSION } from "./package.ts";
import { mismatch, requireMatch, type Filter } from "./read/filter.ts";
import { STDIN, type Progress } from "./read/input.ts";
import { parseSpec, selectDump } from "./read/select.ts";
import { CORE, Sites } from "./read/sites.ts";
import type { Snapshot } from "./read/snapshot.ts";
import { follow, Screen } from "./read/watch.ts";
import { diff } from "./report/diff.ts";
import { Reader, readFiles, type ReadOptions } from "./report/reader.ts";
import { renderDiff } from "./report/render-diff.ts";
import { renderHtml } from "./report/render-html.ts";
import { toJson } from "./report/render-json.ts";
import { renderReport } from "./report/render-table.ts";
import type { Report } from "./report/report.ts";
import type { RenderOptions } from "./report/table.ts";

/** A stream to write to, and what is known of a terminal at its end. */
export interface Output {
  write(chunk: string | Uint8Array, done?: (error?: Error | null) => void): boolean;
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

/** Standard input: a terminal's keys can be read one by one. */
export type Input = Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };

export interface Io {
  argv: readonly string[];
  stdin: Input;
  stdout: Output;
  stderr: Output;
  env: NodeJS.ProcessEnv;
  /** Ends what goes on until it is ended. */
  signal?: AbortSignal;
}

const EXAMPLE = "/var/log/trafficserver/traffic.out";

export async function run(io: Io): Promise<number> {
  let code = 0;
  try {
    const parser = commands(io, (result) => (code = result));
    // What yargs prints (help, version, completion) comes by the callback; all else is written by the commands.
    let said = "";
    await parser.parseAsync([...io.argv], {}, (_error, _argv, output) => void (said = output));
    if (said) await write(io.stdout, `${said}\n`);
    return code;
  } catch (error) {
    if (error instanceof UsageError) {
      await write(io.stderr, `memtrack: ${printable(error.message)}\n`);
      return 2;
    }
    // A reader that has gone (memtrack report | head) has had enough.
    if ((error as NodeJS.ErrnoException).code === "EPIPE") return code;
    await write(io.stderr, `memtrack: ${(error as Error).stack ?? error}\n`).catch(() => {});
    return 1;
  }
}

function commands(io: Io, finish: (code: number) => void): Argv {
  const columns = io.stdout.isTTY ? (io.stdout.columns ?? 80) : 100;
  return yargs()
    .scriptName("memtrack")
    .locale("en")
    .usage("$0 COMMAND\n\nSays from traffic.out which plugin and which call site keep memory.")
    .command(reportCommand(io, finish))
    .command(diffCommand(io))
    .command(htmlCommand(io))
    .command(mrtgCommand(io))
    .command(pprofCommand(io))
    .command(foldedCommand(io))
    .command(watchCommand(io))
    .command(doctorCommand(io, finish))
    .completion("completion", "print a script for the completion of bash and zsh")
    .example("$0 report traffic.out", "what grew, who is suspect, who owns the memory")
    .example("$0 html traffic.out -o report.html", "the same as a page with graphs")
    .example("$0 doctor", "what is in the way on this server")
    .epilogue("Exit codes: 0 done, 1 when --fail-on finds what it names, 2 for a wrong argument.")
    .demandCommand(1, "which command? memtrack --help lists them")
    .strict()
    .recommendCommands()
    .version(VERSION)
    .help()
    .alias("help", "h")
    .wrap(Math.min(columns, 110))
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new UsageError(`${message.split("\n").join("; ").replace(/\.$/, "")} (memtrack --help says more)`);
    }) as Argv;
}

const FILTERS = {
  site: { type: "string", requiresArg: true, describe: "only sites with this in their location" },
  owner: { type: "string", requiresArg: true, describe: `only this owner: a plugin, or ${CORE}` },
} as const;

const WINDOW = {
  since: { type: "string", requiresArg: true, describe: "only dumps from this time on (2026-11-22T16:00, UTC)" },
  until: { type: "string", requiresArg: true, describe: "only dumps up to this time" },
  run: { type: "number", requiresArg: true, describe: "this run of the server, where the file has several (default: the last)" },
  interval: { type: "number", requiresArg: true, describe: "seconds between dumps that say no time (the built-in tracker's)" },
} as const;

// Without a type, so that what is no number can be named: of a number yargs makes NaN.
const TOP = { requiresArg: true, default: 20, describe: "rows of each table; 0 for all" } as const;
const JSON_OPTION = { type: "boolean", default: false, describe: "as JSON, with all rows and exact numbers" } as const;
const OUTPUT = { alias: "o", type: "string", requiresArg: true, describe: "the file to write; - for standard output" } as const;
const FAIL_ON = { choices: ["leak"] as const, describe: "exit with 1 where there is a suspect" } as const;

const DUMP = "a file; FILE#3 is its dump 3, FILE#-2 the last but one, FILE alone the last";

interface Command<Options> {
  command: string;
  describe: string;
  builder(parser: Argv): Argv<Options>;
  handler(args: ArgumentsCamelCase<Options>): Promise<void>;
}

/** Ties a handler's arguments to the options that its builder declares. */
function command<Options>(entry: Command<Options>): Parameters<Argv["command"]>[0] & object {
  return entry as unknown as Parameters<Argv["command"]>[0] & object;
}

function reportCommand(io: Io, finish: (code: number) => void) {
  return command({
    command: "report [files..]",
    describe: "what grew, suspects, owners",
    builder: (parser) =>
      parser
        .positional("files", {
          type: "string",
          array: true,
          default: [] as string[],
          describe: "traffic.out, its rotated pieces, .gz too; - or none for standard input",
        })
        .options({ json: JSON_OPTION, ...WINDOW, ...FILTERS, top: TOP, "fail-on": FAIL_ON })
        .example("$0 report traffic.out", "the last run of the server in the file")
        .example("$0 report traffic.out.1.gz traffic.out", "rotated pieces are one file")
        .example("$0 report --owner foo.so --json traffic.out", "all rows of a plugin, for a program")
        .example("$0 report --fail-on leak traffic.out", "for a scheduled job: exits with 1 on a suspect"),
    handler: async (args) => {
      const shape = look(io, top(args.top));
      const { report } = await read(io, filesOr(io, args.files), args);
      const text = args.json ? toJson(report) : renderReport(report, shape);
      await write(io.stdout, text);
      if (args.failOn === "leak" && report.suspects.length) finish(1);
    },
  });
}

function diffCommand(io: Io) {
  return command({
    command: "diff <a> <b>",
    describe: "what changed between two dumps",
    builder: (parser) =>
      parser
        .positional("a", { type: "string", demandOption: true, describe: DUMP })
        .positional("b", { type: "string", demandOption: true, describe: "likewise; #5 alone is of the same file" })
        .options({
          json: JSON_OPTION,
          ...FILTERS,
          top: { ...TOP, default: 0 },
          all: { type: "boolean", default: false, describe: "also sites that allocated and released the same" },
        })
        .example("$0 diff monday.out tuesday.out", "the last dumps of two files")
        .example("$0 diff traffic.out#1 '#24'", "two dumps of one file"),
    handler: async (args) => {
      const sites = new Sites();
      const shape = look(io, top(args.top));
      const spec = args.b.startsWith("#") ? `${parseSpec(args.a).file}${args.b}` : args.b;
      if ([args.a, spec].every((name) => parseSpec(name).file === STDIN)) {
        throw new UsageError("standard input can be read once: name a file for one of the two");
      }
      const a = await withProgress(io, (progress) => selectDump(args.a, sites, io.stdin, progress));
      const b = await withProgress(io, (progress) => selectDump(spec, sites, io.stdin, progress));
      requireMatch(sites, args);
      const difference = diff(sites, a, b, args);
      if (!args.all && !args.json) difference.rows = difference.rows.filter((row) => row.change !== 0);
      const text = args.json ? toJson(difference) : renderDiff(difference, shape);
      await write(io.stdout, text);
    },
  });
}

function htmlCommand(io: Io) {
  return command({
    command: "html [files..]",
    describe: "one page with graphs and tables, which needs no network",
    builder: (parser) =>
      parser
        .positional("files", { type: "string", array: true, default: [] as string[], describe: "as for report" })
        .options({ output: { ...OUTPUT, demandOption: true }, ...WINDOW, ...FILTERS })
        .example("$0 html traffic.out -o report.html", "then open report.html, or send it to someone"),
    handler: async (args) => {
      const { reader, run, report } = await read(io, filesOr(io, args.files), args);
      await save(io, args.output, renderHtml(report, reader.sites, run));
    },
  });
}

function mrtgCommand(io: Io) {
  return command({
    command: "mrtg [file]",
    describe: "MRTG's four lines, or an mrtg.cfg that asks for them",
    builder: (parser) =>
      parser
        .positional("file", { type: "string", describe: DUMP })
        .options({
          ...FILTERS,
          total: { type: "boolean", describe: "of everything (the default)" },
          config: { type: "boolean", default: false, describe: "print a working mrtg.cfg, with a graph of each owner in FILE" },
          workdir: { type: "string", requiresArg: true, default: "/var/www/mrtg", describe: "where MRTG is to write" },
          command: { type: "string", requiresArg: true, default: "memtrack", describe: "how MRTG is to call this command" },
        })
        .conflicts("owner", ["site", "total"])
        .conflicts("site", "total")
        .example("$0 mrtg traffic.out --owner foo.so", "bytes in use: IOBuffers, and elsewhere")
        .example(`$0 mrtg ${EXAMPLE} --config > mrtg.cfg`, "then env LANG=C mrtg mrtg.cfg, every 5 minutes"),
    handler: async (args) => {
      const sites = new Sites();
      const file = args.file ?? (args.config ? EXAMPLE : missing("mrtg"));
      const selected = args.file === undefined ? undefined : await selectDump(file, sites, io.stdin).catch(noneYet);
      if (!args.config) {
        // MRTG must get its lines in any case.
        const wrong = selected && mismatch(sites, args);
        if (wrong) await write(io.stderr, `memtrack: ${printable(wrong)}\n`);
        return write(io.stdout, mrtgLines(sites, wrong ? undefined : selected?.dump, args));
      }
      const owners = new Set(selected ? [...sites].map((site) => site.owner) : []);
      const traffic = parseSpec(file).file;
      if (traffic === STDIN) throw new UsageError(`MRTG reads a file again and again: memtrack mrtg ${EXAMPLE} --config`);
      // Cron runs MRTG in another folder.
      const [path, workDir] = [resolve(traffic), resolve(args.workdir)];
      const config = { file: path, workDir, command: args.command, owners: [...owners].sort() };
      await write(io.stdout, mrtgConfig(config));
    },
  });
}

/** A server that has not written a dump yet is no error to a program that looks every five minutes. */
function noneYet(error: unknown): undefined {
  if (!(error instanceof NoDump)) throw error;
}

/** The dump that a profile is made of. */
async function oneDump(io: Io, file: string, filter: Filter): Promise<{ sites: Sites; dump: Snapshot }> {
  const sites = new Sites();
  const { dump } = await withProgress(io, (progress) => selectDump(file, sites, io.stdin, progress));
  requireMatch(sites, filter);
  return { sites, dump };
}

function pprofCommand(io: Io) {
  return command({
    command: "pprof <file>",
    describe: "a dump as a heap profile for go tool pprof and its kin",
    builder: (parser) =>
      parser
        .positional("file", { type: "string", demandOption: true, describe: DUMP })
        .options({ output: { ...OUTPUT, demandOption: true }, ...FILTERS })
        .example("$0 pprof traffic.out -o heap.pb.gz", "then go tool pprof -top heap.pb.gz")
        .example("$0 pprof traffic.out#1 -o first.pb.gz", "then go tool pprof -top -diff_base first.pb.gz heap.pb.gz"),
    handler: async (args) => {
      const { sites, dump } = await oneDump(io, args.file, args);
      await save(io, args.output, pprof(sites, dump, args));
    },
  });
}

function foldedCommand(io: Io) {
  return command({
    command: "folded <file>",
    describe: "a dump as folded stacks for flame graphs",
    builder: (parser) =>
      parser
        .positional("file", { type: "string", demandOption: true, describe: DUMP })
        .options({
          value: { choices: FOLDED_VALUES, default: FOLDED_VALUES[0], describe: "what a frame's width is to be" },
          ...FILTERS,
        })
        .example("$0 folded traffic.out | flamegraph.pl --countname bytes > heap.svg", "owner, class, site"),
    handler: async (args) => {
      const { sites, dump } = await oneDump(io, args.file, args);
      await write(io.stdout, folded(sites, dump, args, args.value));
    },
  });
}

function watchCommand(io: Io) {
  return command({
    command: "watch <file>",
    describe: "follow the file through rotation, and redraw the report; q quits",
    builder: (parser) =>
      parser
        .positional("file", { type: "string", demandOption: true, describe: "traffic.out; it may not be there yet" })
        .options({
          count: { requiresArg: true, describe: "end after so many dumps" },
          ...FILTERS,
          interval: WINDOW.interval,
        })
        .example(`$0 watch ${EXAMPLE}`, "on a terminal redraws, into a pipe prints each report")
        .example(`$0 watch --owner foo.so ${EXAMPLE}`, "a plugin's rows"),
    handler: (args) => watch(io, args.file, { ...args, count: dumpCount(args.count) }),
  });
}

async function watch(io: Io, file: string, options: ReadOptions & { count?: number | undefined }): Promise<void> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  io.signal?.addEventListener("abort", end);
  if (io.signal?.aborted) end();
  const interactive = Boolean(io.stdout.isTTY);
  const screen = interactive ? new Screen((text) => io.stdout.write(text)) : undefined;
  const keys = (key: Buffer): void => void (/[q\x03\x04]/.test(key.toString("latin1")) && end());
  if (interactive && io.stdin.isTTY) {
    io.stdin.setRawMode?.(true);
    io.stdin.on("data", keys);
  }
  const reader = new Reader([file], options);
  let seen = 0;
  let drawn = "";
  try {
    for await (const chunk of follow(file, ending.signal)) {
      if (chunk) {
        reader.parser.push(chunk);
        continue;
      }
      reader.parser.idle();
      const { dumps } = reader.parser.counts;
      const run = reader.run;
      const size = `${io.stdout.columns}x${io.stdout.rows} ${dumps}`;
      if (screen && size !== drawn)
        screen.draw(
          run ? screenLines(io, reader.report(run)) : [`waiting for a dump in ${printable(file)}; q quits`],
          io.stdout.rows ?? 24,
        );
      else if (!screen && run && dumps > seen) await write(io.stdout, `${renderReport(reader.report(run), look(io, 20))}\n`);
      drawn = size;
      seen = dumps;
      if (options.count !== undefined && seen >= options.count) break;
    }
  } finally {
    screen?.close();
    if (interactive && io.stdin.isTTY) {
      io.stdin.off("data", keys);
      io.stdin.setRawMode?.(false);
      io.stdin.pause();
    }
  }
}

/** Both tables cut so that they fit; the owners are few. */
function screenLines(io: Io, report: Report): string[] {
  const rows = io.stdout.rows ?? 24;
  const owners = Math.min(report.owners.length, Math.max(3, Math.floor(rows / 4)));
  const fixed = 12 + report.warnings.length + 2 * report.suspects.length;
  const top = Math.max(3, rows - fixed - owners);
  return renderReport(report, look(io, top)).split("\n").slice(0, -1);
}

function doctorCommand(io: Io, finish: (code: number) => void) {
  return command({
    command: "doctor",
    describe: "look at an installation, and say what to change",
    builder: (parser) =>
      parser
        .options({
          "run-root": { type: "string", requiresArg: true, describe: "the server's runroot.yaml, where it has one" },
          config: { type: "string", requiresArg: true, describe: "the folder of plugin.config and records.config" },
          log: { type: "string", requiresArg: true, describe: "traffic.out" },
          plugins: { type: "string", requiresArg: true, describe: "the folder of memtrack.so" },
          json: JSON_OPTION,
          "fail-on": { choices: ["problem"] as const, describe: "exit with 1 where there is a problem" },
        })
        .example("$0 doctor", "the system's Traffic Server, by traffic_layout")
        .example("$0 doctor --config /opt/ats/etc --log /opt/ats/log/traffic.out", "one that is elsewhere"),
    handler: async (args) => {
      const findings = await doctor(args, io.env);
      await write(io.stdout, args.json ? toJson(findings) : renderFindings(findings, look(io, 0).colour));
      if (args.failOn === "problem" && findings.some(({ state }) => state === "problem")) finish(1);
    },
  });
}

async function read(
  io: Io,
  files: string[],
  args: {
    since?: string | undefined;
    until?: string | undefined;
    run?: number | undefined;
    interval?: number | undefined;
    site?: string | undefined;
    owner?: string | undefined;
  },
) {
  const { site, owner, run, interval } = args;
  if (run !== undefined && (!Number.isInteger(run) || run < 1)) throw new UsageError(`--run is ${run}: runs are counted from 1`);
  if (interval !== undefined && !(interval > 0)) throw new UsageError(`--interval is ${interval}: seconds, more than 0`);
  const options = { site, owner, run, interval, since: moment("since", args.since), until: moment("until", args.until) };
  return withProgress(io, (progress) => readFiles(files, options, io.stdin, progress));
}

async function withProgress<T>(io: Io, body: (progress: Progress) => Promise<T>): Promise<T> {
  const bar = progressBar(io.stderr);
  try {
    return await body(bar.step);
  } finally {
    bar.done();
  }
}

/** Seconds since 1970. A time without a zone is UTC, as the dumps' times are. */
function moment(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/i.test(text) || !/T|\d \d/.test(text) ? text : `${text}Z`;
  const value = Date.parse(zoned.replace(" ", "T"));
  if (Number.isNaN(value) || !/^\d{4}-\d\d/.test(text)) {
    throw new UsageError(`--${name} is "${text}": write it as 2026-11-22 or 2026-11-22T16:00:00`);
  }
  return value / 1000;
}

function dumpCount(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (!Number.isInteger(value) || (value as number) < 1) {
    throw new UsageError(`--count is ${String(value)}: a number of dumps, 1 or more`);
  }
  return value as number;
}

function top(value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 0) {
    throw new UsageError(`--top is ${String(value)}: a number of rows, or 0 for all`);
  }
  return value as number;
}

function filesOr(io: Io, files: string[]): string[] {
  // yargs makes an empty text of a lone dash.
  if (files.length) return files.map((file) => file || STDIN);
  if (io.stdin.isTTY) throw new UsageError(`which file? Name a traffic.out (usually ${EXAMPLE}), or send one to standard input`);
  return [STDIN];
}

function missing(name: string): never {
  throw new UsageError(`which file? memtrack ${name} ${EXAMPLE}`);
}

function look(io: Io, top: number): RenderOptions {
  const { stdout, env } = io;
  const colour = Boolean(stdout.isTTY) && !env.NO_COLOR && env.TERM !== "dumb";
  const columns = stdout.isTTY ? (stdout.columns ?? 80) : Number(env.COLUMNS) || Infinity;
  return { columns, colour, top };
}

async function save(io: Io, path: string, content: string | Uint8Array): Promise<void> {
  if (path === STDIN) return write(io.stdout, content);
  try {
    await writeFile(path, content);
  } catch (error) {
    throw new UsageError(`${path} cannot be written: ${(error as Error).message}`);
  }
}

function write(output: Output, content: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => output.write(content, (error) => (error ? reject(error) : resolve())));
}
