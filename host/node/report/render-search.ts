// SPDX-License-Identifier: Apache-2.0
//
// What the search for references says of rows, in sentences: whether their blocks are lost, and who holds those that are not.

import { proofs } from "../../../format/format.ts";
import { classOf } from "../../shared/classes.ts";
import { shortName } from "../../shared/place.ts";
import { printable } from "../../shared/printable.ts";
import { count, span } from "../../shared/units.ts";
import type { Proof } from "../read/proofs.ts";
import type { Report, SiteRow } from "./report.ts";
import { titled, topRows, type RenderOptions } from "./table.ts";
import { hanging, red } from "./text.ts";

type Searched = SiteRow & { proof: Proof };

/** Width of the longest word, and two blanks. */
const WORD = 10;

/** The searched rows, those with most lost blocks first, then those that are held most; nothing if there are none. */
export function renderSearch(report: Report, options: RenderOptions): string[] {
  const rows = report.sites.filter((row): row is Searched => row.proof !== undefined);
  if (!rows.length || options.brief) return [];
  rows.sort((a, b) => b.proof.atLeast - a.proof.atLeast || b.proof.held - a.proof.held);
  return [
    titled("Searched for references", rows.length, options, lastPass(rows)),
    ...topRows(rows, options).flatMap((row) => rowLines(row, options)),
    "",
  ];
}

/** When the latest pass ended. */
function lastPass(rows: Searched[]): string {
  const known = rows.flatMap(({ proof: { ago } }) => (ago === undefined ? [] : [ago]));
  return known.length ? `the last pass ended ${span(Math.min(...known))} before the dump` : "";
}

function rowLines(row: Searched, options: RenderOptions): string[] {
  const { proof } = row;
  const word = printable(proof.proof).padEnd(WORD - 2);
  const head = `  ${proof.proof === "lost" ? red(word, options) : word}  `;
  const lines = hanging(head, WORD + 2, printable(`${shortName(row)}, ${classOf(row)}: ${renderProof(proof)}`), options);
  if (proof.holder === undefined) return lines;
  return [...lines, ...hanging(" ".repeat(WORD + 2), WORD + 4, printable(renderHolder(proof)), options)];
}

/** `at least 2,750 of 3,154 blocks lost; of 64 watched 61 lost, 3 held, after 25 passes`. */
export function renderProof({ proof, watched, lost, probably, held, unsure, passes, blocks, atLeast }: Proof): string {
  const parts = [
    [lost, "lost"],
    [probably, "probably lost"],
    [held, "held"],
    [unsure, "unsure"],
  ] as const;
  const said = parts.flatMap(([number, what]) => (number ? [`${count(number)} ${what}`] : []));
  const after = `after ${count(passes)} pass${passes === 1 ? "" : "es"}`;
  if (proof === proofs.blind.word) return `a block that seemed lost was in use: its references are hidden, ${after}`;
  const whole = atLeast ? `at least ${count(atLeast)} of ${count(blocks)} blocks lost; ` : "";
  return `${whole}of ${count(watched)} watched ${said.join(", ") || "none of them judged"}, ${after}`;
}

/** The chain, and how much of what is held it holds, if not all. */
export function renderHolder({ holder = "", share }: Proof): string {
  return share === undefined || share === 100 ? holder : `${holder} (${share} % of what is held)`;
}
