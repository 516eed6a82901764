// SPDX-License-Identifier: Apache-2.0
//
// `npm run install:ats`: puts the built plugin where this system's Traffic Server looks for plugins, and says what is left to do.
// It changes no configuration: which server tracks, and when it may restart, is the operator's decision.

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, renameSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { PLUGIN, TOP } from "./build.ts";

function main(): void {
  const source = relative(process.cwd(), PLUGIN);
  if (!existsSync(PLUGIN)) throw new Failure(`${source} is not built yet: run \`npm run build\` first`);
  const layout = trafficLayout();
  const target = join(layout("PLUGINDIR"), "memtrack.so");
  install(target, `sudo install -m 0644 ${relative(TOP, PLUGIN)} ${target}`);
  console.log(`memtrack: installed ${target}

Left to do:
  in ${layout("plugin.config")}, as the first line
    memtrack.so
  in ${layout("records.config")}
    CONFIG proxy.config.res_track_memory INT 2
    CONFIG proxy.config.dump_mem_info_frequency INT 3600
    (level 1 is IOBuffers, 2 is OpenSSL too; 3600 seconds between dumps, 0 is on kill -USR1 alone)
  then restart traffic_server: it loads plugins at its start only. Later changes of the two records need no restart.`);
}

/** Beside the old one, then renamed over it: a server that has the old one mapped keeps it, and none ever sees half a file. */
function install(target: string, command: string): void {
  const beside = `${target}.new-${process.pid}`;
  try {
    copyFileSync(PLUGIN, beside);
    chmodSync(beside, 0o644);
    renameSync(beside, target);
  } catch (error) {
    rmSync(beside, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM" && code !== "EROFS") throw new Failure(message);
    throw new Failure(`no permission to write ${target}. Run this line:\n  ${command}`);
  }
}

function trafficLayout(): (key: string) => string {
  let text: string;
  try {
    text = execFileSync("traffic_layout", ["info"], { encoding: "utf8" });
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new Failure(missing ? "there is no traffic_layout on the PATH: is Traffic Server installed?" : (error as Error).message);
  }
  return (key) => {
    const path = text.split("\n").find((line) => line.startsWith(`${key}: `));
    if (!path) throw new Failure(`\`traffic_layout info\` says nothing of ${key}`);
    return path.slice(key.length + 2);
  };
}

class Failure extends Error {}

try {
  main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`memtrack: ${error.message}`);
  process.exitCode = 1;
}
