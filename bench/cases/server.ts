// SPDX-License-Identifier: Apache-2.0
//
// The whole server under load, with and without memtrack. All servers run at once and are loaded in turn, a fraction of a second each,
// while the others are idle. A round consists of several such slices, so that a disturbance of a second affects all servers alike.
// Server and load run on separate cores. The measure is the server's CPU time per request, which on a shared machine is far steadier
// than requests per second.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ats, AtsOptions } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { figure, type BUDGETS, type Figure } from "../figure.ts";
import { orderOf, output, Rounds, wordsOf, type Run } from "../native.ts";
import { CACHED, loadCommand, PLUGINS, pluginsMissing, startServer } from "../servers.ts";
import { quantile } from "../statistics.ts";

const VARIANTS = {
  none: { level: 0, plugins: [] },
  // The same again, for the difference between two equal servers.
  "none again": { level: 0, plugins: [] },
  "built-in": { level: 1, plugins: [] },
  disarmed: { level: 0, plugins: [PLUGIN] },
  "level 1": { level: 1, plugins: [PLUGIN] },
  "level 2": { level: 2, plugins: [PLUGIN] },
  plugins: { level: 0, plugins: PLUGINS },
  "plugins, level 1": { level: 1, plugins: [PLUGIN, ...PLUGINS] },
  "plugins, heap": { level: 1, plugins: [PLUGIN, ...PLUGINS], records: { "proxy.config.plugin.memtrack.heap": 1 } },
  "plugins, heap 2": { level: 1, plugins: [PLUGIN, ...PLUGINS], records: { "proxy.config.plugin.memtrack.heap": 2 } },
} satisfies Record<string, AtsOptions>;
type Variant = keyof typeof VARIANTS;

const JUDGED: Partial<Record<Variant, keyof typeof BUDGETS>> = {
  disarmed: "disarmed",
  "level 1": "server",
  "level 2": "server",
  "plugins, level 1": "server",
};

/** The variant to compare with: the same server with the same plugins, without memtrack. */
function bareOf(variant: Variant): Variant {
  return variant.startsWith("plugins,") ? "plugins" : "none";
}

interface Load {
  path: string;
  secure: boolean;
  /** Options of h2load: connections, concurrent requests per connection, protocol. */
  how: string[];
  /** Requests in a slice; they take about a fifth of a second. */
  requests: number;
}

const KEPT_ALIVE = ["--h1", "-c", "16"];
const LOADS: Record<string, Load> = {
  "HTTP/1.1, 1 KB": { path: `size/1000?${CACHED}`, secure: false, how: KEPT_ALIVE, requests: 3000 },
  "HTTP/1.1, 20 KB": { path: `size/20000?${CACHED}`, secure: false, how: KEPT_ALIVE, requests: 2500 },
  // One connection per request, so each begins with a handshake. The servers do not resume sessions.
  "TLS handshakes": { path: `size/1000?${CACHED}`, secure: true, how: ["--h1", "-c", "150"], requests: 150 },
  "HTTP/2, 1 KB": { path: `size/1000?${CACHED}`, secure: true, how: ["-c", "8", "-m", "8"], requests: 2500 },
};
const SLICES = 5;
const SLICES_QUICK = 2;

export async function server({ quick, rounds, progress, leaveOut }: Run): Promise<Figure[]> {
  const missing = pluginsMissing();
  if (missing && !quick) leaveOut("servers with plugins", missing);
  const variants = (Object.keys(VARIANTS) as Variant[])
    .filter((variant) => !quick || /^none$|built-in|2/.test(variant))
    .filter((variant) => !missing || !variant.startsWith("plugins"));
  const loads = Object.keys(LOADS).filter((name) => !quick || name !== "HTTP/1.1, 20 KB");
  const slices = quick ? SLICES_QUICK : SLICES;
  const measured = new Rounds();
  await withServers(variants, progress, async (servers, origin, folder) => {
    for (const [variant, ats] of servers) {
      progress(`server: warming up, ${variant}`);
      for (const load of loads) await loadOnce(ats, LOADS[load]!, folder);
    }
    const asked = origin.requests;
    for (let round = 0; round < rounds; ++round) {
      for (const load of loads) {
        progress(`server: round ${round + 1} of ${rounds}, ${load}`);
        await measureRound(measured, load, servers, folder, round, slices);
      }
    }
    for (const load of loads) {
      progress(`server: events of ${load}`);
      await measureEvents(measured, load, servers, folder);
    }
    if (origin.requests !== asked) throw new Error("not every response came from the cache");
    for (const [variant, ats] of servers) measured.add(`rss ${variant}`, residentKib(ats.pid) / 1024);
  });
  return [
    ...loads.flatMap((load) => figuresOf(measured, load, variants)),
    ...loads.flatMap((load) =>
      variants
        .filter((what) => measured.has(`events ${load} ${what}`))
        .map((what) =>
          figure({ group: "server", name: `${load}, events a request`, what, unit: "" }, measured.of(`events ${load} ${what}`)),
        ),
    ),
    ...variants.map((what) => figure({ group: "server", name: "resident memory", what, unit: "MiB" }, measured.of(`rss ${what}`))),
  ];
}

/** Starts a server of each variant, and stops all of them, also after an error or an interrupt. */
async function withServers(
  variants: Variant[],
  progress: Run["progress"],
  body: (servers: Map<Variant, Ats>, origin: Origin, folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "memtrack-bench-"));
  const servers = new Map<Variant, Ats>();
  const origin = await Origin.start();
  const stop = async () => {
    // In parallel: each server takes about a second to stop.
    const stopped = await Promise.allSettled([...servers.values()].map((ats) => ats.stop()));
    await origin.stop();
    rmSync(folder, { recursive: true, force: true });
    for (const end of stopped) if (end.status === "rejected") throw end.reason;
  };
  const interrupted = () => void stop().finally(() => process.exit(130));
  process.once("SIGINT", interrupted);
  try {
    for (const variant of variants) {
      progress(`server: starting, ${variant}`);
      servers.set(variant, await startServer(VARIANTS[variant], origin));
    }
    await body(servers, origin, folder);
  } finally {
    process.off("SIGINT", interrupted);
    await stop();
  }
}

/** Measures the number of events per request in the variants in which memtrack counts. */
async function measureEvents(measured: Rounds, load: string, servers: Map<Variant, Ats>, folder: string): Promise<void> {
  for (const [variant, ats] of servers) {
    if (!/level|heap/.test(variant)) continue;
    const before = eventsOf(await ats.dump());
    await loadOnce(ats, LOADS[load]!, folder);
    await ats.connectionsClosed();
    measured.add(`events ${load} ${variant}`, (eventsOf(await ats.dump()) - before) / LOADS[load]!.requests);
  }
}

async function measureRound(
  measured: Rounds,
  load: string,
  servers: Map<Variant, Ats>,
  folder: string,
  round: number,
  slices: number,
): Promise<void> {
  const variants = [...servers.keys()];
  const sums = new Map(variants.map((variant) => [variant, { seconds: 0, times: [] as number[], costs: [] as number[] }]));
  for (let slice = 0; slice < slices; ++slice) {
    for (const variant of orderOf(variants, round * slices + slice)) {
      const { cpu, seconds, times } = await loadOnce(servers.get(variant)!, LOADS[load]!, folder);
      const sum = sums.get(variant)!;
      sum.seconds += seconds;
      sum.times.push(...times);
      sum.costs.push((cpu * 1e5) / times.length);
    }
  }
  for (const [variant, { seconds, times, costs }] of sums) {
    // The ratio of slices that ran within a second of each other: over longer times, changes of the machine's speed exceed the cost.
    const bare = sums.get(bareOf(variant))?.costs ?? costs;
    const ratios = costs.map((cost, slice) => cost / bare[slice]!);
    measured.add(`ratio ${load} ${variant}`, quantile(ratios, 0.5));
    measured.add(`cpu ${load} ${variant}`, quantile(costs, 0.5));
    measured.add(`rps ${load} ${variant}`, times.length / seconds);
    measured.add(`p50 ${load} ${variant}`, quantile(times, 0.5) / 1000);
    measured.add(`p99 ${load} ${variant}`, quantile(times, 0.99) / 1000);
  }
}

function figuresOf(measured: Rounds, load: string, variants: Variant[]): Figure[] {
  const of = (what: string, variant: Variant) => measured.of(`${what} ${load} ${variant}`);
  const costs = variants.flatMap((variant) => [
    figure({ group: "server", name: `${load}, CPU s / 100k`, what: variant, unit: "s" }, of("cpu", variant)),
    ...["rps", "p50", "p99"].map((what) =>
      figure({ group: "server", name: `${load}, ${what}`, what: variant, unit: what === "rps" ? "" : "ms" }, of(what, variant)),
    ),
  ]);
  const ratios = variants
    .filter((variant) => variant !== "none")
    .map((variant) => {
      const about = {
        group: "server",
        name: `${load}, CPU ratio`,
        what: `${variant} / ${bareOf(variant)}`,
        unit: "x",
        budget: JUDGED[variant],
      };
      return figure(about, of("ratio", variant));
    });
  return [...costs, ...ratios];
}

interface Slice {
  /** The server's CPU time in seconds, and the wall-clock time that h2load reports. */
  cpu: number;
  seconds: number;
  /** Duration of each request in microseconds. */
  times: number[];
}

async function loadOnce(ats: Ats, { path, secure, how, requests }: Load, folder: string): Promise<Slice> {
  const log = join(folder, "requests");
  rmSync(log, { force: true });
  const url = (secure ? ats.httpsUrl : ats.httpUrl) + path;
  const before = cpuSeconds(ats.pid);
  const said = await output(loadCommand("h2load", ...how, "-n", String(requests), `--log-file=${log}`, url));
  const cpu = cpuSeconds(ats.pid) - before;
  if (needed(said, /status codes: (\d+) 2xx/) !== requests) throw new Error(`requests failed:\n${said}`);
  // A line per request: start time, status, duration in microseconds.
  const times = wordsOf(readFileSync(log, "utf8")).map(([, , us]) => Number(us));
  return { cpu, seconds: requests / needed(said, /, ([\d.]+) req\/s/), times };
}

function needed(text: string, pattern: RegExp): number {
  const digits = pattern.exec(text)?.[1];
  if (digits === undefined) throw new Error(`${pattern} is not in:\n${text}`);
  return Number(digits);
}

/** Number of events so far: allocations and releases. */
function eventsOf(dump: Dump): number {
  return dump.tables.flatMap((table) => table.rows).reduce((sum, row) => sum + row.allocs + row.frees, 0);
}

/** User and system time of a process so far, from its threads' schedstat: one tick of /proc/PID/stat would be 1 % of a round. */
function cpuSeconds(pid: number): number {
  const folder = `/proc/${pid}/task`;
  const ns = readdirSync(folder).map((thread) => Number(readFileSync(`${folder}/${thread}/schedstat`, "utf8").split(" ")[0]));
  return ns.reduce((sum, time) => sum + time, 0) / 1e9;
}

function residentKib(pid: number): number {
  return needed(readFileSync(`/proc/${pid}/status`, "utf8"), /^VmRSS:\s+(\d+) kB$/m);
}
