// SPDX-License-Identifier: Apache-2.0
//
// Runs the memtrack command within the test, with streams that keep what is written.

import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Input, Output } from "../../host/node/commands/io.ts";
import { run } from "../../host/node/run.ts";

interface CommandResult {
  code: number;
  out: string;
  err: string;
  /** Standard output as bytes, for formats other than text. */
  bytes: Buffer;
}

interface CommandOptions {
  stdin?: string | Buffer | Readable;
  /** Width of the terminal in columns. */
  columns?: number;
  rows?: number;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
  /** Called after each write with all output so far. */
  onOutput?(text: string): void;
  /** The same for standard error. */
  onError?(text: string): void;
}

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

export async function memtrack(argv: string[], options: CommandOptions = {}): Promise<CommandResult> {
  const chunks: Buffer[] = [];
  const errors: Buffer[] = [];
  const sink = (into: Buffer[], tty: boolean): Output => ({
    ...(tty && { isTTY: true, columns: options.columns!, rows: options.rows ?? 24 }),
    write(chunk, done) {
      into.push(Buffer.from(chunk));
      if (into === chunks) options.onOutput?.(Buffer.concat(chunks).toString());
      else options.onError?.(Buffer.concat(errors).toString());
      done?.();
      return true;
    },
  });
  const { stdin: given } = options;
  const stdin: Input = given instanceof Readable ? given : Readable.from(given === undefined ? [] : [Buffer.from(given)]);
  const terminal = options.columns !== undefined;
  const code = await run({
    argv,
    stdin,
    stdout: sink(chunks, terminal),
    stderr: sink(errors, terminal),
    env: { PATH: process.env.PATH, ...options.env },
    ...(options.signal && { signal: options.signal }),
  });
  const bytes = Buffer.concat(chunks);
  return { code, out: bytes.toString(), err: Buffer.concat(errors).toString(), bytes };
}
