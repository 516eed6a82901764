// SPDX-License-Identifier: Apache-2.0
//
// Private servers for comparisons, and their load generators. The server gets one half of the cores, the load the other half.

import { cpus } from "node:os";
import { Ats, type AtsOptions } from "../harness/ats.ts";
import type { Origin } from "../harness/origin.ts";
import { lacksPlugins } from "../harness/plugins.ts";
import { output } from "./native.ts";

/** Bundled plugins that do work for every request, but change no response in these comparisons. */
export const PLUGINS = ["xdebug.so", "compress.so", "money_trace.so", "remap_stats.so", "header_freq.so"];

/** Cacheable for a day, which is longer than any run. */
export const CACHED = "cache=86400";

export async function startServer(options: AtsOptions, origin: Origin): Promise<Ats> {
  const records = {
    // No session resumption: each handshake must be a full one.
    "proxy.config.ssl.session_cache": 0,
    "proxy.config.ssl.server.session_ticket.enable": 0,
  };
  const cores = serverCores();
  // One network thread per core that the server may use.
  const ats = await Ats.start({
    ...options,
    records: { ...options.records, ...records },
    origin: origin.url,
    threads: Math.max(1, Math.floor(cpus().length / 2)),
  });
  if (cores) await output(["taskset", "-a", "-c", "-p", cores, String(ats.pid)]);
  return ats;
}

/** Why PLUGINS cannot be loaded on this machine. Checked first because a server without one of them ends, with a reason only in its log. */
export function pluginsMissing(): string | undefined {
  const why = lacksPlugins(...PLUGINS.map((name) => name.replace(/\.so$/, "")));
  return why ? `${why} (Debian: trafficserver, trafficserver-experimental-plugins)` : undefined;
}

/** The lower half of the cores, for the server; undefined if there is only one. */
function serverCores(): string | undefined {
  const count = cpus().length;
  return count > 1 ? `0-${Math.floor(count / 2) - 1}` : undefined;
}

export function loadCommand(...command: string[]): string[] {
  const count = cpus().length;
  return count > 1 ? ["taskset", "-c", `${Math.floor(count / 2)}-${count - 1}`, ...command] : command;
}
