// SPDX-License-Identifier: Apache-2.0
//
// `memtrack mrtg`: a dump as MRTG's four lines, or the mrtg.cfg that requests them.

import { resolve } from "node:path";
import { printable } from "../../shared/printable.ts";
import { NoDump, UnreadableDump, UsageError } from "../errors.ts";
import { mrtgConfig, mrtgLines } from "../export/mrtg.ts";
import { mismatch, type Filter } from "../read/filter.ts";
import { STDIN } from "../read/input.ts";
import { parseSpec, selectDump, type Selected } from "../read/select.ts";
import { Sites } from "../read/sites.ts";
import { write, type Io } from "./io.ts";
import { command, DUMP, EXAMPLE, FILTERS, type AnyCommand } from "./options.ts";

export function mrtgCommand(io: Io): AnyCommand {
  return command({
    command: "mrtg [file]",
    describe: "MRTG's four lines, or an mrtg.cfg that asks for them",
    builder: (parser) =>
      parser
        .positional("file", { ...DUMP, demandOption: false })
        .options({
          ...FILTERS,
          total: { type: "boolean", describe: "of everything (the default)" },
          config: { type: "boolean", default: false, describe: "print a working mrtg.cfg, with a graph of each owner in FILE" },
          workdir: { type: "string", requiresArg: true, default: "/var/www/mrtg", describe: "where MRTG is to write" },
          command: { type: "string", requiresArg: true, default: "memtrack", describe: "how MRTG is to call this command" },
        })
        .conflicts("owner", ["site", "total"])
        .conflicts("site", "total")
        .example("$0 mrtg traffic.out --owner foo.so", "bytes in use: IOBuffers, and elsewhere")
        .example(`$0 mrtg ${EXAMPLE} --config > mrtg.cfg`, "then env LANG=C mrtg mrtg.cfg, every 5 minutes"),
    handler: async (args) => {
      if (args.file === undefined && !args.config) throw new UsageError(`which file? memtrack mrtg ${EXAMPLE}`);
      const sites = new Sites();
      const selected =
        args.file === undefined ? undefined : await selectDump(args.file, sites, io.stdin).catch((error) => noneYet(io, error));
      if (!args.config) return writeLines(io, sites, selected, args);
      const owners = selected ? [...sites].map((site) => site.owner) : [];
      await write(io.stdout, configOf(args.file ?? EXAMPLE, owners, args));
    },
  });
}

/** A server that has not written a dump yet is no error for a program that runs every five minutes. */
async function noneYet(io: Io, error: unknown): Promise<undefined> {
  if (error instanceof UnreadableDump) await write(io.stderr, `memtrack: ${printable(error.message)}\n`);
  else if (!(error instanceof NoDump)) throw error;
}

/** MRTG needs its four lines in every case. */
async function writeLines(io: Io, sites: Sites, selected: Selected | undefined, filter: Filter): Promise<void> {
  const wrong = selected && mismatch(sites, filter);
  if (wrong) await write(io.stderr, `memtrack: ${printable(wrong)}\n`);
  await write(io.stdout, mrtgLines(sites, wrong ? undefined : selected?.dump, filter));
}

function configOf(spec: string, owners: string[], { workdir, command }: { workdir: string; command: string }): string {
  const { file } = parseSpec(spec);
  if (file === STDIN) throw new UsageError(`MRTG reads a file again and again: memtrack mrtg ${EXAMPLE} --config`);
  // Cron runs MRTG in another folder.
  return mrtgConfig({ file: resolve(file), workDir: resolve(workdir), command, owners: [...new Set(owners)].sort() });
}
