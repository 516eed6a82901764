// SPDX-License-Identifier: Apache-2.0
//
// `memtrack watch`: reads a file as it grows, and shows each new state of the report, on a terminal in its place, into a pipe one
// after another.

import { printable } from "../../shared/printable.ts";
import type { Filter } from "../read/filter.ts";
import { follow, followPipe } from "../read/follow.ts";
import { STDIN } from "../read/input.ts";
import { nothingRead, shownName, unreadableIn } from "../read/nothing.ts";
import { Reader } from "../report/reader.ts";
import { renderReport } from "../report/render-table.ts";
import type { Report } from "../report/report.ts";
import { renderOptions, write, type Io } from "./io.ts";
import { command, EXAMPLE, FILTERS, filesOr, parseCount, TOP, WINDOW, type AnyCommand } from "./options.ts";
import { Screen } from "./screen.ts";

export function watchCommand(io: Io): AnyCommand {
  return command({
    command: "watch [file]",
    describe: "follow the file through rotation, and redraw the report; q quits",
    builder: (parser) =>
      parser
        .positional("file", { type: "string", describe: "traffic.out, which may not be there yet; - or none for standard input" })
        .options({
          count: { requiresArg: true, describe: "end after so many dumps" },
          ...FILTERS,
          interval: WINDOW.interval,
        })
        .example(`$0 watch ${EXAMPLE}`, "on a terminal redraws, into a pipe prints each report")
        .example("journalctl -u trafficserver -f | $0 watch", "what the server writes to the journal")
        .example(`$0 watch --owner foo.so ${EXAMPLE}`, "a plugin's rows"),
    handler: (args) => {
      const count = args.count === undefined ? Infinity : parseCount("count", args.count, 1, "a number of dumps, 1 or more");
      return watch(io, filesOr(io, args.file ? [args.file] : [])[0]!, count, args);
    },
  });
}

/** Shows what has been read, where there is something new to show. */
interface View {
  show(reader: Reader, dumps: number): Promise<void>;
  close(): void;
}

async function watch(io: Io, file: string, count: number, options: Filter & { interval?: number | undefined }): Promise<void> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  io.signal?.addEventListener("abort", end);
  if (io.signal?.aborted) end();
  const { site, owner, interval } = options;
  const reader = new Reader([file], { site, owner, interval });
  const view = io.stdout.isTTY ? terminalView(io, file, end) : pipeView(io);
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
    // A pipe has ended.
    streams.end();
    reader.runs.end();
    if (!reader.run) throw nothingRead(streams.sources);
    if (!io.stdout.isTTY) await view.show(reader, streams.counts.dumps);
  } finally {
    view.close();
  }
  // The screen is gone, and what was on it.
  if (io.stdout.isTTY) await pipeView(io).show(reader, reader.streams.counts.dumps);
}

/** Each report after the one before. */
function pipeView(io: Io): View {
  let shown = 0;
  let said: string | undefined;
  return {
    async show(reader, dumps) {
      const { run } = reader;
      const unread = run ? undefined : unreadableIn(reader.streams.sources);
      if (unread !== said) await write(io.stderr, `memtrack: ${printable((said = unread) ?? "")}\n`);
      if (run && dumps > shown) await write(io.stdout, `${renderReport(reader.report(run), renderOptions(io, TOP.default))}\n`);
      shown = dumps;
    },
    close() {},
  };
}

/** The report in place of the one before, as large as the terminal is now. */
function terminalView(io: Io, file: string, quit: () => void): View {
  const screen = new Screen(io, quit);
  let drawn = "";
  return {
    async show(reader, dumps) {
      const { run } = reader;
      const state = `${io.stdout.columns}x${io.stdout.rows} ${dumps}`;
      if (state === drawn) return;
      const waiting = `waiting for a dump in ${shownName(file)}; q quits`;
      const unread = unreadableIn(reader.streams.sources);
      const none = unread === undefined ? [waiting] : [waiting, unread];
      screen.draw(run ? screenLines(io, reader.report(run), screen.rows) : none.map(printable));
      drawn = state;
    },
    close: () => screen.close(),
  };
}

/** Both tables cut so that they fit; the owners are few. */
function screenLines(io: Io, report: Report, rows: number): string[] {
  const owners = Math.min(report.owners.length, Math.max(3, Math.floor(rows / 4)));
  const fixed = 12 + report.warnings.length + 2 * report.suspects.length;
  const top = Math.max(3, rows - fixed - owners);
  return renderReport(report, renderOptions(io, top)).split("\n").slice(0, -1);
}
