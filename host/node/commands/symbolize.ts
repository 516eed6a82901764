// SPDX-License-Identifier: Apache-2.0
//
// `memtrack symbolize`: dumps with functions and lines in place of addresses, by debug information that may be on another machine than the
// server's.

import { statSync } from "node:fs";
import { printable } from "../../shared/printable.ts";
import { UsageError } from "../errors.ts";
import { chunksOf, openInputs } from "../read/input.ts";
import { DEBUG_DIR } from "../symbolize/debug-files.ts";
import { Pieces } from "../symbolize/pieces.ts";
import { Symbolizer } from "../symbolize/symbolizer.ts";
import { write, type Io } from "./io.ts";
import { command, filesOr, type AnyCommand } from "./options.ts";

export function symbolizeCommand(io: Io): AnyCommand {
  return command({
    command: "symbolize [file]",
    describe: "dumps with functions and lines in place of addresses",
    builder: (parser) =>
      parser
        .positional("file", { type: "string", describe: "traffic.out, or a part of it, .gz too; - or none for standard input" })
        .options({
          // May be repeated. As an array it would take the file as well.
          "debug-dir": {
            type: "string",
            requiresArg: true,
            default: DEBUG_DIR,
            coerce: (value: string | string[]) => [value].flat(),
            describe: "a folder with debug information: .build-id/xx/yyyy.debug, or files of the modules' names; may be repeated",
          },
        })
        .example("$0 symbolize traffic.out --debug-dir debug > named.out", "a text that all other commands read")
        .example("$0 symbolize traffic.out | $0 report", "with what is installed here"),
    handler: async ({ file, debugDir }) => {
      for (const folder of debugDir) requireFolder(folder);
      const [name] = filesOr(io, file === undefined ? [] : [file]) as [string];
      await openInputs([name]);
      const symbolizer = new Symbolizer(debugDir, io.env);
      const pieces = new Pieces();
      const put = async (texts: string[]) => {
        const text = texts.map((piece) => symbolizer.symbolize(piece)).join("");
        if (text) await write(io.stdout, Buffer.from(text, "latin1"));
      };
      for await (const chunk of chunksOf(name, io.stdin)) await put(pieces.push(chunk.toString("latin1")));
      await put(pieces.end());
      for (const warning of symbolizer.warnings) await write(io.stderr, `memtrack: ${printable(warning)}\n`);
    },
  });
}

function requireFolder(path: string): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`--debug-dir is ${path}: there is no such folder`);
}
