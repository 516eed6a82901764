// SPDX-License-Identifier: Apache-2.0
//
// The memtrack command on a file of 1 GB with 10,000 dumps: how fast `report` reads it, and how much memory it uses. The file is
// derived from a capture: its sites, and numbered copies of them, with rows ordered by size as in the plugin's output; from dump to
// dump most are unchanged, some grow, some come and go.
//
// The rate uses the processor time of the whole process, all threads: the time that one core would take. Wall-clock time is shown
// too; on a shared machine it mostly reflects other load.

import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDumps } from "../../harness/dump.ts";
import { handmadeDump, type HandmadeRow } from "../../harness/handmade.ts";
import { TOP } from "../../tools/build.ts";
import { figure, type Figure } from "../figure.ts";
import type { Run } from "../native.ts";

const DUMPS = 10_000;
const BYTES = 1.06e9;
/** Each round reads a gigabyte. */
const ROUNDS_MAX = 3;

const TELL = "process.on('exit', () => console.error(JSON.stringify(process.resourceUsage())))";

export async function command(run: Run): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "memtrack-bench-"));
  try {
    const dumps = run.quick ? DUMPS / 10 : DUMPS;
    const file = join(folder, "traffic.out");
    run.progress(`making a file of ${dumps} dumps`);
    make(file, dumps);
    const { size } = statSync(file);
    const rates: number[] = [];
    const walls: number[] = [];
    const memory: number[] = [];
    for (let round = 0; round < Math.min(run.rounds, ROUNDS_MAX); ++round) {
      run.progress(`reading it, round ${round + 1}`);
      const { cpu, wall, rss } = report(file, dumps);
      rates.push(size / 1e6 / cpu);
      walls.push(size / 1e6 / wall);
      memory.push(rss / 1e6);
    }
    const name = `report, ${(size / 1e9).toFixed(2)} GB, ${dumps} dumps`;
    const about = (what: string, unit: string) => ({ group: "command", name, what, unit });
    return [
      figure({ ...about("rate on one core", "MB/s"), budget: "commandRate" }, rates),
      figure(about("rate by the clock", "MB/s"), walls),
      figure({ ...about("resident memory, at most", "MB"), budget: "commandMemory" }, memory),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function report(file: string, dumps: number): { cpu: number; wall: number; rss: number } {
  const began = performance.now();
  const args = ["--import", `data:text/javascript,${TELL}`, join(TOP, "build", "command", "memtrack.js"), "report", "--json", file];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  const wall = (performance.now() - began) / 1000;
  if (status !== 0) throw new Error(`memtrack report exited with ${status}: ${stderr}`);
  if ((JSON.parse(stdout) as { dumps: number }).dumps !== dumps) throw new Error("memtrack report did not read all dumps");
  const usage = JSON.parse(stderr) as NodeJS.ResourceUsage;
  return { cpu: (usage.userCPUTime + usage.systemCPUTime) / 1e6, wall, rss: usage.maxRSS * 1024 };
}

function make(file: string, dumps: number): void {
  const [capture] = parseDumps(readFileSync(join(TOP, "tests", "fixtures", "memtrack-level2.out"), "utf8"));
  const seeds = capture!.tables.map((table) => table.rows);
  const one = handmadeDump({ rows: seeds[0]!, openssl: seeds[1]! }).length / (seeds[0]!.length + seeds[1]!.length);
  const wanted = Math.floor(BYTES / DUMPS / one);
  const rows = (table: number, count: number): HandmadeRow[] =>
    Array.from({ length: count }, (_, i) => {
      const seed = seeds[table]![i % seeds[table]!.length]!;
      return { ...seed, location: seed.location.replace(/\d+$/, (line) => String(Number(line) + i)) };
    });
  const tables = [rows(0, wanted >> 2), rows(1, wanted - (wanted >> 2))] as const;
  const fd = openSync(file, "w");
  try {
    for (let number = 1; number <= dumps; ++number) {
      for (const table of tables) change(table, number);
      const [iobuffer, openssl] = tables.map((table) => table.toSorted((a, b) => b.inUse - a.inUse));
      const text = handmadeDump({ number, level: 2, rows: iobuffer!, openssl: openssl! });
      writeSync(fd, `[Nov 22 18:00:00.000] [ET_NET 0] NOTE: a line of the server's own\n${text}`);
    }
  } finally {
    closeSync(fd);
  }
}

/** One in ten changes: a third of these grow, the others come and go. */
function change(rows: HandmadeRow[], number: number): void {
  for (let i = number % 10; i < rows.length; i += 10) {
    const row = rows[i]!;
    const size = 64 << (i % 8);
    const more = i % 3 === 0 ? 1 : ((number * 31 + i) % 7) - 3;
    const live = Math.max(0, row.allocs - row.frees + more);
    row.allocs += 100;
    row.frees = row.allocs - live;
    row.inUse = live * size;
  }
}
