// SPDX-License-Identifier: Apache-2.0
//
// The top of the page: how large the process is, how much of it the rows explain, what may leak; then the suspects, each with its
// plugin first and its evidence.

import type { PageData, SiteData, SuspectData, UndecidedData } from "../shared/page-data.ts";
import { shortName } from "../shared/place.ts";
import { bytes, count, signed, span } from "../shared/units.ts";
import { meaningOf } from "../shared/verdicts.ts";
import { button, codeName, element } from "./dom.ts";
import type { ShowSites } from "./rows.ts";

export function summaryPart(data: PageData, show: ShowSites): HTMLElement {
  const { memory, suspects, undecided, x } = data;
  const several = x.values.length > 1;
  const during = x.time ? `in ${span(x.values.at(-1)! - x.values[0]!)}` : "since the first dump";
  const changed = (change: number | null): string => (several && change !== null ? `${signed(change, bytes)} ${during}` : "");
  const facts: HTMLElement[] = [];
  if (memory) {
    const { resident, unaccounted, limit } = memory;
    const share = (part: number, whole: number): string => `${Math.round((100 * part) / whole)} %`;
    const ofLimit = limit?.bytes ? `${share(resident.bytes, limit.bytes)} of ${bytes(limit.bytes)}${afterColon(limit.name)}` : "";
    facts.push(fact("Resident memory", bytes(resident.bytes), changed(resident.change), explained(memory), ofLimit));
    facts.push(fact("In use, tracked", bytes(data.total), changed(data.change)));
    if (unaccounted && unaccounted.bytes !== null) {
      const of = `${share(unaccounted.bytes, resident.bytes)} of resident memory`;
      const judged = [memory.verdict && meaningOf(memory.verdict), memory.why].filter(Boolean).join(": ");
      facts.push(fact("Not accounted", bytes(unaccounted.bytes), changed(unaccounted.change), of, judged));
    }
  } else {
    facts.push(fact("In use", bytes(data.total), changed(data.change)));
  }
  const owners = [...new Set(suspects.map(({ owner }) => owner))];
  facts.push(fact("Suspects", count(suspects.length), owners.slice(0, OWNERS_SHOWN).join(", ")));
  if (undecided) facts.push(undecidedFact(undecided, data, show));
  return element("dl", { class: "facts" }, ...facts);
}

/** How much of the growth the rows explain. */
function explained({ coverage, resident }: NonNullable<PageData["memory"]>): string {
  if (coverage !== null) return `rows explain ${coverage} % of the growth`;
  return resident.change === null ? "" : "too little growth for its coverage by rows";
}

/** Owners that the number of suspects names. */
const OWNERS_SHOWN = 3;

function fact(title: string, value: string, ...rest: string[]): HTMLElement {
  const lines = rest.filter(Boolean).map((text) => element("small", {}, text));
  return element("div", {}, element("dt", {}, title), element("dd", {}, element("strong", {}, value), ...lines));
}

/** The largest growth that can still become a suspect. */
function undecidedFact({ site, when }: UndecidedData, { sites }: PageData, show: ShowSites): HTMLElement {
  const row = sites[site]!;
  const name = shortName(row);
  const rate = row.perHour === null ? "" : `, ${signed(row.perHour, bytes)}/h`;
  const made = fact(
    "Largest growth not judged yet",
    `${signed(row.change, bytes)}${rate}`,
    [row.why ?? meaningOf(row.verdict ?? ""), when].filter(Boolean).join("; "),
    `${count(row.allocs)} allocated, ${count(row.frees)} released`,
  );
  made.classList.add("undecided");
  made
    .querySelector("strong")!
    .after(button({ class: "link", title: "Show its row" }, codeName(name), () => show(name, (each) => each === row)));
  return made;
}

export function suspectsPart(data: PageData, show: ShowSites): HTMLElement {
  const heading = element("h2", { id: "suspects" }, "Suspects");
  if (!data.suspects.length) {
    const none = data.none.replace(/^./, (first) => first.toUpperCase());
    return element("section", { "aria-labelledby": "suspects" }, heading, element("p", {}, none));
  }
  return element(
    "section",
    { "aria-labelledby": "suspects", class: "suspects" },
    heading,
    element("p", { class: "hint" }, "Memory that grows without an explanation. Start here."),
    element("ul", {}, ...data.suspects.map((suspect) => suspectItem(suspect, data.sites, show))),
  );
}

function suspectItem({ owner, place, classes, growth, rows, sites }: SuspectData, all: SiteData[], show: ShowSites): HTMLElement {
  const named = [owner, place].filter(Boolean).join(" ");
  const shown = new Set(sites.map((site) => all[site]));
  return element(
    "li",
    {},
    element("strong", {}, codeName(owner)),
    " ",
    place ? codeName(place) : sites.length ? "several of its sites together" : "",
    ...classes.map((cls) => `, ${cls}`),
    element("p", {}, growth),
    ...(rows.length ? [element("ul", {}, ...rows.map((row) => rowItem(row, place)))] : []),
    ...(sites.length
      ? [button({}, sites.length > 1 ? "Show its rows" : "Show its row", () => show(named, (row) => shown.has(row)))]
      : []),
  );
}

function rowItem(row: SuspectData["rows"][number], placeOfAll: string): HTMLElement {
  const place = row.place === placeOfAll ? [] : [codeName(row.place), row.classes.length ? ", " : ""];
  return element("li", {}, ...place, `${row.classes.join(", ")}: ${row.growth}`);
}

/** The text behind a name's colon: `the machine's memory` of `limit: the machine's memory`. */
function afterColon(name: string): string {
  const at = name.indexOf(": ");
  return at < 0 ? "" : `, ${name.slice(at + 2)}`;
}
