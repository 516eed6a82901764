// SPDX-License-Identifier: Apache-2.0
//
// Costs that must not grow: the cost with the amount of live memory, the time of a dump, the longest stop of a counting thread,
// memory per thread.

import { figure, paired, type Figure } from "../figure.ts";
import { Rounds, run, type Run } from "../native.ts";

const LIVE = [1e3, 1e4, 1e5, 1e6, 1e7];
const LIVE_QUICK = [1e3, 1e5];
const COSTS = ["bare, oldest first", "ours, oldest first", "bare, random", "ours, random", "event"] as const;
const SITES = 4096;
const THREADS = 64;

export async function growth(options: Run): Promise<Figure[]> {
  return [...(await liveObjects(options)), ...(await dumps(options))];
}

async function liveObjects({ quick, rounds, progress }: Run): Promise<Figure[]> {
  const counts = quick ? LIVE_QUICK : LIVE;
  const measured = new Rounds();
  for (let round = 0; round < rounds; ++round) {
    for (const blocks of counts) {
      progress(`growth: live objects, round ${round + 1} of ${rounds}, ${blocks} blocks`);
      const [numbers = []] = await run("live", { blocks, pairs: 100_000, first: round % 2 ? "b" : "o" });
      COSTS.forEach((cost, index) => measured.add(`${cost} ${blocks}`, numbers[index]));
    }
  }
  const [least, most] = [counts[0]!, counts.at(-1)!];
  const more = (order: string, blocks: number) => {
    const bare = measured.of(`bare, ${order} ${blocks}`);
    return measured.of(`ours, ${order} ${blocks}`).map((ns, round) => ns - bare[round]!);
  };
  // The budget refers to the whole range only.
  const budget = quick ? undefined : ("live" as const);
  const trend = { group: "growth", name: `${most} objects / ${least}`, unit: "x" };
  return [
    ...counts.flatMap((blocks) => {
      const about = { group: "growth", name: `${blocks} live objects`, unit: "ns" };
      return [
        ...COSTS.map((what) => figure({ ...about, what }, measured.of(`${what} ${blocks}`))),
        figure({ ...about, what: "more than bare, oldest first" }, more("oldest first", blocks)),
        figure({ ...about, what: "more than bare, random" }, more("random", blocks)),
      ];
    }),
    paired({ ...trend, what: "event", budget }, measured.of(`event ${most}`), measured.of(`event ${least}`)),
    paired({ ...trend, what: "more than bare, oldest first", budget }, more("oldest first", most), more("oldest first", least)),
    paired({ ...trend, what: "more than bare, random" }, more("random", most), more("random", least)),
  ];
}

async function dumps({ quick, rounds, progress }: Run): Promise<Figure[]> {
  progress("growth: dumps, and the gaps they make");
  const lines = await run("dumps", { sites: SITES, threads: THREADS, rounds, ms: quick ? 200 : 500 });
  const of = (word: string) => lines.filter(([first]) => first === word).map(([, ...numbers]) => numbers.map(Number));
  const [memory = []] = of("memory");
  const gaps = of("gaps");
  const [quiet, dumping] = [gaps.filter(([count]) => count === 0), gaps.filter(([count]) => count !== 0)];
  const about = { group: "growth", name: `${SITES} sites x ${THREADS} shards` };
  const columns = ["median gap", "p99 gap", "p99.99 gap", "longest gap"];
  const gapFigures = columns.flatMap((what, index) =>
    [quiet, dumping].map((windows, during) =>
      figure(
        { ...about, what: `${what}, ${during ? "dumping" : "quiet"}`, unit: "µs" },
        windows.map((window) => window[index + 1]! / 1000),
      ),
    ),
  );
  const over = (windows: number[][]) => windows.map((window) => window[5]! / (window[6]! / 1e6));
  return [
    figure(
      { ...about, what: "dump", unit: "ms", budget: "dump" },
      of("dump").map(([ms]) => ms!),
    ),
    ...gapFigures,
    figure({ ...about, what: "gaps > 50 µs a million, quiet", unit: "" }, over(quiet)),
    figure({ ...about, what: "gaps > 50 µs a million, dumping", unit: "" }, over(dumping)),
    // Adds 1 to both counts: a ratio of 1 to 0 would not be a significant difference.
    paired(
      { ...about, what: "gaps > 50 µs, dumping / quiet", unit: "x", budget: "stop" },
      over(dumping),
      over(quiet),
      (x, y) => (x + 1) / (y + 1),
    ),
    figure({ ...about, what: "resident memory a thread", unit: "KiB", budget: "memory" }, [memory[0]! / 1024]),
    figure({ ...about, what: "linear memory a thread", unit: "KiB" }, [memory[1]! / 1024]),
  ];
}
