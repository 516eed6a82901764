// SPDX-License-Identifier: Apache-2.0
//
// A progress bar on a terminal, for reading that takes long. It goes away when it is done, and stands on standard error alone.

import { bytes } from "../../shared/units.ts";
import type { Progress } from "../read/input.ts";

/** What reading takes before the bar shows, and between two drawings. */
const DELAY_MS = 500;
const REDRAW_MS = 100;
const BAR = 30;

interface Terminal {
  isTTY?: boolean;
  write(text: string): unknown;
}

/** Call `done` at the end, whatever happened. */
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
