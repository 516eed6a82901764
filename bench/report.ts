// SPDX-License-Identifier: Apache-2.0
//
// Writes RESULTS.md: the budgets first, then all figures.

import type { Measured } from "./comparisons.ts";
import { BUDGETS, limitText, number, type Budget, type Figure } from "./figure.ts";
import type { Machine } from "./machine.ts";

export interface Results extends Measured {
  date: string;
  quick: boolean;
  seconds: number;
  machine: Machine;
}

const TITLES: Record<string, string> = {
  events: "IOBuffer events",
  openssl: "OpenSSL allocations",
  tsapi: "TSmalloc",
  heap: "operator new",
  growth: "Growth",
  share: "Share of the network threads' time",
  server: "The whole server",
  command: "The memtrack command",
  instr: "Instructions",
};

export function resultsText({ date, seconds, machine, figures }: Results): string {
  const rounds = Math.max(...figures.map((figure) => figure.rounds));
  const lines = [
    "# Results",
    "",
    `Measured on ${date.slice(0, 10)} in ${Math.round(seconds)} seconds by \`npm run bench -- --save\`, ${rounds} rounds, all`,
    "comparisons interleaved. What each figure is, and how to read it: [README.md](README.md).",
    "",
    ...table(
      ["", ""],
      Object.entries(machine).map(([name, value]) => [name, value]),
    ),
    "",
    "## Against the budget",
    "",
    ...table(["figure", "budget", "within", "the worst, and where"], budgetRows(figures)),
  ];
  for (const [group, title] of Object.entries(TITLES)) {
    const own = figures.filter((figure) => figure.group === group);
    if (own.length) lines.push("", `## ${title}`, "", "Median (first to third quartile) of the rounds.", "", ...groupTables(own));
  }
  return lines.join("\n") + "\n";
}

function budgetRows(figures: Figure[]): string[][] {
  return Object.entries(BUDGETS as Record<string, Budget>).flatMap(([name, budget]) => {
    const judged = figures.filter((figure) => figure.budget === name);
    if (!judged.length) return [];
    const sign = "atLeast" in budget ? -1 : 1;
    const worst = judged.toSorted((a, b) => sign * (b.median - a.median))[0]!;
    const good = judged.filter((figure) => figure.verdict === "ok").length;
    const within = good === judged.length ? "yes" : `**${good} of ${judged.length}**`;
    return [[budget.text, limitText(budget), within, `${cell(worst)}: ${worst.name}, ${worst.what}`]];
  });
}

/** Makes a table for each set of columns. Figures with the same name form a row. */
function groupTables(figures: Figure[]): string[] {
  const rows = grouped(figures, (figure) => figure.name);
  const tables = grouped([...rows], ([, row]) => row.map((figure) => figure.what).join("|"));
  return [...tables.values()].flatMap((entries, index) => {
    const columns = entries[0]![1].map((figure) => figure.what);
    const body = entries.map(([name, row]) => [
      name,
      ...row.map((figure) => cell(figure) + (figure.verdict === "over" ? " **over**" : "")),
    ]);
    return [...(index ? [""] : []), ...table(["", ...columns], body)];
  });
}

function grouped<T>(things: T[], by: (thing: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const thing of things) groups.set(by(thing), [...(groups.get(by(thing)) ?? []), thing]);
  return groups;
}

function cell({ median, low, high, unit, rounds }: Figure): string {
  const text = `${number(median)}${unit === "x" || !unit ? "" : ` ${unit}`}`;
  return rounds > 1 ? `${text} (${number(low)}–${number(high)})` : text;
}

function table(head: string[], rows: string[][]): string[] {
  const line = (cells: string[]) => `| ${cells.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map((_, column) => (column ? "--:" : "---"))), ...rows.map(line)];
}
