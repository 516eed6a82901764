// SPDX-License-Identifier: Apache-2.0
//
// Files and standard input as chunks of plain bytes for the parsers. Compressed files are recognized by their first bytes and decompressed;
// the pieces of a rotated file are ordered by time. Reads forward, one chunk at a time, and keeps none.

import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createGunzip, gunzipSync, constants as zlib } from "node:zlib";
import { UsageError } from "../errors.ts";
import type { Streams } from "./streams.ts";

/** Standard input's name as an argument. */
export const STDIN = "-";

const CHUNK = 256 * 1024;
const PEEK = 1024 * 1024;
const GZIP = Buffer.from([0x1f, 0x8b]);

export interface Input {
  name: string;
  /** Size of the file, compressed if it is; undefined for a pipe. */
  size: number | undefined;
  /** Time of the first dump that has one. */
  time: number | undefined;
}

/** Called with the number of bytes read so far, before decompression, and the total if known. */
export type Progress = (done: number, size: number | undefined) => void;

/** Examines the files, which must exist, and orders the pieces of a rotated file by their first times, if all have one. */
export async function openInputs(names: readonly string[]): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const name of names) inputs.push(name === STDIN ? { name, size: undefined, time: undefined } : await inspect(name));
  if (inputs.every((input) => input.time !== undefined)) inputs.sort((a, b) => a.time! - b.time!);
  return inputs;
}

async function inspect(name: string): Promise<Input> {
  try {
    const status = await stat(name);
    if (status.isDirectory()) throw new UsageError(`${name} is a directory: name the traffic.out in it`);
    if (!status.isFile()) return { name, size: undefined, time: undefined };
    return { name, size: status.size, time: firstTime(await peek(name)) };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT")
      throw new UsageError(`there is no file ${name}: give the path of a traffic.out, or - for standard input`);
    if (code === "EACCES") throw new UsageError(`no permission to read ${name}: run this as its owner, or copy it`);
    throw new UsageError(`${name} cannot be read: ${message}`);
  }
}

async function peek(name: string): Promise<Buffer> {
  const file = await open(name);
  try {
    const bytes = Buffer.alloc(PEEK);
    const { bytesRead } = await file.read(bytes, 0, PEEK, 0);
    const begin = bytes.subarray(0, bytesRead);
    if (!packed(begin)) return begin;
    // Decompresses as far as possible: errors in the rest are reported when it is read.
    return gunzipSync(begin, { finishFlush: zlib.Z_SYNC_FLUSH, maxOutputLength: 64 * PEEK });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code.startsWith("Z_") || code.startsWith("ERR_BUFFER")) return Buffer.alloc(0);
    throw error;
  } finally {
    await file.close();
  }
}

function firstTime(text: Buffer): number | undefined {
  const [, time] = /memtrack format=\d+ dump=\d+ time=(\S+)/.exec(text.toString("latin1")) ?? [];
  const value = Date.parse(time ?? "");
  return Number.isNaN(value) ? undefined : value;
}

function packed(begin: Uint8Array): boolean {
  return begin[0] === GZIP[0] && begin[1] === GZIP[1];
}

/** Passes all inputs to the parsers, as one text. Returns the errors: a damaged compressed file ends early. */
export async function readInputs(
  inputs: Input[],
  stdin: Readable,
  streams: Streams,
  progress: Progress = () => {},
): Promise<string[]> {
  const problems: string[] = [];
  const size = inputs.every((input) => input.size !== undefined) ? inputs.reduce((sum, input) => sum + input.size!, 0) : undefined;
  let done = 0;
  for (const { name } of inputs) {
    const counted = async function* (): AsyncIterable<Buffer> {
      for await (const chunk of sourceOf(name, stdin)) {
        progress((done += chunk.length), size);
        yield chunk;
      }
    };
    try {
      streams.begin(name);
      for await (const chunk of unpacked(counted())) streams.push(chunk);
    } catch (error) {
      const { code = "", message } = error as NodeJS.ErrnoException;
      if (!code.startsWith("Z_")) throw error;
      problems.push(`${name} is packed and damaged (${message}): what stands before the damage was read`);
    }
  }
  streams.end();
  return [...problems, ...streams.problems];
}

/** A file or standard input, decompressed. */
export function chunksOf(name: string, stdin: Readable): AsyncIterable<Buffer> {
  return unpacked(sourceOf(name, stdin));
}

function sourceOf(name: string, stdin: Readable): AsyncIterable<Buffer> {
  return name === STDIN ? stdin : createReadStream(name, { highWaterMark: CHUNK });
}

/** Decompresses if necessary. The first two bytes decide, and a chunk may have only one. */
async function* unpacked(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const iterator = chunks[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  let begin: Buffer = Buffer.alloc(0);
  while (begin.length < GZIP.length) {
    const { value, done } = await iterator.next();
    if (done) break;
    begin = begin.length ? Buffer.concat([begin, value]) : value;
  }
  const all = async function* (): AsyncIterable<Buffer> {
    if (begin.length) yield begin;
    for (let next; !(next = await iterator.next()).done;) yield next.value;
  };
  if (!packed(begin)) {
    yield* all();
    return;
  }
  const gunzip = createGunzip({ chunkSize: CHUNK });
  // An error in here is also an error for the reader of gunzip.
  const feeding = feed(all(), gunzip).catch((error: Error) => void gunzip.destroy(error));
  yield* gunzip as AsyncIterable<Buffer>;
  await feeding;
}

async function feed(chunks: AsyncIterable<Buffer>, gunzip: ReturnType<typeof createGunzip>): Promise<void> {
  for await (const chunk of chunks) {
    if (!gunzip.write(chunk)) await new Promise<void>((resolve) => gunzip.once("drain", resolve).once("close", resolve));
    if (gunzip.destroyed) return;
  }
  gunzip.end();
}
