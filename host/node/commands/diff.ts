// SPDX-License-Identifier: Apache-2.0
//
// `memtrack diff`: what changed between two dumps: the first and the last dump of a file, two dumps of one file, or of two files.

import { UsageError } from "../errors.ts";
import { requireMatch } from "../read/filter.ts";
import { STDIN } from "../read/input.ts";
import { parseSpec, type Selected } from "../read/select.ts";
import { Sites } from "../read/sites.ts";
import { diff } from "../report/diff.ts";
import { renderDiff } from "../report/render-diff.ts";
import { toJson } from "../report/render-json.ts";
import { write, type Io } from "./io.ts";
import { command, FILTERS, JSON_OPTION, LAYOUT, layoutOf, TOP, WINDOW, type AnyCommand } from "./options.ts";
import { readDump, readReport, type ReportArguments } from "./read.ts";

/** Two dumps, and the sites that they name. */
interface Pair {
  sites: Sites;
  a: Selected;
  b: Selected;
}

export function diffCommand(io: Io): AnyCommand {
  return command({
    command: "diff <a> [b]",
    describe: "what changed between two dumps",
    builder: (parser) =>
      parser
        .positional("a", {
          type: "string",
          demandOption: true,
          describe:
            "a file. Alone: its first dump against its last. Else FILE#3 is its dump 3, FILE#-2 the last but one, FILE the last",
        })
        .positional("b", { type: "string", describe: "likewise; #5 alone is of the same file" })
        .options({
          json: JSON_OPTION,
          ...FILTERS,
          ...WINDOW,
          top: { ...TOP, default: 0 },
          ...LAYOUT,
          all: { type: "boolean", default: false, describe: "also sites that allocated and released the same" },
        })
        .example("$0 diff --since 1d traffic.out", "the last day: first against last dump of it")
        .example("$0 diff monday.out tuesday.out", "the last dumps of two files")
        .example("$0 diff traffic.out#1 '#24'", "two dumps of one file"),
    handler: async (args) => {
      const options = layoutOf(io, args);
      const { sites, a, b } = args.b === undefined ? await firstAndLast(io, args.a, args) : await two(io, args.a, args.b, args);
      requireMatch(sites, args);
      const difference = diff(sites, a, b, args);
      if (!args.all && !args.json) difference.rows = difference.rows.filter((row) => row.change !== 0);
      await write(io.stdout, args.json ? toJson(difference) : renderDiff(difference, options));
    },
  });
}

/** Of the run that `report` shows. */
async function firstAndLast(io: Io, spec: string, args: ReportArguments): Promise<Pair> {
  const { file, number } = parseSpec(spec);
  if (number !== undefined)
    throw new UsageError(`${spec} is one dump: name a second one, or ${file} alone for its first and last dump`);
  const { reader, run } = await readReport(io, [file], args);
  const { first, last } = run.data!;
  if (first === last) throw new UsageError(`${file} has one dump in that time and run: diff needs two`);
  return { sites: reader.sites, a: { file, dump: first! }, b: { file, dump: last! } };
}

async function two(io: Io, a: string, b: string, args: ReportArguments): Promise<Pair> {
  const given = (["since", "until", "run", "interval"] as const).find((name) => args[name] !== undefined);
  if (given) throw new UsageError(`--${given} applies to diff with one FILE: A and B each name a dump`);
  const sites = new Sites();
  const spec = b.startsWith("#") ? `${parseSpec(a).file}${b}` : b;
  if ([a, spec].every((name) => parseSpec(name).file === STDIN)) {
    throw new UsageError("standard input can be read once: name a file for one of the two");
  }
  return { sites, a: await readDump(io, a, sites), b: await readDump(io, spec, sites) };
}
