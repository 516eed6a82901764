// SPDX-License-Identifier: Apache-2.0
//
// An origin server for tests and the demonstration: the URL determines the response, so that one line of a test selects a path through
// the proxy. It counts requests. Run as a program, it prints its port on one line and serves until it is killed.
//
//   /size/N            N bytes, not to be cached
//   /size/N?cache=60   ... cacheable for 60 seconds (the query is part of the cache key: &n=1 and &n=2 are different objects)
//   /size/N?chunked    ... without a Content-Length
//   /size/N?slow=100   ... each 64 KiB after a pause of 100 ms
//   /size/N?cut=M      ... the connection is cut after M bytes
//   /size/N?type=T     ... as a media type (default application/octet-stream)
//   /echo              the request's body

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { realpathSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const CHUNK = Buffer.alloc(64 * 1024, "memtrack ");

export class Origin {
  /** Number of requests received. */
  requests = 0;
  /** The process that serves. */
  readonly pid = process.pid;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Origin> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    const origin = new Origin(server);
    server.on("request", (request, response) => {
      origin.requests++;
      answer(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    return origin;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://origin");
  response.setHeader("Content-Type", "application/octet-stream");
  if (url.pathname === "/echo") {
    // Reads the whole body before the first byte of the answer: a client that still sends during the answer is a separate case.
    const body = Buffer.concat(await request.toArray());
    response.end(body);
    return;
  }
  request.resume();
  const size = /^\/size\/(\d+)$/.exec(url.pathname)?.[1];
  if (size === undefined) {
    response.writeHead(404).end();
    return;
  }
  const ask = url.searchParams;
  const seconds = ask.get("cache");
  if (ask.has("type")) response.setHeader("Content-Type", ask.get("type")!);
  response.setHeader("Cache-Control", seconds ? `public, max-age=${seconds}` : "no-store");
  if (!ask.has("chunked")) response.setHeader("Content-Length", size);
  await send(response, Number(size), Number(ask.get("slow") ?? 0), ask.has("cut") ? Number(ask.get("cut")) : Infinity);
}

async function send(response: ServerResponse, size: number, slow: number, cut: number): Promise<void> {
  for (let left = Math.min(size, cut); left > 0; left -= CHUNK.length) {
    if (slow) await pause(slow);
    if (response.destroyed) return;
    if (!response.write(CHUNK.subarray(0, left))) await drained(response);
  }
  if (cut < size) {
    // Only after the written data has been sent: a reset would discard it.
    response.flushHeaders();
    response.socket?.end();
  } else {
    response.end();
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}

if (fileURLToPath(import.meta.url) === realpathSync(process.argv[1] ?? "")) console.log((await Origin.start()).port);
