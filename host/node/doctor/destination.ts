// SPDX-License-Identifier: Apache-2.0
//
// Finds where a server writes its dumps: to the file of the record `output`, otherwise to its standard error. The latter is a file if
// the service starts the server with --bind_stderr, otherwise the journal.

import { isAbsolute, join } from "node:path";
import { printable } from "../../shared/printable.ts";
import { OUTPUT, toKeep } from "../records.ts";
import { ok, problem, type Finding } from "./finding.ts";
import { readability, readIfAllowed, type DoctorOptions, type Installation } from "./installation.ts";
import type { RecordsFile } from "./records-file.ts";

export interface Destination {
  /** Undefined if dumps go to no file. */
  path?: string;
  findings: Finding[];
}

/** The file that the unit of each version reads, and its variable with the arguments. */
const SERVICES = {
  "records.config": { file: "/etc/default/trafficserver", variable: "TM_DAEMON_ARGS" }, // Debian's
  "records.yaml": { file: "/etc/sysconfig/trafficserver", variable: "TS_DAEMON_ARGS" },
};

export function findDestination(options: DoctorOptions, { logs }: Installation, { name, records }: RecordsFile): Destination {
  if (options.log !== undefined) return { path: options.log, findings: [] };
  const { file, variable } = SERVICES[name];
  const output = records.get(OUTPUT);
  if (output && output !== "NULL") {
    const path = isAbsolute(output) ? output : join(logs, output);
    return { path, findings: [ok(`dumps go to ${printable(path)}: ${OUTPUT} names it`)] };
  }
  // This file belongs to the system's server, not to one that the options describe.
  const isSystem = options.runRoot === undefined && options.config === undefined;
  const service = options.service ?? (isSystem ? file : undefined);
  const text = service === undefined ? undefined : readIfAllowed(service);
  const bound = text === undefined ? undefined : standardError(text, variable);
  if (bound !== undefined) {
    if (readability(bound) === "missing") {
      const what = `${variable} in ${printable(service!)} binds ${printable(bound)} for dumps, but there is no such file`;
      return { findings: [problem(what, "restart the service: the server opens the file when it starts")] };
    }
    return { path: bound, findings: [ok(`dumps go to ${printable(bound)}: ${variable} in ${printable(service!)} binds it`)] };
  }
  const usual = join(logs, "traffic.out");
  if (readability(usual) !== "missing") return { path: usual, findings: [] };
  return { findings: [noFile(usual, name, variable, text === undefined ? undefined : service)] };
}

function noFile(usual: string, file: RecordsFile["name"], variable: string, service: string | undefined): Finding {
  const fix =
    `traffic_ctl config set ${OUTPUT} memtrack.out, and to keep it ${toKeep(file, OUTPUT, "STRING", "memtrack.out")}. ` +
    "What the journal has: journalctl -u trafficserver -o cat | memtrack report -";
  if (service === undefined) {
    return problem(`there is no ${printable(usual)}: dumps go to the server's standard error, wherever that leads`, fix);
  }
  const what =
    `there is no ${printable(usual)}: dumps go to the service's journal, because ${variable} in ${printable(service)} has no ` +
    `--bind_stderr and ${OUTPUT} is empty`;
  return problem(what, fix);
}

/** The file of --bind_stderr in a shell fragment. The last assignment counts. */
function standardError(text: string, variable: string): string | undefined {
  const args = text
    .split("\n")
    .map((line) => new RegExp(`^\\s*(?:export\\s+)?${variable}=(.*)$`).exec(line)?.[1])
    .filter((value) => value !== undefined)
    .at(-1);
  return args === undefined ? undefined : /--bind_stderr[=\s]+([^\s"']+)/.exec(args)?.[1];
}
