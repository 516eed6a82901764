// SPDX-License-Identifier: Apache-2.0
//
// `memtrack html`: the report as a page.

import { renderHtml } from "../report/render-html.ts";
import { save, type Io } from "./io.ts";
import { command, FILTERS, filesOr, OUTPUT, WINDOW, type AnyCommand } from "./options.ts";
import { readReport } from "./read.ts";

export function htmlCommand(io: Io): AnyCommand {
  return command({
    command: "html [files..]",
    describe: "one page with graphs and tables, which needs no network",
    builder: (parser) =>
      parser
        .positional("files", { type: "string", array: true, default: [] as string[], describe: "as for report" })
        .options({ output: { ...OUTPUT, demandOption: true }, ...WINDOW, ...FILTERS })
        .example("$0 html traffic.out -o report.html", "then open report.html, or send it to someone"),
    handler: async (args) => {
      const { reader, run, report } = await readReport(io, filesOr(io, args.files), args);
      await save(io, args.output, renderHtml(report, reader.sites, run));
    },
  });
}
