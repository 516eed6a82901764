// SPDX-License-Identifier: Apache-2.0
//
// `memtrack pprof`: a dump as a heap profile.

import { pprof } from "../export/pprof.ts";
import { save, type Io } from "./io.ts";
import { command, DUMP, FILTERS, OUTPUT, type AnyCommand } from "./options.ts";
import { readOneDump } from "./read.ts";

export function pprofCommand(io: Io): AnyCommand {
  return command({
    command: "pprof <file>",
    describe: "a dump as a heap profile for go tool pprof and its kin",
    builder: (parser) =>
      parser
        .positional("file", DUMP)
        .options({ output: { ...OUTPUT, demandOption: true }, ...FILTERS })
        .example("$0 pprof traffic.out -o heap.pb.gz", "then go tool pprof -top heap.pb.gz")
        .example("$0 pprof traffic.out#1 -o first.pb.gz", "then go tool pprof -top -diff_base first.pb.gz heap.pb.gz"),
    handler: async (args) => {
      const { sites, dump } = await readOneDump(io, args.file, args);
      await save(io, args.output, pprof(sites, dump, args));
    },
  });
}
