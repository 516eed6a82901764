// SPDX-License-Identifier: Apache-2.0
//
// The rest of the last dump: the parts of the resident memory as a bar and a table, and the sections that the page shows nowhere else.
// The table of a section is built when the reader opens it.

import { OBJECT_KINDS } from "../shared/classes.ts";
import type { PageData, SectionData } from "../shared/page-data.ts";
import { bytes, count, signed, span } from "../shared/units.ts";
import { codeName, element } from "./dom.ts";
import { SortedTable, type Column } from "./table.ts";

const FORMATS = { bytes, count, seconds: span, percent: (value: number) => `${value} %`, text: String };
type Unit = keyof typeof FORMATS;

export function reconciliationPart({ memory }: PageData): HTMLElement[] {
  if (!memory) return [];
  const { resident, parts, unaccounted, limit } = memory;
  const whole = parts.reduce((sum, part) => sum + Math.max(0, part.bytes ?? 0), 0);
  const share = (value: number): string => `${((100 * value) / (resident.bytes || 1)).toFixed(1)} %`;
  const changes = parts.some(({ change }) => change !== null);
  const bar = element("div", { class: "bar", "aria-hidden": "true" });
  const body = element("tbody");
  for (const [index, part] of parts.entries()) {
    const { name, bytes: value, change } = part;
    const colour = part.name === unaccounted?.name ? "c11" : `c${index % 11}`;
    const swatch = element("span", { class: `swatch ${colour}` });
    if (value !== null && value > 0) {
      const piece = element("span", { class: colour, title: `${name}: ${bytes(value)}` });
      piece.style.flexGrow = String(value / whole);
      bar.append(piece);
    }
    body.append(
      element(
        "tr",
        {},
        element("th", { scope: "row" }, swatch, ` ${name}`),
        number(value === null ? "not known" : bytes(value)),
        number(value === null ? "-" : share(value)),
        ...(changes ? [number(change === null ? "-" : signed(change, bytes))] : []),
      ),
    );
  }
  const title = "Reconciliation: the parts of the resident memory";
  const heads = ["Part", "Bytes", "Share", ...(changes ? ["Change"] : [])];
  const table = element(
    "table",
    {},
    element("caption", {}, title),
    element(
      "thead",
      {},
      element("tr", {}, ...heads.map((text, at) => element("th", { scope: "col", class: at ? "number" : undefined }, text))),
    ),
    body,
  );
  const said = [`resident memory ${bytes(resident.bytes)}`, ...(limit?.bytes ? [`${limit.name} ${bytes(limit.bytes)}`] : [])].join(
    "; ",
  );
  return [
    element(
      "section",
      { class: "reconciliation", "aria-labelledby": "reconciliation" },
      element("h2", { id: "reconciliation" }, title),
      element("p", { class: "hint" }, `In the last dump: ${said}`),
      bar,
      element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, table),
    ),
  ];
}

export function sectionsPart({ sections, sites }: PageData): HTMLElement[] {
  if (!sections.length) return [];
  // Growth and ages of these objects are numbers of them.
  const counted = new Set(sites.filter(({ kind, bytes }) => kind && !bytes).map(({ kind, location }) => `${kind} ${location}`));
  return [
    element(
      "section",
      { "aria-labelledby": "sections" },
      element("h2", { id: "sections" }, "Further sections of the last dump"),
      ...sections.map((section) => sectionPart(section, counted)),
    ),
  ];
}

function sectionPart(section: SectionData, counted: ReadonlySet<string>): HTMLElement {
  const { title, columns, name, rows } = section;
  const details = element("details", {}, element("summary", {}, title));
  details.addEventListener(
    "toggle",
    () => {
      const kind = columns.findIndex((column) => column.title === "Kind");
      const made = columns.map(({ title: head, unit }, at): Column<string[]> => {
        const unitOf = (cells: string[]): Unit =>
          unit === "bytes" && OBJECT_KINDS.has(cells[kind]) && counted.has(`${cells[kind]} ${cells[name]}`) ? "count" : unit;
        const text = (cells: string[]): string => formatted(cells[at] ?? "", unitOf(cells));
        if (at === name) return { title: head, text, node: (cells) => codeName(text(cells)), names: true };
        return { title: head, text, ...(unit !== "text" && { value: (cells) => numberOf(cells[at]) ?? -Infinity }) };
      });
      // The name of a row comes first, as in the other tables.
      made.unshift(...made.splice(name, 1));
      details.append(new SortedTable({ caption: title, columns: made, rows, words: (cells) => cells.join(" ") }).root);
    },
    { once: true },
  );
  return details;
}

function formatted(cell: string, unit: Unit): string {
  const value = unit === "text" ? undefined : numberOf(cell);
  return value === undefined ? cell : FORMATS[unit](value);
}

function numberOf(cell: string | undefined): number | undefined {
  return cell !== undefined && /^-?\d+$/.test(cell) ? Number(cell) : undefined;
}

function number(text: string): HTMLElement {
  return element("td", { class: "number" }, text);
}
