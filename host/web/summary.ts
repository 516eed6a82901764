// SPDX-License-Identifier: Apache-2.0
//
// What stands on top: how large the process is, how much of that the rows explain, what grows; then the suspects, each with its plugin
// first and its evidence.

import type { PageData, SiteData } from "../shared/page-data.ts";
import { fullPlace, placeOf } from "../shared/place.ts";
import { bytes, count, signed, span } from "../shared/units.ts";
import { meaningOf } from "../shared/verdicts.ts";
import { button, codeName, element } from "./dom.ts";
import type { ShowSites } from "./rows.ts";

export function summaryPart(data: PageData, show: ShowSites): HTMLElement {
  const { memory, suspects, x } = data;
  const several = x.values.length > 1;
  const during = x.time ? `in ${span(x.values.at(-1)! - x.values[0]!)}` : "since the first dump";
  const changed = (change: number | null): string => (several && change !== null ? `${signed(change, bytes)} ${during}` : "");
  const facts: [title: string, value: string, rest: string][] = [];
  if (memory) {
    const { resident, unaccounted, limit } = memory;
    const share = (part: number, whole: number): string => `${Math.round((100 * part) / whole)} %`;
    facts.push(["Resident memory", bytes(resident.bytes!), changed(resident.change)]);
    if (limit?.bytes)
      facts.push(["Of the limit", share(resident.bytes!, limit.bytes), `${bytes(limit.bytes)}${afterColon(limit.name)}`]);
    facts.push(["In the rows below", bytes(data.total), changed(data.change)]);
    if (unaccounted && unaccounted.bytes !== null) {
      const of = `${share(unaccounted.bytes, resident.bytes!)} of resident memory`;
      facts.push(["Not accounted", bytes(unaccounted.bytes), [of, changed(unaccounted.change)].filter(Boolean).join(", ")]);
    }
  } else {
    facts.push(["In use", bytes(data.total), changed(data.change)]);
  }
  facts.push(["Suspects", count(suspects.length), ""]);
  const items = facts.map(([title, value, rest]) =>
    element(
      "div",
      {},
      element("dt", {}, title),
      element("dd", {}, element("strong", {}, value), ...(rest ? [element("small", {}, rest)] : [])),
    ),
  );
  const undecided = data.undecided === null ? undefined : data.sites[data.undecided];
  if (undecided) items.push(undecidedFact(undecided, show));
  return element("dl", { class: "facts" }, ...items);
}

/** The growth that is largest among those that may yet turn out to leak. */
function undecidedFact(row: SiteData, show: ShowSites): HTMLDivElement {
  const name = fullPlace(row.owner, placeOf(row.location, row.owner));
  const rate = row.perHour === null ? "" : `, ${signed(row.perHour, bytes)}/h`;
  const why = row.verdict === null ? "no verdict" : `${row.verdict}: ${row.why ?? meaningOf(row.verdict)}`;
  const counts = `${count(row.allocs)} allocated, ${count(row.frees)} released`;
  return element(
    "div",
    { class: "undecided" },
    element("dt", {}, "Largest growth without a decision"),
    element(
      "dd",
      {},
      element("strong", {}, signed(row.change, bytes), rate),
      button({ class: "link", title: "Show its row" }, codeName(name), () => show(name, (site) => site === row)),
      element("small", {}, `${counts}; ${why}`),
    ),
  );
}

export function suspectsPart(data: PageData, show: ShowSites): HTMLElement {
  const heading = element("h2", { id: "suspects" }, "Suspects");
  if (!data.suspects.length) {
    const none = data.none.replace(/^./, (first) => first.toUpperCase());
    return element("section", { "aria-labelledby": "suspects" }, heading, element("p", {}, none));
  }
  const items = data.suspects.map(({ owner, place, rows }) => {
    const name = fullPlace(owner, place);
    const locations = rows.map(({ location }) => location);
    const has = (row: SiteData): boolean => (place ? locations.includes(row.location) : row.owner === owner);
    return element(
      "li",
      {},
      element("strong", {}, codeName(owner)),
      " ",
      place ? codeName(place) : "several of its sites together",
      ...rows.map(({ location, evidence }) => {
        const other = placeOf(location, owner);
        return element("p", {}, ...(other === place ? [] : [codeName(other), ": "]), evidence);
      }),
      button({}, rows.length > 1 ? "Show its rows" : "Show its row", () => show(name, has)),
    );
  });
  return element("section", { "aria-labelledby": "suspects", class: "suspects" }, heading, element("ul", {}, ...items));
}

/** Behind a name's colon: the text of `limit: the machine's memory`. */
function afterColon(name: string): string {
  const at = name.indexOf(": ");
  return at < 0 ? "" : `, ${name.slice(at + 2)}`;
}
