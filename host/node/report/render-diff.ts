// SPDX-License-Identifier: Apache-2.0
//
// Compares two dumps on a terminal, like `git diff`: decreases and increases, without unchanged rows.

import { classOf, formatOf } from "../../shared/classes.ts";
import { shortName } from "../../shared/place.ts";
import { printable } from "../../shared/printable.ts";
import { bytes, count, signed } from "../../shared/units.ts";
import type { Difference, DiffRow } from "./diff.ts";
import { fitName } from "./fit-name.ts";
import { renderResident } from "./resident.ts";
import { localTimes, table, topRows, type Column, type RenderOptions } from "./table.ts";
import { bold, green, red } from "./text.ts";

export function renderDiff(difference: Difference, options: RenderOptions): string {
  const { rows, resident } = difference;
  const lines = [
    bold(red(`--- ${printable(difference.before)}`, options), options),
    bold(green(`+++ ${printable(difference.after)}`, options), options),
    ...localTimes(difference.beforeTime, difference.afterTime, options),
    ...difference.warnings.map((warning) => `! ${printable(warning)}`),
  ];
  const memory = resident ? [`  ${renderResident(resident)}`] : [];
  if (!rows.length) return [...lines, "no difference", ...memory].join("\n") + "\n";
  const columns: Column<DiffRow>[] = [
    { title: "", cell: (row) => (row.change < 0 ? "-" : row.change > 0 ? "+" : " "), left: true },
    { title: "Change", cell: (row) => signed(row.change, formatOf(row)) },
    { title: "Before", cell: (row) => formatOf(row)(row.before), spare: 2 },
    { title: "After", cell: (row) => formatOf(row)(row.after) },
    { title: "Allocs", cell: (row) => signed(row.allocs, count), spare: 3 },
    { title: "Frees", cell: (row) => signed(row.frees, count), spare: 3 },
    { title: "Class", cell: classOf, left: true },
    {
      title: "Plugin, function, line",
      cell: (row) => shortName(row) + (row.state === "both" ? "" : ` (${row.state})`),
      fit: (name, row, room) => fitName(name, printable(row.owner), room),
      left: true,
    },
  ];
  const paint = (line: string, row: DiffRow): string =>
    row.change > 0 ? green(line, options) : row.change < 0 ? red(line, options) : line;
  lines.push(...table(topRows(rows, options), columns, options, paint));
  if (options.top && rows.length > options.top) lines.push(`  ${count(rows.length - options.top)} more; --top 0 shows all`);
  lines.push(
    `  total ${bytes(difference.totalBefore)} to ${bytes(difference.totalAfter)}, ${signed(difference.totalAfter - difference.totalBefore, bytes)}`,
    ...memory,
  );
  return lines.join("\n") + "\n";
}
