// SPDX-License-Identifier: Apache-2.0
//
// What the search for references costs a server that serves at its highest rate, on a processor that it shares with the search: CPU time
// of the network threads per request, and how long another thread's mmap, write and munmap of 64 KiB takes (bench/native/mapping.cc). One
// server; the search is off and on in turn, for some seconds each.

import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Ats } from "../../harness/ats.ts";
import { Origin } from "../../harness/origin.ts";
import { BUILD, PLUGIN } from "../../tools/build.ts";
import { figure, paired, type Figure } from "../figure.ts";
import { orderOf, output, Rounds, wordsOf, type Run } from "../native.ts";
import { CACHED, loadCommand, startServer } from "../servers.ts";

const SHARE = "proxy.config.plugin.memtrack.search_cpu";
/** Per cent of one processor, by `search_cpu`: 0 is off, 5 the default. */
const VARIANTS = { without: 0, with: 5 };
type Variant = keyof typeof VARIANTS;
const MB = 300;
const SECONDS = 6;
const CHANGED_MS = 20_000;
const LOAD = `size/1000?${CACHED}`;

/** Of a slice: nanoseconds of the network threads per request, of the search per second, and quantiles of the mappings' times. */
type Slice = Record<"request" | "searched" | "p99" | "p999" | "longest", number>;

export async function searching({ rounds, quick, progress }: Run): Promise<Figure[]> {
  const measured = new Rounds();
  const folder = mkdtempSync(join(tmpdir(), "memtrack-bench-"));
  chmodSync(folder, 0o777); // the server is another user
  const file = join(folder, "times");
  const origin = await Origin.start();
  let ats: Ats | undefined;
  try {
    ats = await startServer(
      {
        level: 2,
        ctl: true,
        plugins: [PLUGIN, `${join(BUILD, "bench", "mapping.so")} ${MB} ${file}`],
        records: { "proxy.config.plugin.memtrack.heap": 1, "proxy.config.plugin.memtrack.sample_interval": 1 },
      },
      origin,
    );
    await ats.ctl("plugin", "msg", "memtrack", "search mapping.so");
    await load(ats, 1);
    const turns = quick ? 2 : Math.max(rounds, 8);
    for (let round = 0; round < turns; ++round) {
      for (const variant of orderOf(Object.keys(VARIANTS) as Variant[], round)) {
        progress(`searching: round ${round + 1} of ${turns}, ${variant}`);
        await become(ats, VARIANTS[variant]);
        const slice = await measureSlice(ats, file);
        for (const [what, value] of Object.entries(slice)) measured.add(`${what} ${variant}`, value);
      }
    }
  } finally {
    await ats?.stop();
    await origin.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return figuresOf(measured);
}

function figuresOf(measured: Rounds): Figure[] {
  const group = "searching";
  const variants = Object.keys(VARIANTS) as Variant[];
  const request = { group, name: "network threads, CPU per request" };
  const mapping = (quantile: string) => ({ group, name: `another thread's mapping, ${quantile}` });
  return [
    ...variants.map((what) => figure({ ...request, what, unit: "us" }, measured.of(`request ${what}`))),
    paired(
      { ...request, what: "with / without", unit: "x", budget: "searching" },
      measured.of("request with"),
      measured.of("request without"),
    ),
    ...["p99", "p999", "longest"].flatMap((quantile) =>
      variants.map((what) => figure({ ...mapping(quantile), what, unit: "us" }, measured.of(`${quantile} ${what}`))),
    ),
    paired(
      { ...mapping("p999"), what: "with / without", unit: "x", budget: "mapping" },
      measured.of("p999 with"),
      measured.of("p999 without"),
    ),
    figure({ group, name: "the search", what: "of one processor", unit: "%" }, measured.of("searched with")),
  ];
}

/** Sets the share of the search, and waits until its thread has begun or ended. */
async function become(ats: Ats, percent: number): Promise<void> {
  await ats.ctl("config", "set", SHARE, String(percent));
  for (const end = Date.now() + CHANGED_MS; ats.isSearching() !== percent > 0; await pause(50)) {
    if (Date.now() > end) throw new Error(`the search did not ${percent ? "begin" : "end"}`);
  }
}

async function measureSlice(ats: Ats, file: string): Promise<Slice> {
  await takeTimes(ats, file);
  const [network, search] = [cpuNs(ats, "[ET_NET"), cpuNs(ats, "memtrack-search")];
  const said = await load(ats, SECONDS);
  const requests = Number(/(\d+) requests in/.exec(said)?.[1]);
  if (!requests) throw new Error(`no requests:\n${said}`);
  const request = (cpuNs(ats, "[ET_NET") - network) / requests / 1000;
  const searched = ((cpuNs(ats, "memtrack-search") - search) / (SECONDS * 1e9)) * 100;
  return { request, searched, ...(await takeTimes(ats, file)) };
}

/** The times of mappings since the last call. */
async function takeTimes(ats: Ats, file: string): Promise<Pick<Slice, "p99" | "p999" | "longest">> {
  const lines = () => (existsSync(file) ? wordsOf(readFileSync(file, "utf8")) : []);
  const before = lines().length;
  await ats.ctl("plugin", "msg", "mapping", "times");
  for (const end = Date.now() + CHANGED_MS; lines().length === before; await pause(20)) {
    if (Date.now() > end) throw new Error("mapping.so did not answer");
  }
  const [, , p99 = 0, p999 = 0, longest = 0] = lines()
    .at(-1)!
    .map((ns) => Number(ns) / 1000);
  return { p99, p999, longest };
}

function load(ats: Ats, seconds: number): Promise<string> {
  return output(loadCommand("wrk", "-t", "1", "-c", "16", "-d", `${seconds}s`, ats.httpUrl + LOAD));
}

/** CPU time of the threads whose names begin so. */
function cpuNs(ats: Ats, name: string): number {
  const tasks = `/proc/${ats.pid}/task`;
  return readdirSync(tasks)
    .filter((thread) => readFileSync(join(tasks, thread, "comm"), "utf8").startsWith(name))
    .reduce((sum, thread) => sum + Number(readFileSync(join(tasks, thread, "schedstat"), "utf8").split(" ")[0]), 0);
}
