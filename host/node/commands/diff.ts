// SPDX-License-Identifier: Apache-2.0
//
// `memtrack diff`: what changed between two dumps, of one file or of two.

import { UsageError } from "../errors.ts";
import { requireMatch } from "../read/filter.ts";
import { STDIN } from "../read/input.ts";
import { parseSpec } from "../read/select.ts";
import { Sites } from "../read/sites.ts";
import { diff } from "../report/diff.ts";
import { renderDiff } from "../report/render-diff.ts";
import { toJson } from "../report/render-json.ts";
import { renderOptions, write, type Io } from "./io.ts";
import { command, DUMP, FILTERS, JSON_OPTION, parseTop, TOP, type AnyCommand } from "./options.ts";
import { readDump } from "./read.ts";

export function diffCommand(io: Io): AnyCommand {
  return command({
    command: "diff <a> <b>",
    describe: "what changed between two dumps",
    builder: (parser) =>
      parser
        .positional("a", DUMP)
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
      const options = renderOptions(io, parseTop(args.top));
      const spec = args.b.startsWith("#") ? `${parseSpec(args.a).file}${args.b}` : args.b;
      if ([args.a, spec].every((name) => parseSpec(name).file === STDIN)) {
        throw new UsageError("standard input can be read once: name a file for one of the two");
      }
      const a = await readDump(io, args.a, sites);
      const b = await readDump(io, spec, sites);
      requireMatch(sites, args);
      const difference = diff(sites, a, b, args);
      if (!args.all && !args.json) difference.rows = difference.rows.filter((row) => row.change !== 0);
      await write(io.stdout, args.json ? toJson(difference) : renderDiff(difference, options));
    },
  });
}
