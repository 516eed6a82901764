// SPDX-License-Identifier: Apache-2.0
//
// The environment of a command: arguments, streams, variables; and how it writes output.

import { writeFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { UsageError } from "../errors.ts";
import { STDIN } from "../read/input.ts";
import type { RenderOptions } from "../report/table.ts";

/** An output stream, with the properties of its terminal if it is one. */
export interface Output {
  write(chunk: string | Uint8Array, done?: (error?: Error | null) => void): boolean;
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

/** Standard input: a terminal's keys can be read one by one. */
export type Input = Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };

export interface Io {
  argv: readonly string[];
  stdin: Input;
  stdout: Output;
  stderr: Output;
  env: NodeJS.ProcessEnv;
  /** Ends a command that runs until it is stopped. */
  signal?: AbortSignal;
}

/** Options for text on standard output. */
interface Layout {
  /** Rows of each table; 0 for all. */
  top: number;
  /** Columns; 0 for no limit, undefined for the width of the terminal. */
  width?: number | undefined;
  /** Print local times; undefined: only on a terminal. */
  local?: boolean | undefined;
}

/** The layout of text on standard output. */
export function renderOptions({ stdout, env }: Io, { top, width, local = Boolean(stdout.isTTY) }: Layout): RenderOptions {
  const colour = Boolean(stdout.isTTY) && !env.NO_COLOR && env.TERM !== "dumb";
  const terminal = stdout.isTTY ? (stdout.columns ?? 80) : Number(env.COLUMNS) || Infinity;
  return { columns: width === undefined ? terminal : width || Infinity, colour, top, local };
}

/** Writes into a file, or to standard output. */
export async function save(io: Io, path: string, content: string | Uint8Array): Promise<void> {
  if (path === STDIN) return write(io.stdout, content);
  try {
    await writeFile(path, content);
  } catch (error) {
    throw new UsageError(`${path} cannot be written: ${(error as Error).message}`);
  }
}

/** Rejects with a UsageError; if the reader has closed the pipe, with EPIPE itself, so that run() ends quietly. */
export function write(output: Output, content: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(content, (error) => {
      if (!error) return resolve();
      const gone = (error as NodeJS.ErrnoException).code === "EPIPE";
      reject(gone ? error : new UsageError(`the output cannot be written: ${error.message}`));
    });
  });
}
