// SPDX-License-Identifier: Apache-2.0
//
// Two dumps for a terminal, as `git diff` would say it: what is less, what is more, and nothing of what is as it was.

import { formatOf } from "../../shared/classes.ts";
import { printable } from "../../shared/printable.ts";
import { bytes, count, signed } from "../../shared/units.ts";
import { nameOf } from "../read/sites.ts";
import type { Difference, DiffRow } from "./diff.ts";
import { table, topRows, type Column, type RenderOptions } from "./table.ts";
import { bold, green, red } from "./text.ts";

export function renderDiff(difference: Difference, options: RenderOptions): string {
  const { rows } = difference;
  const lines = [
    bold(red(`--- ${printable(difference.before)}`, options), options),
    bold(green(`+++ ${printable(difference.after)}`, options), options),
    ...difference.warnings.map((warning) => `! ${printable(warning)}`),
  ];
  if (!rows.length) return [...lines, "no difference"].join("\n") + "\n";
  const columns: Column<DiffRow>[] = [
    { title: "", cell: (row) => (row.change < 0 ? "-" : row.change > 0 ? "+" : " "), left: true },
    { title: "Change", cell: (row) => signed(row.change, formatOf(row)) },
    { title: "Before", cell: (row) => formatOf(row)(row.before), spare: 1 },
    { title: "After", cell: (row) => formatOf(row)(row.after) },
    { title: "Allocs", cell: (row) => signed(row.allocs, count), spare: 2 },
    { title: "Frees", cell: (row) => signed(row.frees, count), spare: 2 },
    {
      title: "Location",
      cell: (row) => nameOf(row) + (row.state === "both" ? "" : ` (${row.state})`),
      left: true,
    },
  ];
  const paint = (line: string, row: DiffRow): string =>
    row.change > 0 ? green(line, options) : row.change < 0 ? red(line, options) : line;
  lines.push(...table(topRows(rows, options), columns, options, paint));
  if (options.top && rows.length > options.top) lines.push(`  ${count(rows.length - options.top)} more; --top 0 shows all`);
  lines.push(
    `  total ${bytes(difference.totalBefore)} to ${bytes(difference.totalAfter)}, ${signed(difference.totalAfter - difference.totalBefore, bytes)}`,
  );
  return lines.join("\n") + "\n";
}
