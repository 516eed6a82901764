// SPDX-License-Identifier: Apache-2.0
//
// `memtrack folded`: a dump as folded stacks.

import { folded, FOLDED_VALUES } from "../export/folded.ts";
import { write, type Io } from "./io.ts";
import { command, DUMP, FILTERS, type AnyCommand } from "./options.ts";
import { readOneDump } from "./read.ts";

export function foldedCommand(io: Io): AnyCommand {
  return command({
    command: "folded <file>",
    describe: "a dump as folded stacks for flame graphs",
    builder: (parser) =>
      parser
        .positional("file", DUMP)
        .options({
          value: { choices: FOLDED_VALUES, default: FOLDED_VALUES[0], describe: "what a frame's width is to be" },
          ...FILTERS,
        })
        .example("$0 folded traffic.out | flamegraph.pl --countname bytes > heap.svg", "owner, class, site"),
    handler: async (args) => {
      const { sites, dump } = await readOneDump(io, args.file, args);
      await write(io.stdout, folded(sites, dump, args, args.value));
    },
  });
}
