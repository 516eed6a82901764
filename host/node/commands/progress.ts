// SPDX-License-Identifier: Apache-2.0
//
// A progress bar for long reads, only on a terminal at standard error. It disappears at the end.

import { bytes } from "../../shared/units.ts";
import type { Progress } from "../read/input.ts";

/** Time before the bar appears, and between two drawings. */
const DELAY_MS = 500;
const REDRAW_MS = 100;
const BAR = 30;

interface Terminal {
  isTTY?: boolean;
  write(text: string): unknown;
}

/** Call `done` at the end, also after an error. */
export function progressBar(stderr: Terminal, now: () => number = () => performance.now()): { step: Progress; done(): void } {
  if (!stderr.isTTY) return { step: () => {}, done: () => {} };
  const begun = now();
  let drawn = begun + DELAY_MS - REDRAW_MS;
  let visible = false;
  const step: Progress = (read, size) => {
    const at = now();
    if (at - drawn < REDRAW_MS) return;
    drawn = at;
    visible = true;
    const share = size ? Math.min(1, read / size) : 0;
    const full = Math.round(share * BAR);
    const bar = size ? `[${"#".repeat(full)}${" ".repeat(BAR - full)}] ${Math.floor(share * 100)} % ` : "";
    stderr.write(`\r\x1b[K${bar}${bytes(read)}, ${bytes((read * 1000) / (at - begun))}/s`);
  };
  return { step, done: () => void (visible && stderr.write("\r\x1b[K")) };
}
