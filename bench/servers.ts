// SPDX-License-Identifier: Apache-2.0
//
// Private servers for comparisons, and the load on them: each has a half of the cores.

import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { Ats, trafficLayout, type AtsOptions } from "../harness/ats.ts";
import type { Origin } from "../harness/origin.ts";
import { output } from "./native.ts";

/** Plugins of Debian's that do something for every request, and change no response here. */
export const PLUGINS = ["xdebug.so", "compress.so", "money_trace.so", "remap_stats.so", "header_freq.so"];

/** A day: longer than any run. */
export const CACHED = "cache=86400";

export async function startServer(options: AtsOptions, origin: Origin): Promise<Ats> {
  const records = {
    // Each handshake is to be a full one.
    "proxy.config.ssl.session_cache": 0,
    "proxy.config.ssl.server.session_ticket.enable": 0,
  };
  const cores = serverCores();
  // A thread for each core that it may use.
  const ats = await Ats.start({
    ...options,
    records: { ...options.records, ...records },
    origin: origin.url,
    threads: Math.max(1, Math.floor(cpus().length / 2)),
  });
  if (cores) await output(["taskset", "-a", "-c", "-p", cores, String(ats.pid)]);
  return ats;
}

/** Why no server can have PLUGINS here. One that lacks a plugin ends, and tells why in its log alone. */
export function pluginsMissing(): string | undefined {
  const folder = trafficLayout().PLUGINDIR!;
  const missing = PLUGINS.filter((name) => !existsSync(join(folder, name)));
  if (!missing.length) return undefined;
  return `${folder} has no ${missing.join(", ")} (Debian: trafficserver, trafficserver-experimental-plugins)`;
}

/** The lower half of the cores for the server, the upper one for the load; undefined where there is but one. */
function serverCores(): string | undefined {
  const count = cpus().length;
  return count > 1 ? `0-${Math.floor(count / 2) - 1}` : undefined;
}

export function loadCommand(...command: string[]): string[] {
  const count = cpus().length;
  return count > 1 ? ["taskset", "-c", `${Math.floor(count / 2)}-${count - 1}`, ...command] : command;
}
