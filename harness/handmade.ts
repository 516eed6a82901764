// SPDX-License-Identifier: Apache-2.0
//
// Dumps written by hand, for cases that no capture can show: planned sections, hostile names, and leaks at any rate that a test
// needs. Prefer captures where they exist (tests/fixtures).

import { sections, type Column, type Section } from "../format/format.ts";
import { headOf, ruleOf } from "../format/layout.ts";

export interface HandmadeRow {
  location: string;
  allocs: number;
  frees: number;
  inUse: number;
}

interface HandmadeDump {
  number?: number;
  /** Seconds since 1970. */
  time?: number;
  armed?: number;
  level?: number;
  rows: HandmadeRow[];
  openssl?: HandmadeRow[];
  /** Additional text before the end line. */
  sections?: string;
  /** Rows in `sections` that the end line counts. */
  sectionRows?: number;
}

/** A name that is code for a page, commands for a terminal, and contains separators of columns and frames. */
export const HOSTILE = "memory/plugin/<img src=x onerror=alert(1)>.so \x1b[31mred\x07\u202e | a;b (x.c:1)";
/** The same name as shown on a terminal. */
export const HOSTILE_SHOWN = "memory/plugin/<img src=x onerror=alert(1)>.so \\x1b[31mred\\x07\\u202e | a;b (x.c:1)";
export const HOSTILE_OWNER = "<img src=x onerror=alert(1)>.so";

const START = 1795372076;

export function builtInTable(rows: HandmadeRow[]): string {
  const pad = (value: number, width: number): string => String(value).padStart(width);
  const lines = rows.map(({ location, allocs, frees, inUse }) => {
    const average = allocs > frees ? Math.floor(inUse / (allocs - frees)) : 0;
    return `${pad(allocs, 10)} | ${pad(frees, 10)} | ${pad(inUse, 20)} | ${pad(average, 10)} | ${location.padEnd(50)}`;
  });
  const total = rows.reduce((sum, { inUse }) => sum + inUse, 0);
  return [
    headOf(sections.memory),
    ruleOf(sections.memory),
    ...lines,
    `${" ".repeat(26)}${pad(total, 20)} |            | ${"TOTAL".padEnd(50)}`,
    "-".repeat(130),
    "",
  ].join("\n");
}

export function handmadeDump(dump: HandmadeDump): string {
  const {
    number = 1,
    time = START + 60 * number,
    armed = 60 * number,
    level = 1,
    rows,
    openssl,
    sections = "",
    sectionRows = 0,
  } = dump;
  const stamp = new Date(time * 1000).toISOString().replace(".000", "");
  return [
    `memtrack format=1 dump=${number} time=${stamp} reason=timer level=${level} armed=${armed} core=0123456789abcdef shards=4 ` +
      "sites=3/4096 refused-sites=0 iobuffer=installed openssl=off verify=off lost=0 traps=0 memory=8585216",
    "",
    builtInTable(rows) + (openssl ? `\n${builtInTable(openssl)}` : "") + (sections ? `\n${sections}` : ""),
    `memtrack end dump=${number} rows=${rows.length + (openssl?.length ?? 0) + sectionRows}`,
    "",
  ].join("\n");
}

/** The section of modules: build ids, and names with their paths. */
export function modulesSection(modules: [buildId: string, nameAndPath: string][]): string {
  const { title, columns } = sections.modules;
  const rows = modules.map(([id, text]) => `${id.padEnd(columns[0].width)} | ${text}`);
  return [title, headOf(sections.modules), ruleOf(sections.modules), ...rows, ""].join("\n");
}

/**
 * A leak of `bytes` per minute at one site, among sites that are constant, that come and go, and a hostile site: a dump per minute.
 */
export function handmadeLeak(dumps: number, bytes = 4096): string {
  let text = "";
  for (let n = 1; n <= dumps; ++n) {
    const busy = 50 + ((n * 37) % 41);
    text += handmadeDump({
      number: n,
      rows: [
        {
          location: "memory/plugin/leaky.so handler (leaky.c:42)",
          allocs: 100 + 10 * n,
          frees: 6 * n,
          inUse: (100 + 4 * n) * (bytes / 4),
        },
        { location: "memory/IOBuffer/HttpSM.cc:1836", allocs: 5000 * n, frees: 5000 * n - busy, inUse: busy * 4096 },
        { location: "memory/IOBuffer/Cache.cc:2331", allocs: 9, frees: 4, inUse: 667648 },
        { location: HOSTILE, allocs: 3 + (n % 2), frees: 1, inUse: 8192 + 64 * (n % 3) },
      ],
    });
  }
  return text;
}

/** A line of a section: its cells in the order of the columns, then its text, then the cells behind it. */
function lineOf(section: Section, before: (string | number)[], text: string, after: string[] = []): string {
  const cells = before.map((cell, at) => {
    const { width = 0, unit = "text" } = section.columns[at] as Partial<Column>;
    return unit === "text" ? String(cell).padEnd(width) : String(cell).padStart(width);
  });
  return [...cells, after.length ? text.padEnd(section.text.width ?? 0) : text, ...after].join(" | ");
}

function sectionOf(section: Section, title: string, lines: string[]): string {
  return [title, headOf(section), ruleOf(section), ...lines, ""].join("\n");
}

/** Rows of handmadeSearched(): one that is lost, one that is held, one that nobody can tell. */
export const LOST = "memory/plugin/leaky.so lose (leaky.c:17)";
export const HELD = "memory/plugin/foo.so insert (foo.c:120)";
export const BLIND = "memory/plugin/xor.so link (xor.c:9)";

/** A dump with what the search for references found, and with call stacks. */
export function handmadeSearched(verdict: "accepted" | "leak" = "accepted"): string {
  const { search, holders, stacks, growth, suspects } = sections;
  const call = (text: string): string => lineOf(stacks, [1, "-", "-", "-", "-", "-"], `  ${text}`, ["-"]);
  const rows = [LOST, HELD, BLIND].map((location) => ({ location, allocs: 4000, frees: 846, inUse: 3154 * 64 }));
  return handmadeDump({
    rows: [],
    sections: [
      `TSmalloc memory of plugins\n${builtInTable(rows)}`,
      sectionOf(growth, `${growth.title} arming, 600 s ago: 3 rows`, [
        lineOf(growth, [verdict, "-", 200000, 100000], LOST, ["tsapi", "5", "4000", "846", "50", "70", "0", "100", "lost"]),
      ]),
      ...(verdict === "leak"
        ? [
            sectionOf(suspects, `${suspects.title} 1 with unexplained growth`, [
              lineOf(suspects, [100000, 600, "-"], `${LOST}: +97.6 KiB/h for 600 s, at least 2,750 of 3,154 blocks lost`),
            ]),
          ]
        : []),
      sectionOf(search, `${search.title} 3 rows whose blocks were searched for references`, [
        lineOf(search, [1, "lost", 64, 61, 0, 3, 0, 25, 1, 3154, 2750, "tsapi"], LOST),
        lineOf(search, [2, "held", 64, 0, 0, 60, 4, 25, 7, 3154, 0, "tsapi"], HELD),
        lineOf(search, [3, "blind", 64, 0, 0, 0, 0, 25, 7, 3154, 0, "tsapi"], BLIND),
      ]),
      sectionOf(holders, `${holders.title} from the block to the root`, [
        lineOf(holders, [2, 83], "held by foo.so insert (foo.c:120) <- foo.so table (.bss)"),
      ]),
      sectionOf(stacks, stacks.title, [
        lineOf(stacks, [1, 40, 2560, 163840, 100, 83], LOST, ["tsapi"]),
        ...[
          ...["leaky.so lose (leaky.c:17) [inlined]", "leaky.so wrapper (leaky.c:30)"],
          ...["leaky.so handler (leaky.c:44)", "... more calls"],
        ].map(call),
      ]),
    ].join("\n"),
    sectionRows: 3,
  });
}

/** The planned sections in the agreed form. */
export const NEW_SECTIONS = `TSmalloc memory of plugins
${builtInTable([
  { location: "memory/plugin/foo.so handler (foo.c:88)", allocs: 10, frees: 4, inUse: 600 },
  { location: "memory/plugin/foo.so#2+0x1a2b [retired]", allocs: 3, frees: 1, inUse: 64 },
])}
Heap memory of plugins
${builtInTable([{ location: "memory/OpenSSL/ssl/ssl_lib.c:123 [via foo.so]", allocs: 7, frees: 2, inUse: 500 }])}
Objects of plugins
Created    | Destroyed  | Alive      | Kind       | Location
-----------|------------|------------|------------|--------------------------------------------------
        12 |          2 |         10 | TSCont     | memory/plugin/foo.so setup (foo.c:20)
         5 |          5 |          0 | TSMutex    | memory/plugin/foo.so setup (foo.c:20)

Owners
IOBuffer             | OpenSSL    | TSmalloc   | Heap       | Total      | Change     | Objects    | State    | Owner
---------------------|------------|------------|------------|------------|------------|------------|----------|----------
                   0 |          0 |        600 |        500 |       1100 |       +100 |         10 | loaded   | foo.so
               81920 |          0 |          0 |          0 |      81920 |          0 |          0 | -        | core

Reconciliation
Bytes                | What
---------------------|------------------------------
             1048576 | resident | of the process
`;
export const NEW_SECTIONS_ROWS = 3;
