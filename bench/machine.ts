// SPDX-License-Identifier: Apache-2.0
//
// Properties of the machine that affect the figures, without anything that identifies it.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { coreDigest } from "../host/node/core/module.ts";

export type Machine = Record<string, string>;

export function machine(): Machine {
  const cpuinfo = readFileSync("/proc/cpuinfo", "utf8");
  const [processor] = cpus();
  return {
    processor: `${processor?.model.trim()}, ${cpus().length} cores${/\bhypervisor\b/.test(cpuinfo) ? " of a virtual machine" : ""}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${/^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1]}, Linux ${release()}`,
    "Traffic Server": packageVersion("trafficserver"),
    OpenSSL: packageVersion("libssl3"),
    "C library": packageVersion("libc6"),
    compiler: packageVersion("gcc-12"),
    wabt: packageVersion("wabt"),
    gperftools: packageVersion("libgoogle-perftools4"),
    heaptrack: packageVersion("heaptrack"),
    Node: process.versions.node,
    core: coreDigest(),
  };
}

function packageVersion(name: string): string {
  const { stdout, status } = spawnSync("dpkg-query", ["-W", "-f", "${Version}", name], { encoding: "utf8" });
  return status === 0 ? stdout : "not installed";
}
