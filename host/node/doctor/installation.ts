// SPDX-License-Identifier: Apache-2.0
//
// Locates the parts of a Traffic Server and its version, from traffic_layout or from the user's options.

import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import { note, ok, problem, type Finding } from "./finding.ts";

/** Options that replace the output of traffic_layout. */
export interface DoctorOptions {
  /** Passed to traffic_layout, if the server has a run root. */
  runRoot?: string | undefined;
  config?: string | undefined;
  log?: string | undefined;
  plugins?: string | undefined;
  /** The file that sets the server's arguments for the service. */
  service?: string | undefined;
}

export interface Installation {
  /** Undefined if it is not known, or not whether it is that of the server in question. */
  version: string | undefined;
  /** The folder of plugin.config and the records. */
  config: string;
  /** The folder of traffic.out. */
  logs: string;
  /** The folder of memtrack.so. */
  plugins: string;
  prefix: string;
}

/** The versions that memtrack.so supports (host/ats/server/server.c). */
const KNOWN = /^(?:9\.2|10\.[0-2])\./;

/** Undefined if neither traffic_layout nor the user provides the location. */
export async function findInstallation(
  options: DoctorOptions,
  env: NodeJS.ProcessEnv,
): Promise<{ installation?: Installation; findings: Finding[] }> {
  const findings: Finding[] = [];
  let layout = new Map<string, string>();
  try {
    layout = await askLayout(options.runRoot, env);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const why = missing ? "there is no traffic_layout on the PATH" : `traffic_layout failed: ${(error as Error).message}`;
    if (!options.config || !options.log) {
      const fix = "say where it is: --config /etc/trafficserver --log /var/log/trafficserver/traffic.out --plugins FOLDER";
      return { findings: [problem(`${why}: is Traffic Server installed here?`, fix)] };
    }
    findings.push(note(`${why}: the server's version is not known`));
  }
  const version = layout.get("traffic-server");
  if (version) findings.push(checkVersion(version));
  const installation: Installation = {
    version: options.config === undefined ? version : undefined, // a folder says nothing of the program on the PATH
    config: options.config ?? layout.get("SYSCONFDIR") ?? "",
    logs: layout.get("LOGDIR") ?? (options.log === undefined ? "" : dirname(options.log)),
    plugins: options.plugins ?? layout.get("PLUGINDIR") ?? "",
    prefix: layout.get("PREFIX") ?? "/",
  };
  return { installation, findings };
}

/** The `KEY: value` lines of traffic_layout. */
async function askLayout(runRoot: string | undefined, env: NodeJS.ProcessEnv): Promise<Map<string, string>> {
  const program = runRoot === undefined ? "traffic_layout" : layoutOf(runRoot);
  const ask = async (...words: string[]): Promise<string> => {
    const args = [...(runRoot ? [`--run-root=${runRoot}`] : []), ...words];
    return (await promisify(execFile)(program, args, { env })).stdout;
  };
  const layout = new Map<string, string>();
  for (const line of `${await ask("info")}\n${await ask("info", "--versions")}`.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) layout.set(line.slice(0, colon), line.slice(colon + 2).trim());
  }
  return layout;
}

/** The program of the server to which a run root belongs: the one on the PATH may be of another version. */
function layoutOf(runRoot: string): string {
  const bindir = /^bindir:\s*(\S+)\s*$/m.exec(readIfAllowed(runRoot) ?? "")?.[1];
  const program = bindir === undefined ? undefined : join(bindir, "traffic_layout");
  return program !== undefined && isAbsolute(program) && existsSync(program) ? program : "traffic_layout";
}

function checkVersion(version: string): Finding {
  if (KNOWN.test(version)) return ok(`Traffic Server ${version}, which memtrack.so knows`);
  return problem(
    `Traffic Server ${version}: memtrack.so knows 9.2 and 10.0 to 10.2, and does nothing on another version`,
    "use a version of memtrack that knows it; this command reads its dumps all the same",
  );
}

/** A file's text; undefined if it cannot be read. */
export function readIfAllowed(path: string): string | undefined {
  return ifAllowed(() => readFileSync(path, "utf8"));
}

/** Whether a file can be read. `denied`: the user may not read it, or may not look into its folder. */
export function readability(path: string): "file" | "missing" | "denied" | "other" {
  try {
    if (!statSync(path).isFile()) return "other";
    accessSync(path, constants.R_OK);
    return "file";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENOTDIR" ? "missing" : "denied";
  }
}

function ifAllowed<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
