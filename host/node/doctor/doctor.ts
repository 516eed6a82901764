// SPDX-License-Identifier: Apache-2.0
//
// Looks at an installation of Traffic Server and says what keeps memory from being tracked, and what to change. It reads: the
// server's layout, its version, plugin.config, the records, memtrack.so, and the end of traffic.out. It changes nothing.

import { execFile } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { printable } from "../../shared/printable.ts";
import { span, time } from "../../shared/units.ts";
import { coreDigest } from "../core/module.ts";
import { NoDump, UsageError } from "../errors.ts";
import { selectDump, TRACK } from "../read/select.ts";
import { Sites } from "../read/sites.ts";
import type { Snapshot } from "../read/snapshot.ts";

export interface Finding {
  state: "ok" | "note" | "problem";
  what: string;
  /** What to change. */
  fix?: string;
}

export interface DoctorOptions {
  /** Given to traffic_layout, where the server has one. */
  runRoot?: string | undefined;
  /** Where its parts are, instead of what traffic_layout says. */
  config?: string | undefined;
  log?: string | undefined;
  plugins?: string | undefined;
}

const FREQUENCY = "proxy.config.dump_mem_info_frequency";
const SAMPLES = "proxy.config.plugin.memtrack.sample_interval";
const PLUGIN_DIR = "proxy.config.plugin.plugin_dir";
const RANGES: Record<string, [number, number]> = {
  [TRACK]: [0, 2],
  [FREQUENCY]: [0, Infinity],
  "proxy.config.plugin.memtrack.sites": [64, 65520],
  "proxy.config.plugin.memtrack.verify": [0, 1],
  "proxy.config.plugin.memtrack.heap": [0, 1],
  [SAMPLES]: [0, 3600],
};
const USUAL: Record<string, number> = { [TRACK]: 2, [FREQUENCY]: 3600, "proxy.config.plugin.memtrack.sites": 4096, [SAMPLES]: 10 };
/** The versions that memtrack.so knows (host/ats/server.c). */
const KNOWN = /^9\.2\./;

interface Place {
  config: string;
  log: string;
  plugins: string;
  prefix: string;
  version: string | undefined;
}

export async function doctor(options: DoctorOptions, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  // traffic_layout would say nothing, and look at the system's server.
  if (options.runRoot !== undefined && !existsSync(options.runRoot)) {
    throw new UsageError(`there is no file ${options.runRoot}: --run-root is the path of a runroot.yaml`);
  }
  const findings: Finding[] = [];
  const place = await find(options, env, findings);
  if (!place) return findings;
  const records = readRecords(place, findings);
  const loaded = pluginLine(place, findings);
  library({ ...place, plugins: options.plugins ?? pluginFolder(records, place) }, loaded, findings);
  const dump = await lastDump(place);
  values(records, dump, findings);
  logged(place, records, dump, loaded, findings);
  return findings;
}

async function find(options: DoctorOptions, env: NodeJS.ProcessEnv, findings: Finding[]): Promise<Place | undefined> {
  const layout = new Map<string, string>();
  const ask = async (...words: string[]): Promise<string> => {
    const args = [...(options.runRoot ? [`--run-root=${options.runRoot}`] : []), ...words];
    return (await promisify(execFile)("traffic_layout", args, { env })).stdout;
  };
  try {
    for (const line of `${await ask("info")}\n${await ask("info", "--versions")}`.split("\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) layout.set(line.slice(0, colon), line.slice(colon + 2).trim());
    }
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const why = missing ? "there is no traffic_layout on the PATH" : `traffic_layout failed: ${(error as Error).message}`;
    if (!options.config || !options.log) {
      findings.push({
        state: "problem",
        what: `${why}: is Traffic Server installed here?`,
        fix: "say where it is: --config /etc/trafficserver --log /var/log/trafficserver/traffic.out --plugins FOLDER",
      });
      return undefined;
    }
    findings.push({ state: "note", what: `${why}: the server's version is not known` });
  }
  const version = layout.get("traffic-server");
  if (version) {
    findings.push(
      KNOWN.test(version)
        ? { state: "ok", what: `Traffic Server ${version}, which memtrack.so knows` }
        : {
            state: "problem",
            what: `Traffic Server ${version}: memtrack.so knows 9.2.x, and does nothing on another version`,
            fix: "use a version of memtrack that knows it; this command reads its traffic.out all the same",
          },
    );
  }
  return {
    config: options.config ?? layout.get("SYSCONFDIR") ?? "",
    log: options.log ?? join(layout.get("LOGDIR") ?? "", "traffic.out"),
    plugins: options.plugins ?? layout.get("PLUGINDIR") ?? "",
    prefix: layout.get("PREFIX") ?? "/",
    version,
  };
}

/** records.config of 9.2, or records.yaml of 10, as far as plain `name: value` lines go. */
function readRecords(place: Place, findings: Finding[]): Map<string, string> {
  const records = new Map<string, string>();
  const path = join(place.config, "records.config");
  const text = read(path);
  if (text !== undefined) {
    for (const line of text.split("\n")) {
      const [, name, value = ""] = /^\s*(?:CONFIG|LOCAL)\s+(\S+)\s+(?:INT|STRING|FLOAT)\s+(.*?)\s*$/.exec(line) ?? [];
      if (name) records.set(name, value);
    }
    return records;
  }
  const yaml = read(join(place.config, "records.yaml"));
  if (yaml === undefined) {
    findings.push({
      state: "problem",
      what: `neither records.config nor records.yaml can be read in ${printable(place.config)}`,
      fix: "run this as root or as the server's user, or say where they are with --config FOLDER",
    });
    return records;
  }
  for (const [name] of Object.entries(RANGES)) {
    const key = name.split(".").at(-1)!;
    const [, value] = new RegExp(`^\\s*${key}:\\s*(\\S+)`, "m").exec(yaml) ?? [];
    if (value) records.set(name, value);
  }
  return records;
}

/** Whether plugin.config loads memtrack.so. */
function pluginLine(place: Place, findings: Finding[]): boolean {
  const path = join(place.config, "plugin.config");
  const text = read(path);
  if (text === undefined) {
    findings.push({ state: "problem", what: `${printable(path)} cannot be read`, fix: "run this as root or as the server's user" });
    return false;
  }
  const lines = text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line);
  const ours = lines.filter((line) => /(?:^|\/)memtrack\.so(?:\s|$)/.test(line));
  const [first = ""] = ours;
  if (!first) {
    findings.push({
      state: "problem",
      what: "plugin.config does not load memtrack.so: the server's own tracker is at work",
      fix: `put the line \`memtrack.so\` first in ${printable(path)}, and restart the server`,
    });
    return false;
  }
  if (ours.length > 1) {
    findings.push({ state: "problem", what: "plugin.config loads memtrack.so twice", fix: "take the second line out" });
  }
  if (/\s/.test(first)) {
    findings.push({
      state: "problem",
      what: `memtrack.so takes no arguments: "${printable(first)}"`,
      fix: `leave \`${printable(first.split(/\s/)[0]!)}\` alone in that line; settings are records`,
    });
  }
  if (lines.indexOf(first) === 0) findings.push({ state: "ok", what: "plugin.config loads memtrack.so first" });
  else {
    findings.push({
      state: "problem",
      what: `memtrack.so is line ${lines.indexOf(first) + 1} of plugin.config: it does not see what plugins before it do`,
      fix: `make it the first line of ${printable(path)}, and restart the server`,
    });
  }
  return true;
}

function pluginFolder(records: Map<string, string>, place: Place): string {
  const folder = records.get(PLUGIN_DIR);
  if (!folder || folder === "NULL") return place.plugins;
  return isAbsolute(folder) ? folder : join(place.prefix, folder);
}

function library(place: Place, loaded: boolean, findings: Finding[]): void {
  const path = join(place.plugins, "memtrack.so");
  const bytes = statSync(path, { throwIfNoEntry: false }) && readFileSync(path);
  if (!bytes) {
    if (loaded)
      findings.push({ state: "problem", what: `there is no ${printable(path)}`, fix: "npm run build && npm run install:ats" });
    return;
  }
  const same = bytes.includes(coreDigest());
  findings.push(
    same
      ? { state: "ok", what: `${printable(path)} has the same core as this command` }
      : {
          state: "note",
          what: `${printable(path)} has another core than this command (${coreDigest()}): verdicts can differ`,
          fix: "install both of one version",
        },
  );
}

/** A record's number as the server reads it: what follows the digits does not count (`INT 2 # both`). NaN where there are none. */
function integer(text: string): number {
  return Number.parseInt(text, 10);
}

/** The same where a number is needed: the server takes 0 for what is none. */
function valueOf(records: Map<string, string>, name: string): number {
  return integer(records.get(name) ?? "") || 0;
}

/** Where `traffic_ctl config set` switched tracking on: it does not write records.config. */
function setAtRunTime(records: Map<string, string>, dump: Last): number | undefined {
  if (typeof dump === "string" || valueOf(records, TRACK) > 0) return undefined;
  const level = Number(dump.header.get("level"));
  return level >= 1 ? level : undefined;
}

function values(records: Map<string, string>, dump: Last, findings: Finding[]): void {
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const text = records.get(name);
    if (text === undefined) continue;
    const value = integer(text);
    if (value >= least && value <= most) continue;
    const range = most === Infinity ? `${least} and up` : `${least} to ${most}`;
    findings.push({
      state: "problem",
      what: `${name} is "${printable(text)}", allowed are ${range}`,
      fix: `traffic_ctl config set ${name} ${USUAL[name] ?? 0}`,
    });
  }
  const level = valueOf(records, TRACK);
  const running = setAtRunTime(records, dump);
  if (running !== undefined) {
    findings.push({
      state: "note",
      what:
        `tracking is on at level ${running}, set at run time; records.config says ${level}, ` +
        "which counts after the next reload of a changed file",
      fix: `set ${TRACK} in records.config as well, if it is to stay on`,
    });
  } else if (level <= 0) {
    findings.push({ state: "problem", what: `${TRACK} is ${level}: nothing is tracked`, fix: `traffic_ctl config set ${TRACK} 2` });
  } else if (level === 1) {
    findings.push({
      state: "note",
      what: `${TRACK} is 1: IOBuffers are tracked, OpenSSL is not`,
      fix: `traffic_ctl config set ${TRACK} 2, where OpenSSL's memory is of interest`,
    });
  } else {
    findings.push({ state: "ok", what: `${TRACK} is ${level}` });
  }
  if (records.has(SAMPLES) && valueOf(records, SAMPLES) === 0) {
    findings.push({
      state: "note",
      what: `${SAMPLES} is 0: dumps say nothing of growth`,
      fix: `traffic_ctl config set ${SAMPLES} 10`,
    });
  }
  const seconds = valueOf(records, FREQUENCY);
  findings.push(
    seconds > 0
      ? { state: "ok", what: `a dump is written every ${span(seconds)}` }
      : {
          state: "note",
          what: `${FREQUENCY} is ${seconds}: dumps are written on \`kill -USR1\` alone`,
          fix: `traffic_ctl config set ${FREQUENCY} 3600, to see growth`,
        },
  );
}

/** The last dump of traffic.out, or what is in the way of it. */
type Last = Snapshot | "unreadable" | "none";

async function lastDump(place: Place): Promise<Last> {
  if (read(place.log, 0) === undefined) return "unreadable";
  try {
    return (await selectDump(place.log, new Sites(), Readable.from([]))).dump;
  } catch (error) {
    if (!(error instanceof NoDump)) throw error;
    return "none";
  }
}

function logged(place: Place, records: Map<string, string>, dump: Last, loaded: boolean, findings: Finding[]): void {
  const name = printable(place.log);
  if (dump === "unreadable") {
    findings.push({
      state: "problem",
      what: `${name} cannot be read`,
      fix: "run this as root or as the server's user, or say where it is with --log FILE",
    });
  } else if (dump === "none") {
    findings.push({
      state: "problem",
      what: `${name} holds no dump yet`,
      fix: "kill -USR1 $(pidof traffic_server), once the level is 1 or 2",
    });
  } else if (dump.origin === "built-in") {
    builtIn(dump, loaded, findings);
  } else {
    ours(dump, records, findings);
  }
}

function builtIn(dump: Snapshot, loaded: boolean, findings: Finding[]): void {
  findings.push({
    state: loaded ? "problem" : "note",
    what: "the last dump is the built-in tracker's, not memtrack's",
    ...(loaded && { fix: "restart the server: it loads plugins at its start; then see diags.log for [memtrack]" }),
  });
  const summary = dump.sections.flatMap((section) => section.rows).find((row) => row.at(-1) === "SSL Allocated Memory");
  if (summary?.slice(0, 3).every((cell) => cell === "0")) {
    findings.push({
      state: "problem",
      what:
        "it says 0 for SSL Allocated Memory, as it always does: the server asks OpenSSL to call its tracker " +
        "(CRYPTO_set_mem_functions) after OpenSSL has allocated, OpenSSL then refuses, and nobody looks at the answer",
      fix: "load memtrack.so, which tracks OpenSSL at level 2 by file and line",
    });
  }
}

function ours(dump: Snapshot, records: Map<string, string>, findings: Finding[]): void {
  const { header } = dump;
  findings.push({ state: "ok", what: `the last dump is memtrack's dump ${dump.number} of ${time(dump.time)}` });
  const level = Number(header.get("level"));
  const wanted = valueOf(records, TRACK);
  if (level !== wanted && setAtRunTime(records, dump) === undefined) {
    findings.push({
      state: "note",
      what: `it was made at level ${level}, and ${TRACK} is ${wanted} now`,
      fix: "traffic_ctl config reload, and another dump",
    });
  }
  for (const hook of ["iobuffer", "openssl", "plugins", "buffers"]) {
    const state = header.get(hook);
    if (state === "installed") findings.push({ state: "ok", what: `hook ${hook}: installed` });
    else if (state === "off") findings.push({ state: "note", what: `hook ${hook}: off at level ${level}` });
  }
  for (const note of dump.notes) {
    if (note.get("state") === "refused") {
      const why = printable(note.get("reason") ?? "");
      findings.push({
        state: "problem",
        what: `hook ${printable(note.get("hook") ?? "")}: refused, because ${why}`,
        fix: "the reason says what is not as in a known server; the rest is tracked all the same",
      });
    }
    if (note.has("warning")) findings.push({ state: "problem", what: printable(note.get("warning")!) });
  }
  if (header.get("heap") === "off") {
    findings.push({
      state: "note",
      what: "malloc and operator new of plugins are not tracked",
      fix: "traffic_ctl config set proxy.config.plugin.memtrack.heap 1, where they are of interest",
    });
  }
  const number = (key: string): number => Number(header.get(key) ?? 0);
  if (number("lost")) findings.push({ state: "problem", what: `${number("lost")} events were lost: rows can be off by as many` });
  if (number("traps")) {
    findings.push({
      state: "problem",
      what: `${number("traps")} tables were disabled by a trap in the core`,
      fix: "please report it, with the dump's header",
    });
  }
  if (header.get("verify") === "on") {
    findings.push({
      state: "note",
      what: "verify mode is on, and with it the built-in tracker's lock",
      fix: "traffic_ctl config set proxy.config.plugin.memtrack.verify 0, when you have seen it",
    });
  }
}

/** A file's text, or `length` bytes of it; undefined where it cannot be read. */
function read(path: string, length?: number): string | undefined {
  try {
    if (length === 0) return statSync(path).isFile() ? "" : undefined;
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

export function renderFindings(findings: Finding[], colour: boolean): string {
  const paint = { ok: "\x1b[32m", note: "\x1b[33m", problem: "\x1b[31m" };
  const mark = { ok: "ok     ", note: "note   ", problem: "problem" };
  const lines = findings.flatMap(({ state, what, fix }) => [
    `${colour ? `${paint[state]}${mark[state]}\x1b[0m` : mark[state]}  ${what}`,
    ...(fix ? [`         -> ${fix}`] : []),
  ]);
  const problems = findings.filter(({ state }) => state === "problem").length;
  lines.push("", problems ? `${problems === 1 ? "1 problem" : `${problems} problems`}` : "nothing stands in the way");
  return lines.join("\n") + "\n";
}
