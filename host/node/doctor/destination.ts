// SPDX-License-Identifier: Apache-2.0
//
// Finds where a server writes its dumps: to the file of the record `output`, otherwise to its standard error. The latter is a file if
// the service starts the server with --bind_stderr, otherwise the journal.

import { isAbsolute, join } from "node:path";
import { printable } from "../../shared/printable.ts";
import { OUTPUT } from "../records.ts";
import { ok, problem, type Finding } from "./finding.ts";
import { readability, readIfAllowed, type DoctorOptions, type Installation } from "./installation.ts";
import type { Records } from "./settings.ts";

export interface Destination {
  /** Undefined if dumps go to no file. */
  path?: string;
  findings: Finding[];
}

/** Debian's unit and init script read it. */
const SERVICE = "/etc/default/trafficserver";
const ARGUMENTS = "TM_DAEMON_ARGS";

export function findDestination(options: DoctorOptions, { logs }: Installation, records: Records): Destination {
  if (options.log !== undefined) return { path: options.log, findings: [] };
  const output = records.get(OUTPUT);
  if (output && output !== "NULL") {
    const path = isAbsolute(output) ? output : join(logs, output);
    return { path, findings: [ok(`dumps go to ${printable(path)}: ${OUTPUT} names it`)] };
  }
  // This file belongs to the system's server, not to one that the options describe.
  const isSystem = options.runRoot === undefined && options.config === undefined;
  const service = options.service ?? (isSystem ? SERVICE : undefined);
  const text = service === undefined ? undefined : readIfAllowed(service);
  const bound = text === undefined ? undefined : standardError(text);
  if (bound !== undefined) {
    if (readability(bound) === "missing") {
      const what = `${ARGUMENTS} in ${printable(service!)} binds ${printable(bound)} for dumps, but there is no such file`;
      return { findings: [problem(what, "restart the service: the server opens the file when it starts")] };
    }
    return { path: bound, findings: [ok(`dumps go to ${printable(bound)}: ${ARGUMENTS} in ${printable(service!)} binds it`)] };
  }
  const usual = join(logs, "traffic.out");
  if (readability(usual) !== "missing") return { path: usual, findings: [] };
  return { findings: [noFile(usual, text === undefined ? undefined : service)] };
}

function noFile(usual: string, service: string | undefined): Finding {
  const fix =
    `traffic_ctl config set ${OUTPUT} memtrack.out, and to keep it \`CONFIG ${OUTPUT} STRING memtrack.out\` in records.config. ` +
    "What the journal has: journalctl -u trafficserver -o cat | memtrack report -";
  if (service === undefined) {
    return problem(`there is no ${printable(usual)}: dumps go to the server's standard error, wherever that leads`, fix);
  }
  const what =
    `there is no ${printable(usual)}: dumps go to the service's journal, because ${ARGUMENTS} in ${printable(service)} has no ` +
    `--bind_stderr and ${OUTPUT} is empty`;
  return problem(what, fix);
}

/** The file of --bind_stderr in a shell fragment. The last assignment counts. */
function standardError(text: string): string | undefined {
  const args = text
    .split("\n")
    .map((line) => new RegExp(`^\\s*(?:export\\s+)?${ARGUMENTS}=(.*)$`).exec(line)?.[1])
    .filter((value) => value !== undefined)
    .at(-1);
  return args === undefined ? undefined : /--bind_stderr[=\s]+([^\s"']+)/.exec(args)?.[1];
}
