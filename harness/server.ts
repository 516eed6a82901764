// SPDX-License-Identifier: Apache-2.0
//
// The Traffic Server that tests and tools start: Debian's, or the one that is installed in the folder MEMTRACK_ATS. What differs between
// servers is described here, and nothing else in the harness or in a test asks for a version.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

export interface InstalledServer {
  /** Like "10.2.0". */
  version: string;
  /** The value of MEMTRACK_ATS as an absolute path; undefined for the system's server. */
  prefix: string | undefined;
  /** For messages: the version, and the prefix if there is one. */
  name: string;
  /** Folders: programs, libraries, plugins, the folder of ts/ts.h, and the configuration as it was installed. */
  bin: string;
  lib: string;
  plugins: string;
  include: string;
  etc: string;
  /** The file of records: version 10 reads YAML. */
  recordsFile: "records.config" | "records.yaml";
  /** ts.h is C++ from version 10 on: its TSmalloc is a function of its own, and no longer says the line of the call. */
  cxxApi: boolean;
  /** traffic_ctl reaches the server through traffic_manager; from version 10 on, directly. */
  hasManager: boolean;
  /** A dump says for certain whether the signal or the timer asked for it: the functions that ask have symbols. */
  reasonsAreCertain: boolean;
  /** The server's own code is in libraries that call each other through slots. False where all of it is in traffic_server. */
  isShared: boolean;
}

/** The value of MEMTRACK_ATS is of no use; the message says which it is, and what to do. */
export class NoServerError extends Error {}

let known: InstalledServer | undefined;

/** @throws NoServerError if MEMTRACK_ATS names no installed server; Error if the system has none */
export function installedServer(): InstalledServer {
  return (known ??= serverIn(process.env.MEMTRACK_ATS));
}

/**
 * @param said the value of MEMTRACK_ATS; the server on the PATH if it is not set, or empty
 * @throws as installedServer
 */
export function serverIn(said: string | undefined): InstalledServer {
  const prefix = said ? resolve(said) : undefined;
  const layout = layoutOf(prefix);
  const of = (key: string): string => {
    const path = layout.get(key);
    if (path === undefined) throw new Error(`traffic_layout info does not say ${key}`);
    return path;
  };
  const [bin, lib] = [of("BINDIR"), of("LIBDIR")];
  const version = versionOf(join(bin, "traffic_layout"));
  const is10 = Number.parseInt(version, 10) >= 10;
  return {
    version,
    prefix,
    name: prefix === undefined ? version : `${version} in ${prefix}`,
    bin,
    lib,
    plugins: of("PLUGINDIR"),
    include: of("INCLUDEDIR"),
    etc: of("SYSCONFDIR"),
    recordsFile: is10 ? "records.yaml" : "records.config",
    cxxApi: is10,
    reasonsAreCertain: !is10,
    hasManager: existsSync(join(bin, "traffic_manager")),
    isShared: existsSync(lib) && readdirSync(lib).some((name) => name.startsWith("libtscore.so")),
  };
}

function versionOf(program: string): string {
  const said = execFileSync(program, ["--version"], { encoding: "utf8", env: withoutRunRoot() });
  const version = /\b\d+\.\d+\.\d+\b/.exec(said)?.[0];
  if (version === undefined) throw new Error(`${program} --version says no version: ${said}`);
  return version;
}

/** What `traffic_layout info` says, by key. */
function layoutOf(prefix: string | undefined): Map<string, string> {
  const lines = (program: string): [string, string][] =>
    execFileSync(program, ["info"], { encoding: "utf8", env: withoutRunRoot() })
      .split("\n")
      .map((line) => line.split(": "))
      .filter((pair): pair is [string, string] => pair.length === 2);
  if (prefix === undefined) return new Map(lines("traffic_layout"));
  const bin = join(prefix, "bin");
  for (const name of ["traffic_server", "traffic_ctl", "traffic_layout"])
    if (!existsSync(join(bin, name))) throw noServer(prefix, `there is no ${join(bin, name)}`);
  let layout: Map<string, string>;
  try {
    layout = new Map(lines(join(bin, "traffic_layout")));
  } catch (error) {
    throw noServer(prefix, `its traffic_layout cannot run (${(error as Error).message.split("\n")[0]})`);
  }
  const said = layout.get("BINDIR");
  if (said !== bin) throw noServer(prefix, `its traffic_layout says that its programs are in ${said}`);
  return layout;
}

function noServer(prefix: string, why: string): NoServerError {
  const what = "set it to the folder that Traffic Server was configured and installed with (its prefix)";
  return new NoServerError(`MEMTRACK_ATS=${prefix}: ${why}; ${what}, or unset it to use Debian's`);
}

/** TS_RUNROOT would lead every program of the server to another installation. */
export function withoutRunRoot(): NodeJS.ProcessEnv {
  const { TS_RUNROOT: _, ...env } = process.env;
  return env;
}
