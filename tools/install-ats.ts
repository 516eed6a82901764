// SPDX-License-Identifier: Apache-2.0
//
// `npm run install:ats`: copies the built plugin to the plugin folder of this system's Traffic Server, and prints the remaining steps
// for this machine. It changes no configuration: the operator decides which server tracks, and when it restarts.

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { findDestination } from "../host/node/doctor/destination.ts";
import { readRecords } from "../host/node/doctor/records-file.ts";
import { FREQUENCY, OUTPUT, TRACK, yamlField } from "../host/node/records.ts";
import { PLUGIN, TOP } from "./build.ts";

function main(): void {
  const source = relative(process.cwd(), PLUGIN);
  if (!existsSync(PLUGIN)) throw new Failure(`${source} is not built yet: run \`npm run build\` first`);
  const { layout, isYaml } = trafficLayout();
  const target = join(layout("PLUGINDIR"), "memtrack.so");
  install(target, `sudo install -m 0644 ${relative(TOP, PLUGIN)} ${target}`);
  console.log(`memtrack: installed ${target}

Next steps:
1. ${layout("plugin.config")}
${pluginStep(readIfThere(layout("plugin.config")))}
2. ${layout(isYaml ? "records.yaml" : "records.config")}
${recordSteps(layout, isYaml).join("\n")}
3. Restart the server, because it loads plugins only when it starts${restart(isYaml)}
4. Check the result:
     node build/command/memtrack.js doctor
     traffic_ctl plugin msg memtrack dump`);
}

const UNIT = "/lib/systemd/system/trafficserver.service";

/** 10 has no manager that could restart the server. */
function restart(isYaml: boolean): string {
  if (existsSync(UNIT)) return ":\n     systemctl restart trafficserver";
  return isYaml ? "" : ":\n     traffic_ctl server restart";
}

function pluginStep(text: string): string {
  const first = text.split("\n").find((line) => /^\s*[^\s#]/.test(line));
  return first?.trim() === "memtrack.so" ? "     memtrack.so is the first line" : "     insert as the first line: memtrack.so";
}

/** A record that is in the file is changed there: with two lines of one name, the server uses the last, which readers overlook. */
function recordSteps(layout: Layout, isYaml: boolean): string[] {
  const file = readRecords(layout("SYSCONFDIR"), isYaml ? "10" : "9.2");
  const installation = { version: undefined, config: "", plugins: "", prefix: "", logs: layout("LOGDIR") };
  const { path: destination } = findDestination({}, installation, file);
  const wanted: [name: string, type: "INT" | "STRING", value: string][] = [
    [TRACK, "INT", "2"],
    [FREQUENCY, "INT", "3600"],
    ...(destination === undefined ? ([[OUTPUT, "STRING", "memtrack.out"]] as [string, "STRING", string][]) : []),
  ];
  const lines = readIfThere(layout(file.name)).split("\n");
  const hasRoot = lines.some((line) => /^records\s*:/.test(line));
  return [
    ...(isYaml && !hasRoot ? ["     append: records:"] : []),
    ...wanted.map(([name, type, value]) => {
      const right = isYaml ? yamlField(name, type, value) : `CONFIG ${name} ${type} ${value}`;
      const at = lines.findLastIndex((line) => (isYaml ? yamlKey(line) : configName(line)) === name);
      if (at < 0) return isYaml ? `     below \`records:\` insert:   ${right}` : `     append: ${right}`;
      const isOn = Number.parseInt(file.records.get(name) ?? "", 10) > 0;
      return isOn
        ? `     line ${at + 1} stays: ${lines[at]!.trim()}`
        : `     change line ${at + 1} to: ${isYaml ? indentOf(lines[at]!) : ""}${right}`;
    }),
  ];
}

function configName(line: string): string | undefined {
  return /^\s*(?:CONFIG|LOCAL)\s+(\S+)/.exec(line)?.[1];
}

/** The name of a record that is directly below `records`, or is written with dots. */
function yamlKey(line: string): string {
  return `proxy.config.${/^\s*([\w.]+)\s*:/.exec(line)?.[1] ?? ""}`;
}

function indentOf(line: string): string {
  return /^\s*/.exec(line)![0];
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

/** A path of the server by its key in `traffic_layout info`. */
type Layout = (key: string) => string;

/** `isYaml`: Traffic Server 10, whose records are in records.yaml. */
function trafficLayout(): { layout: Layout; isYaml: boolean } {
  let text: string;
  try {
    text = execFileSync("traffic_layout", ["info"], { encoding: "utf8" });
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new Failure(missing ? "there is no traffic_layout on the PATH: is Traffic Server installed?" : (error as Error).message);
  }
  const layout: Layout = (key) => {
    const path = text.split("\n").find((line) => line.startsWith(`${key}: `));
    if (!path) throw new Failure(`\`traffic_layout info\` says nothing of ${key}`);
    return path.slice(key.length + 2);
  };
  return { layout, isYaml: /^records\.yaml: /m.test(text) };
}

class Failure extends Error {}

try {
  main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`memtrack: ${error.message}`);
  process.exitCode = 1;
}
