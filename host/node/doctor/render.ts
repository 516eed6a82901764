// SPDX-License-Identifier: Apache-2.0
//
// Renders the doctor's findings as lines for a terminal.

import { green, red, yellow, type TextOptions } from "../report/text.ts";
import type { Finding } from "./finding.ts";

const PAINT = { ok: green, note: yellow, problem: red };
const MARK_WIDTH = 7;

export function renderFindings(findings: Finding[], options: TextOptions): string {
  const lines = findings.flatMap(({ state, what, fix }) => [
    `${PAINT[state](state.padEnd(MARK_WIDTH), options)}  ${what}`,
    ...(fix ? [`         -> ${fix}`] : []),
  ]);
  const problems = findings.filter(({ state }) => state === "problem").length;
  lines.push("", problems ? `${problems === 1 ? "1 problem" : `${problems} problems`}` : "nothing stands in the way");
  return lines.join("\n") + "\n";
}
