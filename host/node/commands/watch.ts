// SPDX-License-Identifier: Apache-2.0
//
// `memtrack watch`: reads a file as it grows, and shows each new state of the report: on a terminal it replaces the previous one, into a
// pipe it follows it. The dumps that the file already contains are read first, and are part of the report.

import { printable } from "../../shared/printable.ts";
import type { Filter } from "../read/filter.ts";
import { follow, followPipe } from "../read/follow.ts";
import { STDIN } from "../read/input.ts";
import { nothingRead, shownName, unreadableIn } from "../read/nothing.ts";
import { Reader } from "../report/reader.ts";
import { renderReport } from "../report/render-table.ts";
import type { RenderOptions } from "../report/table.ts";
import { renderTrend } from "../report/trend.ts";
import { write, type Io } from "./io.ts";
import { command, EXAMPLE, FILTERS, filesOr, LAYOUT, layoutOf, parseCount, TOP, WINDOW, type AnyCommand } from "./options.ts";
import { Screen } from "./screen.ts";

export function watchCommand(io: Io): AnyCommand {
  return command({
    command: "watch [file]",
    describe: "follow the file through rotation, and redraw the report; q quits, p pauses",
    builder: (parser) =>
      parser
        .positional("file", { type: "string", describe: "traffic.out, which may not be there yet; - or none for standard input" })
        .options({
          count: { requiresArg: true, describe: "end after so many dumps" },
          ...FILTERS,
          top: { ...TOP, default: undefined, describe: "rows of each table; 0 for all (default: as many as fit; 20 into a pipe)" },
          ...LAYOUT,
          interval: WINDOW.interval,
        })
        .example(`$0 watch ${EXAMPLE}`, "on a terminal redraws, into a pipe prints each report")
        .example("journalctl -u trafficserver -f | $0 watch", "what the server writes to the journal")
        .example(`$0 watch --owner foo.so ${EXAMPLE}`, "a plugin's rows"),
    handler: (args) => {
      const count = args.count === undefined ? Infinity : parseCount("count", args.count, 1, "a number of dumps, 1 or more");
      const { site, owner, interval } = args;
      const layout = (top: number): RenderOptions => layoutOf(io, { ...args, top: args.top ?? top });
      layout(0); // reports a wrong option before waiting for the file
      return watch(io, filesOr(io, args.file ? [args.file] : [])[0]!, count, { site, owner, interval }, layout);
    },
  });
}

type Options = Filter & { interval?: number | undefined };
/** The layout with this number of rows per table, unless the user asked for another one. */
type Layout = (top: number) => RenderOptions;

/** Shows the reports. */
interface View {
  show(reader: Reader, dumps: number): Promise<void>;
  close(): void;
}

async function watch(io: Io, file: string, count: number, options: Options, layout: Layout): Promise<void> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  io.signal?.addEventListener("abort", end);
  if (io.signal?.aborted) end();
  const reader = new Reader([file], options);
  const text = (rows: RenderOptions): string => {
    const run = reader.run!;
    return renderReport(reader.report(run), rows, renderTrend(run.data!.points, reader.sites, options));
  };
  const view = io.stdout.isTTY ? terminalView(io, file, end, text, layout) : pipeView(io, file, text, layout);
  try {
    const { streams } = reader;
    streams.begin(file);
    const chunks = file === STDIN ? followPipe(io.stdin, ending.signal) : follow(file, ending.signal);
    for await (const chunk of chunks) {
      if (chunk) {
        streams.push(chunk);
        continue;
      }
      streams.idle();
      const { dumps } = streams.counts;
      await view.show(reader, dumps);
      if (dumps >= count) return;
    }
    if (ending.signal.aborted) return;
    // The pipe has ended.
    streams.end();
    reader.runs.end();
    if (!reader.run) throw nothingRead(streams.sources);
    if (!io.stdout.isTTY) await view.show(reader, streams.counts.dumps);
  } finally {
    view.close();
  }
  // Closing the screen removed the last report from the terminal, so it is printed once more.
  if (io.stdout.isTTY) await pipeView(io, file, text, layout).show(reader, reader.streams.counts.dumps);
}

function waitingFor(file: string): string {
  return `waiting for a dump in ${shownName(file)}`;
}

/** Prints one report after the other; standard error says if there is no dump yet. */
function pipeView(io: Io, file: string, text: (rows: RenderOptions) => string, layout: Layout): View {
  let shown = 0;
  let said: string | undefined;
  return {
    async show({ run, streams }, dumps) {
      const none = run ? undefined : (unreadableIn(streams.sources) ?? waitingFor(file));
      if (none !== undefined && none !== said) await write(io.stderr, `memtrack: ${printable(none)}\n`);
      said = none;
      if (run && dumps > shown) await write(io.stdout, `${text(layout(TOP.default))}\n`);
      shown = dumps;
    },
    close() {},
  };
}

/** Replaces the report by the next one, in the current size of the terminal. */
function terminalView(io: Io, file: string, quit: () => void, text: (rows: RenderOptions) => string, layout: Layout): View {
  let paused = false;
  const screen = new Screen(io, { q: quit, p: () => void (paused = !paused) });
  let drawn = "";
  return {
    async show({ run, streams }, dumps) {
      const state = `${io.stdout.columns}x${io.stdout.rows} ${dumps}`;
      if (paused || state === drawn) return;
      const lines = (top: number): string[] =>
        text({ ...layout(top), brief: true })
          .split("\n")
          .slice(0, -1);
      const none = [`${waitingFor(file)}; q quits`, unreadableIn(streams.sources)].filter((line) => line !== undefined);
      screen.draw(run ? fitting(lines, screen.rows) : none.map(printable));
      drawn = state;
    },
    close: () => screen.close(),
  };
}

const TOP_MIN = 2;

/** The most rows per table with which the report fits the screen. */
function fitting(lines: (top: number) => string[], rows: number): string[] {
  let [low, high] = [TOP_MIN, Math.max(TOP_MIN, rows)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (lines(middle).length <= rows) low = middle;
    else high = middle - 1;
  }
  return lines(low);
}
