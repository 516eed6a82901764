// SPDX-License-Identifier: Apache-2.0
//
// The memtrack command: which part does what its arguments ask for. run() gets all it touches and returns the exit code:
//
//   0  done
//   1  --fail-on found what it names; a dump that cannot be read; or a failure that is ours (with its stack)
//   2  a usage error
//
// A usage error is whatever its user can put right: it prints one line.

import yargs, { type Argv } from "yargs";
import { printable } from "../shared/printable.ts";
import { diffCommand } from "./commands/diff.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { foldedCommand } from "./commands/folded.ts";
import { htmlCommand } from "./commands/html.ts";
import { write, type Io } from "./commands/io.ts";
import { mrtgCommand } from "./commands/mrtg.ts";
import { pprofCommand } from "./commands/pprof.ts";
import { reportCommand } from "./commands/report.ts";
import { symbolizeCommand } from "./commands/symbolize.ts";
import { watchCommand } from "./commands/watch.ts";
import { TEXTS, usageError } from "./commands/usage.ts";
import { UnreadableDump, UsageError } from "./errors.ts";
import { VERSION } from "./package.ts";

const HELP_COLUMNS_MAX = 110;

export async function run(io: Io): Promise<number> {
  let code = 0;
  try {
    const parser = commands(io, (result) => (code = result));
    // What yargs prints (help, version, completion) comes by the callback; all else is written by the commands.
    let text = "";
    await parser.parseAsync([...io.argv], {}, (_error, _argv, output) => void (text = output));
    if (text) await write(io.stdout, `${text}\n`);
    return code;
  } catch (error) {
    if (error instanceof UsageError) {
      await write(io.stderr, `memtrack: ${printable(error.message)}\n`).catch(() => {});
      return error instanceof UnreadableDump ? 1 : 2;
    }
    // A reader that has gone (memtrack report | head) has had enough.
    if ((error as NodeJS.ErrnoException).code === "EPIPE") return code;
    await write(io.stderr, `memtrack: ${(error as Error).stack ?? String(error)}\n`).catch(() => {});
    return 1;
  }
}

function commands(io: Io, finish: (code: number) => void): Argv {
  const entries = [
    reportCommand(io, finish),
    diffCommand(io),
    htmlCommand(io),
    mrtgCommand(io),
    pprofCommand(io),
    foldedCommand(io),
    symbolizeCommand(io),
    watchCommand(io),
    doctorCommand(io, finish),
  ];
  const usages = [...entries.map(({ command }) => String(command)), "completion"];
  return (
    yargs()
      .scriptName("memtrack")
      .locale("en")
      .updateStrings(TEXTS as Record<string, string>)
      .usage("$0 COMMAND\n\nReads dumps of memory and names the plugin and the call site that keep it.")
      .command(entries)
      .completion("completion", "print a script for the completion of bash and zsh")
      .example("$0 report traffic.out", "what grew, who is suspect, who owns the memory")
      .example("$0 html traffic.out -o report.html", "the same as a page with graphs")
      .example("$0 doctor", "what is in the way on this server")
      .epilogue("Exit codes: 0 done, 1 when --fail-on finds what it names, 2 for a wrong argument or file.")
      .demandCommand(1, "which command?")
      .strict()
      .recommendCommands()
      .version(VERSION)
      .help()
      .alias("help", "h")
      // No line breaks into a pipe: a broken path cannot be copied.
      .wrap(io.stdout.isTTY ? Math.min(io.stdout.columns ?? 80, HELP_COLUMNS_MAX) : null)
      .exitProcess(false)
      .fail((message, error) => {
        // A YError is the parser's own.
        if (error && error.name !== "YError") throw error;
        throw usageError(message || error.message, io.argv, usages);
      })
  );
}
