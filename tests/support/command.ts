// SPDX-License-Identifier: Apache-2.0
//
// Runs the memtrack command within the test, with streams that keep what is written. FIXTURES and HOSTILE are what it is run on.

import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { run, type Input, type Output } from "../../host/node/run.ts";

export interface Said {
  code: number;
  out: string;
  err: string;
  /** What was written to standard output, for formats that are no text. */
  bytes: Buffer;
}

export interface How {
  stdin?: string | Buffer;
  /** A terminal of so many columns. */
  columns?: number;
  rows?: number;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
  /** Called with all that was written so far, after each write. */
  onOutput?(text: string): void;
}

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

export async function memtrack(argv: string[], how: How = {}): Promise<Said> {
  const chunks: Buffer[] = [];
  const errors: Buffer[] = [];
  const sink = (into: Buffer[], tty: boolean): Output => ({
    ...(tty && { isTTY: true, columns: how.columns!, rows: how.rows ?? 24 }),
    write(chunk, done) {
      into.push(Buffer.from(chunk));
      how.onOutput?.(Buffer.concat(chunks).toString());
      done?.();
      return true;
    },
  });
  const stdin: Input = Readable.from(how.stdin === undefined ? [] : [Buffer.from(how.stdin)]);
  const terminal = how.columns !== undefined;
  const code = await run({
    argv,
    stdin,
    stdout: sink(chunks, terminal),
    stderr: sink(errors, terminal),
    env: { PATH: process.env.PATH, ...how.env },
    ...(how.signal && { signal: how.signal }),
  });
  const bytes = Buffer.concat(chunks);
  return { code, out: bytes.toString(), err: Buffer.concat(errors).toString(), bytes };
}
