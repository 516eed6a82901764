// SPDX-License-Identifier: Apache-2.0
//
// memtrack's share of the network threads' CPU time, in a server with five of Debian's plugins under load. Sampled by perf, so that
// other load on the machine and differences between two servers do not affect it.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ats, AtsOptions } from "../../harness/ats.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { figure, type Figure } from "../figure.ts";
import { output, Rounds, type Run } from "../native.ts";
import { CACHED, loadCommand, PLUGINS, pluginsMissing, startServer } from "../servers.ts";
import { quantile } from "../statistics.ts";

const plugins = [PLUGIN, ...PLUGINS];
const VARIANTS: Record<string, AtsOptions> = {
  "level 1": { level: 1, plugins },
  heap: { level: 2, plugins, records: { "proxy.config.plugin.memtrack.heap": 1 } },
};
const LOAD = `size/1000?${CACHED}`;
const SECONDS = 3;
/** Samples by perf's software clock, because a virtual machine may have no other. */
const SAMPLING = ["-e", "cpu-clock", "-F", "4999"];
/** Whether only memtrack calls a function on a network thread, so that its time is memtrack's too. */
function isCalled(library: string, name: string): boolean {
  return library.startsWith("libgcc_s") || /^_dl_find_(object|dso)|malloc_usable_size$/.test(name);
}
/** Minimum share, in percent, of a function that is listed. */
const SHOWN = 0.02;

/** Samples: all, those of memtrack's functions by name, and those of functions that only memtrack calls. */
interface Profile {
  all: number;
  ours: Map<string, number>;
  called: number;
}

export async function share({ rounds, quick, progress }: Run): Promise<Figure[]> {
  const missing = pluginsMissing();
  if (missing) throw new Error(missing);
  await checkPerf();
  const measured = new Rounds();
  const origin = await Origin.start();
  const folder = mkdtempSync(join(tmpdir(), "memtrack-bench-"));
  const servers = new Map<string, Ats>();
  try {
    for (const [variant, options] of Object.entries(VARIANTS)) {
      servers.set(variant, await startServer(options, origin));
      await load(servers.get(variant)!, 1);
    }
    for (let round = 0; round < Math.min(rounds, quick ? 1 : 5); ++round) {
      for (const [variant, ats] of servers) {
        progress(`plugins-share: round ${round + 1}, ${variant}`);
        const { all, ours, called } = await sample(ats, join(folder, "perf.data"));
        const own = [...ours.values()].reduce((sum, samples) => sum + samples, 0);
        measured.add(`${variant} own`, (own * 100) / all);
        measured.add(`${variant} called`, (called * 100) / all);
        for (const [name, samples] of ours) measured.add(`${variant} of ${name}`, (samples * 100) / all);
      }
    }
  } finally {
    await Promise.allSettled([...servers.values()].map((ats) => ats.stop()));
    await origin.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return Object.keys(VARIANTS).flatMap((variant) => figuresOf(measured, variant));
}

function figuresOf(measured: Rounds, variant: string): Figure[] {
  const about = { group: "share", name: `HTTP/1.1, 1 KB, ${variant}`, unit: "%" };
  const own = measured.of(`${variant} own`);
  const called = measured.of(`${variant} called`);
  const functions = measured
    .keys()
    .filter((key) => key.startsWith(`${variant} of `))
    .map((key) => ({ what: key.slice(`${variant} of `.length), values: measured.of(key) }))
    .filter(({ values }) => quantile(values, 0.5) >= SHOWN)
    .toSorted((a, b) => quantile(b.values, 0.5) - quantile(a.values, 0.5));
  return [
    figure({ ...about, what: "memtrack.so", budget: "share" }, own),
    figure({ ...about, what: "and what it calls" }, called),
    ...functions.map(({ what, values }) => figure({ ...about, what: `  ${what}` }, values)),
  ];
}

async function checkPerf(): Promise<void> {
  try {
    await output(["perf", "record", "-q", "-o", "/dev/null", ...SAMPLING, "--", "true"]);
  } catch (error) {
    throw new Error(`it needs perf (Debian: linux-perf) and the right to sample with it: ${(error as Error).message}`);
  }
}

/** Runs wrk for some seconds. */
function load(ats: Ats, seconds: number): Promise<string> {
  return output(loadCommand("wrk", "-t", "1", "-c", "16", "-d", `${seconds}s`, ats.httpUrl + LOAD));
}

async function sample(ats: Ats, file: string): Promise<Profile> {
  const tasks = `/proc/${ats.pid}/task`;
  const network = readdirSync(tasks).filter((thread) => readFileSync(join(tasks, thread, "comm"), "utf8").startsWith("[ET_NET"));
  const loaded = load(ats, SECONDS + 1);
  await output(["perf", "record", "-q", "-o", file, ...SAMPLING, "-t", network.join(), "--", "sleep", String(SECONDS)]);
  await loaded;
  const profile: Profile = { all: 0, ours: new Map(), called: 0 };
  const lines = await output(["perf", "report", "-q", "-i", file, "--stdio", "-F", "sample,dso,sym", "-t", "\t"]);
  for (const line of lines.split("\n")) {
    const [samples, library = "", symbol = ""] = line.split("\t").map((cell) => cell.trim());
    if (!symbol) continue;
    const name = symbol.replace(/^\[.\] /, "").replace(/^memtrack_thunk_(code|enter|run)(_handler)?$/, "the thunks");
    profile.all += Number(samples);
    if (library === "memtrack.so") profile.ours.set(name, (profile.ours.get(name) ?? 0) + Number(samples));
    else if (isCalled(library, name)) profile.called += Number(samples);
  }
  if (profile.all === 0) throw new Error(`perf saw nothing of the threads ${network.join()}`);
  return profile;
}
