// SPDX-License-Identifier: Apache-2.0
//
// The last dump: which server wrote it, and what its header reports.

import { Readable } from "node:stream";
import { classes } from "../../../format/format.ts";
import { printable } from "../../shared/printable.ts";
import { time } from "../../shared/units.ts";
import { NoDump, UnreadableDump } from "../errors.ts";
import { exhaustedIn } from "../read/exhausted.ts";
import { HEADER_KEYS, type Header, type HeaderName } from "../read/dump.ts";
import { selectDump } from "../read/select.ts";
import type { Sites } from "../read/sites.ts";
import type { Snapshot } from "../read/snapshot.ts";
import { HEAP, TRACK, VERIFY } from "../records.ts";
import { note, ok, problem, type Finding } from "./finding.ts";
import { readability } from "./installation.ts";
import type { Records } from "./records-file.ts";
import { numberOf, setAtRunTime } from "./settings.ts";

/** A dump, or the reason why it is not available. */
type LastDump = Snapshot | UnreadableDump | Exclude<ReturnType<typeof readability>, "file"> | "none";

export async function readLastDump(log: string, sites: Sites): Promise<LastDump> {
  const state = readability(log);
  if (state !== "file") return state;
  try {
    return (await selectDump(log, sites, Readable.from([]))).dump;
  } catch (error) {
    if (error instanceof UnreadableDump) return error;
    if (!(error instanceof NoDump)) throw error;
    return "none";
  }
}

/** Without a manager, 9.2 has no traffic_ctl; server.lock holds the number of the process. */
const ASK = "traffic_ctl plugin msg memtrack dump as root or as the server's user, or kill -USR1 and the number in server.lock";

export function checkLastDump(log: string, dump: LastDump, records: Records, loaded: boolean): Finding[] {
  const name = printable(log);
  if (dump === "missing") {
    return [problem(`there is no ${name} yet`, `${ASK}. If it is still missing then, see diags.log for [memtrack]`)];
  }
  if (dump === "other") return [problem(`${name} is not a regular file`, "see diags.log for [memtrack]: dumps may go elsewhere")];
  if (dump === "denied") {
    const fix = "run this as root or as the server's user, or say where it is with --log FILE";
    return [problem(`${name} cannot be read`, fix)];
  }
  if (dump === "none") {
    return [problem(`${name} holds no dump yet`, `${ASK}, once the level is 1 or 2`)];
  }
  if (dump instanceof UnreadableDump) return [problem(printable(dump.message))];
  if (dump.origin === "built-in") return checkBuiltIn(dump, loaded);
  const { header } = dump;
  return [
    ok(`the last dump is memtrack's dump ${dump.number} of ${time(dump.time)}`),
    ...checkLevel(dump, records),
    ...hookStates(header),
    ...checkNotes(dump),
    ...checkCounters(header),
  ];
}

function checkBuiltIn(dump: Snapshot, loaded: boolean): Finding[] {
  const what = "the last dump is the built-in tracker's, not memtrack's";
  const restart = "restart the server: it loads plugins at its start; then see diags.log for [memtrack]";
  const findings = [loaded ? problem(what, restart) : note(what)];
  const summary = dump.sections.flatMap((section) => section.rows).find((row) => row.at(-1) === classes.openssl.summary);
  if (summary?.slice(0, 3).every((cell) => cell === "0")) {
    const why =
      "it says 0 for SSL Allocated Memory, as it always does: the server asks OpenSSL to call its tracker " +
      "(CRYPTO_set_mem_functions) after OpenSSL has allocated, OpenSSL then refuses, and nobody looks at the answer";
    findings.push(problem(why, "load memtrack.so, which tracks OpenSSL at level 2 by file and line"));
  }
  return findings;
}

function checkLevel(dump: Snapshot, records: Records): Finding[] {
  const level = Number(dump.header.get("level"));
  const wanted = numberOf(records, TRACK);
  if (level === wanted || setAtRunTime(records, dump) !== undefined) return [];
  return [note(`it was made at level ${level}, and ${TRACK} is ${wanted} now`, "traffic_ctl config reload, and another dump")];
}

/** Hooks that can be refused. */
const HOOKS = HEADER_KEYS.filter(([, { refusal }]) => refusal).map(([hook]) => hook);

function hookStates(header: Header): Finding[] {
  return HOOKS.flatMap((hook) => {
    const state = header.get(hook);
    if (state === "installed") return [ok(`hook ${hook}: installed`)];
    return state === "off" ? [note(`hook ${hook}: off at level ${Number(header.get("level"))}`)] : [];
  });
}

/** Refused hooks, and warnings. */
function checkNotes({ notes }: Snapshot): Finding[] {
  const findings: Finding[] = [];
  for (const pairs of notes) {
    if (pairs.get("state") === "refused") {
      const what = `hook ${printable(pairs.get("hook") ?? "")}: refused, because ${printable(pairs.get("reason") ?? "")}`;
      findings.push(problem(what, "the reason says what is not as in a known server; the rest is tracked all the same"));
    }
    if (pairs.has("warning")) findings.push(problem(printable(pairs.get("warning")!)));
  }
  return findings;
}

function checkCounters(header: Header): Finding[] {
  const findings: Finding[] = [];
  const number = (key: HeaderName): number => Number(header.get(key) ?? 0);
  if (header.get("heap") === "off") {
    const fix = `traffic_ctl config set ${HEAP} 1, where they are of interest`;
    findings.push(note("malloc and operator new of plugins are not tracked", fix));
  }
  if (number("lost")) findings.push(problem(`${number("lost")} events were lost: rows can be off by as many`));
  if (number("traps")) {
    const what = `${number("traps")} tables were disabled by a trap in the core`;
    findings.push(problem(what, "please report it, with the dump's header"));
  }
  const exhausted = exhaustedIn(header);
  if (exhausted) findings.push(problem(`limits of memtrack are reached: ${exhausted}`, 'see "Limits" in docs/REFERENCE.md'));
  if (header.get("verify") === "on") {
    const fix = `traffic_ctl config set ${VERIFY} 0, when you have seen it`;
    findings.push(note("verify mode is on, and with it the built-in tracker's lock", fix));
  }
  return findings;
}
