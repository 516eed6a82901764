// SPDX-License-Identifier: Apache-2.0
//
// The clients of a soak. Each counts its requests: what it sends is answered in full, or fails, or is aborted by the client itself.

import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import { setTimeout as pause } from "node:timers/promises";
import { h2load, MIXED_PATHS } from "../../harness/load.ts";
import type { ClientKind } from "./plan.ts";
import type { Requests } from "./judge.ts";

export interface Target {
  httpPort: number;
  tlsPort: number;
}

const HOST = "localhost";
const TIMEOUT_MS = 30_000;
/** Latencies that are kept, the last ones, to compute quantiles of. */
const LATENCIES_MAX = 100_000;

export class Clients {
  readonly done: Requests = { sent: 0, answered: 0, failed: 0, aborted: 0 };
  handshakes = 0;
  readonly latenciesMs: number[] = [];
  readonly #target: Target;
  /** Paths with the length of their bodies. */
  readonly #paths: [path: string, length: number][];
  readonly #fault: (what: string) => void;
  #count = 0;
  #timed = 0;

  constructor(target: Target, paths: [path: string, length: number][], fault: (what: string) => void) {
    this.#target = target;
    this.#paths = paths;
    this.#fault = fault;
  }

  /** @param ends resolves when the round ends, which idle connections wait for */
  async run(how: ClientKind, size: number, ends: Promise<unknown>): Promise<void> {
    const { tlsPort, httpPort } = this.#target;
    const secure = `https://${HOST}:${tlsPort}/`;
    switch (how) {
      case "handshakes":
        return this.#load(secure, 2 * size, { http1: true, connections: 2 * size, paths: ["/size/100?cache=600"] }, 2 * size);
      case "h2":
        return this.#load(secure, 8 * size, { connections: 4, streams: 8, paths: MIXED_PATHS }, 4);
      case "plain":
        return this.#load(`http://${HOST}:${httpPort}/`, 4 * size, { http1: true, connections: 8, paths: MIXED_PATHS }, 0);
      case "requests":
        return this.#requests(size);
      case "post":
        return this.#post(size);
      case "large":
        return void (await this.#get(`/size/${size * 100_000}`, size * 100_000, size % 2 === 0));
      case "slow":
        return this.#slow(size);
      case "idle":
        return this.#idle(ends, size % 2 === 0);
      case "connections":
        return this.#connections(size);
      case "abort-request":
        return this.#abortRequest(size);
      case "abort-response":
        return this.#abortResponse(size);
      case "abort-handshake":
        return this.#abortHandshake(size);
      case "abort-h2":
        return this.#abortH2(size);
    }
  }

  async #load(base: string, count: number, options: Parameters<typeof h2load>[2], handshakes: number): Promise<void> {
    this.done.sent += count;
    try {
      const { requests, errors } = await h2load(base, count, options);
      this.done.answered += requests;
      this.done.failed += errors;
      this.handshakes += Math.min(handshakes, count);
      if (errors) this.#fault(`h2load ${base} ${JSON.stringify(options)}: ${errors} of ${count} failed`);
    } catch (error) {
      this.done.failed += count;
      this.#fault(String(error));
    }
  }

  /** A request on a connection of its own, or of an agent; each has one end. */
  #get(
    path: string,
    length: number,
    secure: boolean,
    agent: http.Agent | https.Agent | false = false,
    body?: Buffer,
  ): Promise<boolean> {
    this.done.sent++;
    if (secure && !agent) this.handshakes++;
    const began = performance.now();
    return new Promise((resolve) => {
      let ended = false;
      const end = (wrong?: string) => {
        if (ended) return;
        ended = true;
        this.done[wrong ? "failed" : "answered"]++;
        if (wrong) this.#fault(`${body ? "POST" : "GET"} ${path}: ${wrong}`);
        else this.latenciesMs[this.#timed++ % LATENCIES_MAX] = performance.now() - began;
        resolve(!wrong);
      };
      const port = secure ? this.#target.tlsPort : this.#target.httpPort;
      const headers = body ? { "content-length": body.length } : {};
      const options = { host: HOST, port, path, agent, headers, method: body ? "POST" : "GET", timeout: TIMEOUT_MS };
      const request = (secure ? https : http).request({ ...options, rejectUnauthorized: false }, (response) => {
        let bytes = 0;
        response.on("data", (chunk: Buffer) => (bytes += chunk.length));
        response.on("error", (error) => end(String(error)));
        response.on("close", () => {
          const good = response.complete && response.statusCode === 200 && bytes === length;
          end(good ? undefined : `status ${response.statusCode}, ${bytes} of ${length} bytes, complete ${response.complete}`);
        });
      });
      request.on("timeout", () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      request.on("error", (error) => end(String(error)));
      request.end(body);
    });
  }

  /** Over all paths in turn, on some persistent connections. */
  async #requests(size: number): Promise<void> {
    const secure = size % 2 === 0;
    const options = { keepAlive: true, maxSockets: 4, rejectUnauthorized: false };
    const agent = secure ? new https.Agent(options) : new http.Agent(options);
    if (secure) this.handshakes += 4;
    let left = size;
    const worker = async () => {
      while (left-- > 0) {
        const [path, length] = this.#paths[this.#count++ % this.#paths.length]!;
        await this.#get(path, length, secure, agent);
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    agent.destroy();
  }

  async #post(size: number): Promise<void> {
    for (const factor of [1, 50, 5000]) {
      const body = Buffer.alloc(size * factor, "posted ");
      await this.#get("/echo", body.length, size % 2 === 0, false, body);
    }
  }

  /** Reads a response in small pieces with pauses, from an origin that is slow too. */
  #slow(size: number): Promise<void> {
    const length = 200_000 + size * 1000;
    this.done.sent++;
    return new Promise((resolve) => {
      const request = http.get(
        { host: HOST, port: this.#target.httpPort, path: `/size/${length}?slow=20`, agent: false },
        (response) => {
          let bytes = 0;
          response.on("data", (chunk: Buffer) => {
            bytes += chunk.length;
            response.pause();
            setTimeout(() => response.resume(), 10);
          });
          response.on("close", () => {
            const good = response.complete && bytes === length;
            this.done[good ? "answered" : "failed"]++;
            if (!good) this.#fault(`a slow client got ${bytes} of ${length} bytes`);
            resolve();
          });
        },
      );
      request.on("error", (error) => {
        this.done.failed++;
        this.#fault(`a slow client: ${error}`);
        resolve();
      });
    });
  }

  /** A persistent connection that is used, idle until the round ends, and used again. */
  async #idle(ends: Promise<unknown>, secure: boolean): Promise<void> {
    const options = { keepAlive: true, maxSockets: 1, rejectUnauthorized: false };
    const agent = secure ? new https.Agent(options) : new http.Agent(options);
    if (secure) this.handshakes++;
    await this.#get("/size/1000", 1000, secure, agent);
    await ends;
    await this.#get("/size/1000?cache=600", 1000, secure, agent);
    agent.destroy();
  }

  /** Many connections at once, without a request. */
  async #connections(size: number): Promise<void> {
    await Promise.all(
      Array.from({ length: size }, async () => {
        const socket = net.connect(this.#target.httpPort, "127.0.0.1");
        socket.on("error", () => {});
        await once(socket, "connect").catch(() => {});
        socket.destroy();
      }),
    );
  }

  async #abortRequest(size: number): Promise<void> {
    this.done.sent++;
    const socket = net.connect(this.#target.httpPort, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect").catch(() => {});
    socket.write(`POST /echo HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 100000\r\n\r\n`.slice(0, 10 + size));
    await pause(size % 20);
    if (size % 2) socket.resetAndDestroy();
    else socket.destroy();
    this.done.aborted++;
  }

  async #abortResponse(size: number): Promise<void> {
    this.done.sent++;
    const socket = tls.connect({ port: this.#target.tlsPort, host: "127.0.0.1", servername: HOST, rejectUnauthorized: false });
    socket.on("error", () => {});
    const closed = once(socket, "close");
    await Promise.race([once(socket, "secureConnect"), closed]).catch(() => {});
    if (socket.authorizationError !== undefined) this.handshakes++;
    socket.write(`GET /size/${size * 30_000}?${size % 2 ? "cache=600" : "chunked"} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await Promise.race([once(socket, "data"), closed]).catch(() => {});
    await pause(size % 10);
    socket.destroy();
    await closed.catch(() => {});
    this.done.aborted++;
  }

  /** Closes after part of the first message, and after bytes that are none. */
  async #abortHandshake(size: number): Promise<void> {
    this.done.sent++;
    const socket = net.connect(this.#target.tlsPort, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect").catch(() => {});
    socket.write(size % 3 ? Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3].slice(0, 1 + (size % 11))) : "GET / HTTP/1.1\r\n\r\n");
    await pause(size % 20);
    socket.destroy();
    this.done.aborted++;
  }

  /** Some streams of a connection are reset, then the connection is. */
  async #abortH2(size: number): Promise<void> {
    const count = 1 + (size % 5);
    this.done.sent += count;
    const session = http2.connect(`https://${HOST}:${this.#target.tlsPort}`, { rejectUnauthorized: false });
    session.on("error", () => {});
    const closed = new Promise((resolve) => session.once("close", resolve));
    await Promise.race([once(session, "connect").then(() => this.handshakes++), closed]).catch(() => {});
    for (let i = 0; i < count && !session.destroyed; ++i) {
      const stream = session.request({ ":path": `/size/${size * 20_000}` });
      stream.on("error", () => {});
      stream.on("data", () => {});
      await Promise.race([once(stream, "response"), closed, pause(1000)]).catch(() => {});
      if (i % 2 === 0) stream.close(http2.constants.NGHTTP2_CANCEL);
    }
    session.destroy();
    await closed;
    this.done.aborted += count;
  }
}

/** What a path answers now, as the measure for later. */
export async function lengthOf(target: Target, path: string): Promise<{ status: number; length: number }> {
  return new Promise((resolve) => {
    const request = http.get({ host: HOST, port: target.httpPort, path, agent: false, timeout: TIMEOUT_MS }, (response) => {
      let length = 0;
      response.on("data", (chunk: Buffer) => (length += chunk.length));
      response.on("close", () => resolve({ status: response.complete ? response.statusCode! : 0, length }));
    });
    request.on("error", () => resolve({ status: 0, length: 0 }));
  });
}
