// SPDX-License-Identifier: Apache-2.0
//
// Follows a file as it grows, through rotation: a renamed file is read to its end before the new file of that name is opened, and a
// truncated file is read from its beginning. A file that was truncated and has grown again is detected by the last bytes read, which are
// different now. The file is polled each POLL_MS, because network file systems give no notifications. A pipe (journalctl -f | memtrack
// watch) is read to its end.

import { constants, open, stat, type FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { UsageError } from "../errors.ts";

const POLL_MS = 250;
const CHUNK = 256 * 1024;
const REMEMBERED = 256;

/** Yields new bytes of the file, or undefined each time there are none for now. Ends when `signal` is aborted. */
export async function* follow(path: string, signal: AbortSignal): AsyncGenerator<Buffer | undefined> {
  let file: FileHandle | undefined;
  let at = 0;
  let last: Buffer = Buffer.alloc(0);
  let changed = 0;
  const bytes = Buffer.alloc(CHUNK);
  try {
    while (!signal.aborted) {
      file ??= await openIfThere(path);
      if (file) {
        const now = await file.stat();
        if (now.size < at || (now.mtimeMs !== changed && !(await endsWith(file, at, last)))) {
          at = 0;
          last = Buffer.alloc(0);
        }
        changed = now.mtimeMs;
        const { bytesRead } = await file.read(bytes, 0, CHUNK, at);
        if (bytesRead) {
          at += bytesRead;
          const chunk = Buffer.from(bytes.subarray(0, bytesRead));
          last = Buffer.concat([last, chunk.subarray(-REMEMBERED)]).subarray(-REMEMBERED);
          yield chunk;
          continue;
        }
        const named = await stat(path).catch(() => undefined);
        if (named && (named.ino !== now.ino || named.dev !== now.dev)) {
          await file.close();
          file = undefined;
          at = 0;
          last = Buffer.alloc(0);
          continue;
        }
      }
      yield undefined;
      await pause(POLL_MS, undefined, { signal }).catch(() => {});
    }
  } finally {
    await file?.close();
  }
}

/** Same for a pipe; ends also when the pipe ends. */
export async function* followPipe(pipe: Readable, signal: AbortSignal): AsyncGenerator<Buffer | undefined> {
  const chunks = (pipe as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const aborted = new Promise<undefined>((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));
  let next = chunks.next();
  while (!signal.aborted) {
    const waiting = new AbortController();
    const idle = pause(POLL_MS, "idle" as const, { signal: waiting.signal }).catch(() => undefined);
    const found = await Promise.race([next, idle, aborted]);
    waiting.abort();
    if (found === "idle") yield undefined;
    else if (!found || found.done) return;
    else {
      next = chunks.next();
      yield found.value;
    }
  }
}

async function endsWith(file: FileHandle, end: number, bytes: Buffer): Promise<boolean> {
  const found = Buffer.alloc(bytes.length);
  const { bytesRead } = await file.read(found, 0, bytes.length, end - bytes.length);
  return bytesRead === bytes.length && found.equals(bytes);
}

/** Refuses pipes: reading on from a position needs a regular file, and opening a FIFO blocks. */
async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    if (!(await stat(path)).isFile())
      throw new UsageError(`${path} is not a regular file: name a traffic.out, or pipe it to memtrack report`);
    return await open(path, constants.O_RDONLY);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new UsageError(`${path} cannot be read: ${message}`);
  }
}
