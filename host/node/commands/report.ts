// SPDX-License-Identifier: Apache-2.0
//
// `memtrack report`: what grew, suspects and owners, of a run of the server.

import { reportJson, toJson } from "../report/render-json.ts";
import { renderReport } from "../report/render-table.ts";
import { write, type Io } from "./io.ts";
import { command, FILTERS, filesOr, JSON_OPTION, LAYOUT, layoutOf, TOP, WINDOW, type AnyCommand } from "./options.ts";
import { readReport } from "./read.ts";

const FAIL_ON = { choices: ["leak"] as const, describe: "exit with 1 where there is a suspect" } as const;

export function reportCommand(io: Io, finish: (code: number) => void): AnyCommand {
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
        .options({ json: JSON_OPTION, ...WINDOW, ...FILTERS, top: TOP, ...LAYOUT, "fail-on": FAIL_ON })
        .example("$0 report traffic.out", "the last run of the server in the file")
        .example("$0 report --since 2h traffic.out", "the last two hours of it")
        .example("$0 report traffic.out.1.gz traffic.out", "rotated pieces are one file")
        .example("$0 report --owner foo.so --json traffic.out", "all rows of a plugin, for a program")
        .example("$0 report --fail-on leak traffic.out", "for a scheduled job: exits with 1 on a suspect"),
    handler: async (args) => {
      const options = layoutOf(io, args);
      const { report } = await readReport(io, filesOr(io, args.files), args);
      if (args.failOn === "leak" && report.suspects.length) finish(1);
      await write(io.stdout, args.json ? toJson(reportJson(report)) : renderReport(report, options));
    },
  });
}
