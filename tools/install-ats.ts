// SPDX-License-Identifier: Apache-2.0
//
// `npm run install:ats`: copies the built plugin to the plugin folder of this system's Traffic Server, and prints the remaining steps
// for this machine. It changes no configuration: the operator decides which server tracks, and when it restarts.

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { findDestination } from "../host/node/doctor/destination.ts";
import { readRecords } from "../host/node/doctor/settings.ts";
import { FREQUENCY, OUTPUT, TRACK } from "../host/node/records.ts";
import { PLUGIN, TOP } from "./build.ts";

function main(): void {
  const source = relative(process.cwd(), PLUGIN);
  if (!existsSync(PLUGIN)) throw new Failure(`${source} is not built yet: run \`npm run build\` first`);
  const layout = trafficLayout();
  const target = join(layout("PLUGINDIR"), "memtrack.so");
  install(target, `sudo install -m 0644 ${relative(TOP, PLUGIN)} ${target}`);
  console.log(`memtrack: installed ${target}

Next steps:
1. ${layout("plugin.config")}
${pluginStep(readIfThere(layout("plugin.config")))}
2. ${layout("records.config")}
${recordSteps(layout).join("\n")}
3. Restart the server, because it loads plugins only when it starts:
     ${existsSync(UNIT) ? "systemctl restart trafficserver" : "traffic_ctl server restart"}
4. Check the result:
     node build/command/memtrack.js doctor
     traffic_ctl plugin msg memtrack dump`);
}

const UNIT = "/lib/systemd/system/trafficserver.service";

function pluginStep(text: string): string {
  const first = text.split("\n").find((line) => /^\s*[^\s#]/.test(line));
  return first?.trim() === "memtrack.so" ? "     memtrack.so is the first line" : "     insert as the first line: memtrack.so";
}

/** A record that is in the file is changed there: with two lines of one name, the server uses the last, which readers overlook. */
function recordSteps(layout: (key: string) => string): string[] {
  const path = layout("records.config");
  const { records } = readRecords(layout("SYSCONFDIR"));
  const installation = { config: "", plugins: "", prefix: "", logs: layout("LOGDIR") };
  const { path: destination } = findDestination({}, installation, records);
  const wanted: [string, string][] = [
    [TRACK, "INT 2"],
    [FREQUENCY, "INT 3600"],
    ...(destination === undefined ? ([[OUTPUT, "STRING memtrack.out"]] as [string, string][]) : []),
  ];
  const lines = readIfThere(path).split("\n");
  return wanted.map(([name, value]) => {
    const at = lines.findLastIndex((line) => /^\s*(?:CONFIG|LOCAL)\s/.test(line) && line.trim().split(/\s+/)[1] === name);
    if (at < 0) return `     append: CONFIG ${name} ${value}`;
    const isOn = Number.parseInt(records.get(name) ?? "", 10) > 0;
    return isOn ? `     line ${at + 1} stays: ${lines[at]!.trim()}` : `     change line ${at + 1} to: CONFIG ${name} ${value}`;
  });
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
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
