// SPDX-License-Identifier: Apache-2.0
//
// What the search for references found: a table of the rows that it watched, with who holds them; and the call stacks of the rows whose
// allocations were sampled, each to be opened.

import { classOf } from "../shared/classes.ts";
import type { PageData, ProofData, SiteData, StackData } from "../shared/page-data.ts";
import { placeOf, shortName } from "../shared/place.ts";
import { count, span } from "../shared/units.ts";
import { meaningOfProof } from "../shared/verdicts.ts";
import { codeName, element } from "./dom.ts";
import { SortedTable, type Column } from "./table.ts";

type Searched = SiteData & { proof: ProofData };

export function searchPart({ sites }: PageData): HTMLElement[] {
  const rows = sites.filter((row): row is Searched => row.proof !== undefined);
  if (!rows.length) return [];
  const title = "Searched for references";
  const ages = rows.flatMap(({ proof: { ago } }) => (ago === null ? [] : [ago]));
  const last = ages.length ? ` The last pass ended ${span(Math.min(...ages))} before the last dump.` : "";
  const hint = `Lost is what nothing in memory refers to; what is held has its holder, from the block to the root.${last}`;
  const table = new SortedTable({ caption: title, columns: columns(), rows: inOrder(rows), words: wordsOf });
  return [
    element(
      "section",
      { "aria-labelledby": "searched" },
      element("h2", { id: "searched" }, title),
      element("p", { class: "hint" }, hint),
      table.root,
    ),
  ];
}

/** Those with most lost blocks first, then those that are held most. */
function inOrder(rows: Searched[]): Searched[] {
  return rows.sort((a, b) => b.proof.atLeast - a.proof.atLeast || b.proof.held - a.proof.held);
}

function columns(): Column<Searched>[] {
  const place = (row: Searched): string => placeOf(row.location, row.owner);
  return [
    { title: "Owner", text: (row) => row.owner, node: (row) => codeName(row.owner), names: true },
    { title: "Place", text: place, node: (row) => codeName(place(row)), names: true },
    { title: "Proof", text: ({ proof: { proof } }) => proof, node: word },
    { title: "Lost, at least", text: (row) => count(row.proof.atLeast), value: (row) => row.proof.atLeast },
    { title: "Found", text: ({ proof: { said } }) => said, names: true },
    {
      title: "Holder",
      text: ({ proof: { holder } }) => holder || "-",
      node: ({ proof: { holder } }) => codeName(holder || "-"),
      names: true,
    },
    { title: "Class", text: classOf },
  ];
}

function word({ proof: { proof } }: Searched): Node {
  return element("span", { class: `verdict ${proof === "lost" ? "leak" : ""}`, title: meaningOfProof(proof) }, proof);
}

function wordsOf({ location, owner, proof }: Searched): string {
  return `${location} ${owner} ${proof.proof} ${proof.said} ${proof.holder}`;
}

export function stacksPart({ sites }: PageData): HTMLElement[] {
  const rows = sites.flatMap((row) => (row.stacks?.length ? [{ row, stacks: row.stacks }] : []));
  if (!rows.length) return [];
  return [
    element(
      "section",
      { "aria-labelledby": "stacks", class: "stacks" },
      element("h2", { id: "stacks" }, "Call stacks"),
      element("p", { class: "hint" }, "Of sampled allocations, those with most that is alive; the innermost call first."),
      ...rows.map(({ row, stacks }) =>
        element("details", {}, element("summary", {}, codeName(shortName(row)), `, ${classOf(row)}`), ...stacks.map(stackItem)),
      ),
    ),
  ];
}

function stackItem({ said, calls }: StackData): HTMLElement {
  return element("div", {}, element("p", {}, said), element("ol", {}, ...calls.map((call) => element("li", {}, codeName(call)))));
}
