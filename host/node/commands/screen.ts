// SPDX-License-Identifier: Apache-2.0
//
// Draws on the whole terminal, like top. Its previous content returns when the screen is closed.

import type { Io } from "./io.ts";

const ROWS = 24;

export class Screen {
  readonly #io: Io;
  readonly #keys: (key: Buffer) => void;

  /** @param keys functions to call when a key is pressed; Ctrl-C and Ctrl-D count as q */
  constructor(io: Io, keys: Record<string, () => void>) {
    this.#io = io;
    this.#keys = (pressed) => {
      for (const key of pressed.toString("latin1").replace(/[\x03\x04]/g, "q")) keys[key]?.();
    };
    io.stdout.write("\x1b[?1049h\x1b[?25l");
    if (!io.stdin.isTTY) return;
    io.stdin.setRawMode?.(true);
    io.stdin.on("data", this.#keys);
  }

  get rows(): number {
    return this.#io.stdout.rows ?? ROWS;
  }

  /** The first lines, as many as the terminal has rows. */
  draw(lines: string[]): void {
    const seen = lines.slice(0, this.rows);
    this.#io.stdout.write(`\x1b[H${seen.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
  }

  close(): void {
    const { stdin, stdout } = this.#io;
    stdout.write("\x1b[?25h\x1b[?1049l");
    if (!stdin.isTTY) return;
    stdin.off("data", this.#keys);
    stdin.setRawMode?.(false);
    stdin.pause();
  }
}
