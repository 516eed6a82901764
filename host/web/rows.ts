// SPDX-License-Identifier: Apache-2.0
//
// The tables of owners and sites. Leaks come first, then the largest growth. Change and bytes in use refer to the part of the time that
// the graphs show.

import { classOf, formatOf, MEMORY_CLASSES, titleOf } from "../shared/classes.ts";
import type { OwnerData, PageData, SiteData } from "../shared/page-data.ts";
import { placeOf } from "../shared/place.ts";
import { bytes, count, signed } from "../shared/units.ts";
import { meaningOf } from "../shared/verdicts.ts";
import type { Span } from "./chart.ts";
import { button, codeName, element } from "./dom.ts";
import { SortedTable, type Column } from "./table.ts";

/** A shorter time says nothing about an hour. */
const RATE_SECONDS_MIN = 60;

type Row = OwnerData | SiteData;
export type ShowSites = (name: string, has: (row: SiteData) => boolean) => void;

/** The part of the time that the graphs show: the dumps where it begins and ends. */
export class View {
  readonly #x: PageData["x"];
  from = 0;
  to: number;

  constructor(x: PageData["x"]) {
    this.#x = x;
    this.to = x.values.length - 1;
  }

  get whole(): boolean {
    return this.from === 0 && this.to === this.#x.values.length - 1;
  }

  /** Returns whether the part changed. */
  choose({ min, max }: Span): boolean {
    const { values } = this.#x;
    const [from, to] = [this.from, this.to];
    this.from = Math.max(
      0,
      values.findLastIndex((x) => x <= min),
    );
    const end = values.findIndex((x) => x >= max);
    this.to = end < 0 ? values.length - 1 : end;
    return from !== this.from || to !== this.to;
  }

  /** Undefined for a row without values for a graph. */
  inUse(row: Row): number | undefined {
    return this.whole ? ("total" in row ? row.total : row.value) : row.values?.[this.to];
  }

  change(row: Row): number | undefined {
    if (this.whole) return row.change;
    return row.values && row.values[this.to]! - row.values[this.from]!;
  }

  perHour(row: Row): number | undefined {
    if (this.whole) return row.perHour ?? undefined;
    const { time, values } = this.#x;
    const seconds = values[this.to]! - values[this.from]!;
    const change = this.change(row);
    return change === undefined || !time || seconds < RATE_SECONDS_MIN ? undefined : (change * 3600) / seconds;
  }
}

export function ownersTable(data: PageData, view: View, show: ShowSites): SortedTable<OwnerData> {
  const classes = MEMORY_CLASSES.filter((name) => data.owners.some((row) => row.classes[name] !== 0));
  const name = ({ owner }: OwnerData): Node =>
    button({ class: "link", title: "Show the sites of this owner" }, codeName(owner), () =>
      show(owner, (row) => row.owner === owner),
    );
  const columns: Column<OwnerData>[] = [
    { title: "Owner", text: (row) => row.owner, node: name, names: true },
    ...growthColumns(data.owners, view),
    ...(classes.length > 1 ? classes : []).map((cls): Column<OwnerData> => ({
      title: titleOf(cls),
      text: (row) => bytes(row.classes[cls]),
      value: (row) => row.classes[cls],
    })),
  ];
  if (data.owners.some((row) => row.objects))
    columns.push({ title: "Objects", text: (row) => count(row.objects), value: (row) => row.objects });
  return table("Owners", columns, data.owners, (row) => `${row.owner} ${verdictText(row)}`);
}

export function sitesTable(data: PageData, view: View): SortedTable<SiteData> {
  const place = (row: SiteData): string => placeOf(row.location, row.owner);
  const columns: Column<SiteData>[] = [
    { title: "Owner", text: (row) => row.owner, node: (row) => codeName(row.owner), names: true },
    { title: "Place", text: place, node: (row) => codeName(place(row)), names: true },
    ...growthColumns(data.sites, view),
    { title: "Class", text: classOf },
    { title: "Peak", text: (row) => formatOf(row)(row.peak), value: (row) => row.peak },
    { title: "Alive", text: (row) => count(row.live), value: (row) => row.live },
    { title: "Allocated", text: (row) => count(row.allocs), value: (row) => row.allocs },
    { title: "Released", text: (row) => count(row.frees), value: (row) => row.frees },
  ];
  const words = (row: SiteData): string =>
    `${row.location} ${row.owner} ${row.kind ?? ""} ${titleOf(row.class)} ${verdictText(row)}`;
  return table("Sites", columns, data.sites, words);
}

/** Leaks first, then the largest growth. */
function table<R extends Row>(caption: string, columns: Column<R>[], rows: R[], words: (row: R) => string): SortedTable<R> {
  const sortBy = columns.findIndex(({ title }) => title === "Change");
  return new SortedTable({ caption, columns, rows, sortBy, words, first: (row) => row.verdict === "leak" });
}

/** The columns about growth. Columns without values are left out. */
function growthColumns<R extends Row>(rows: R[], view: View): Column<R>[] {
  const column = (title: string, of: (row: R) => number | undefined, sign: boolean): Column<R> => ({
    title,
    value: (row) => of(row) ?? -Infinity,
    text: (row) => {
      const value = of(row);
      const format = formatOf("class" in row ? row : {});
      return value === undefined ? "-" : sign ? signed(Math.round(value), format) : format(value);
    },
  });
  return [
    ...(rows.some((row) => row.verdict) ? [{ title: "Verdict", text: verdictText, node: verdict }] : []),
    column("Change", (row) => view.change(row), true),
    ...(rows.some((row) => row.perHour !== null) ? [column("Per hour", (row) => view.perHour(row), true)] : []),
    column("In use", (row) => view.inUse(row), false),
  ];
}

function verdictText({ verdict: text, why }: Row): string {
  return `${text ?? "-"}${why ? `: ${why}` : ""}`;
}

function verdict(row: Row): Node {
  return element("span", { class: `verdict ${row.verdict ?? ""}`, title: meaningOf(row.verdict ?? "") }, verdictText(row));
}
