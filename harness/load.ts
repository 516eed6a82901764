// SPDX-License-Identifier: Apache-2.0
//
// Generates traffic. Each function returns the numbers of answered and failed requests (or handshakes). `requests` and `handshakes`
// need only Node; `wrk` and `h2load` run these programs, which are fast enough to saturate the server.

import { spawn } from "node:child_process";
import http from "node:http";
import https from "node:https";
import { cpus } from "node:os";
import tls from "node:tls";

export interface Done {
  requests: number;
  errors: number;
}

interface RequestsOptions {
  /** Number of connections, each kept alive (default 8). */
  concurrency?: number;
  /** Paths, requested in turn (default /size/1000). */
  paths?: string[];
  /** Called after each request with the number completed. */
  progress?: (done: number) => void;
  /** Body of each request, which is then a POST. */
  body?: Buffer | string;
}

/**
 * Sends exactly `count` HTTP/1.1 requests to `base`, http: or https:. An answer other than 200, or a truncated answer, is an error.
 */
export async function requests(base: string, count: number, options: RequestsOptions = {}): Promise<Done> {
  const { concurrency = 8, paths = ["/size/1000"], progress, body } = options;
  const secure = base.startsWith("https:");
  const agentOptions = { keepAlive: true, maxSockets: concurrency, rejectUnauthorized: false };
  const agent = secure ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
  const one = (path: string) =>
    new Promise<boolean>((resolve) => {
      const request = (secure ? https : http).request(new URL(path, base), { agent, method: body ? "POST" : "GET" }, (response) => {
        response.resume();
        response.on("close", () => resolve(response.complete && response.statusCode === 200));
      });
      request.on("error", () => resolve(false));
      request.end(body);
    });
  try {
    return await inParallel(count, concurrency, (index) => one(paths[index % paths.length]!), progress);
  } finally {
    agent.destroy();
  }
}

interface HandshakesOptions {
  /** Number of concurrent connections (default 4). */
  concurrency?: number;
  /** Requested on each connection; without it a connection is closed right after its handshake. */
  path?: string;
  progress?: (done: number) => void;
}

/** Exactly `count` full TLS handshakes, none resumed, each on its own connection, which is closed before the next handshake. */
export function handshakes(port: number, count: number, options: HandshakesOptions = {}): Promise<Done> {
  const { concurrency = 4, path, progress } = options;
  const one = () =>
    new Promise<boolean>((resolve) => {
      let answered = "";
      let secured = false;
      const socket = tls.connect({ port, host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false });
      socket.setEncoding("latin1");
      socket.on("secureConnect", () => {
        secured = !socket.isSessionReused();
        if (path) socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`);
        else socket.end();
      });
      socket.on("data", (text: string) => (answered ||= text));
      // A server may answer close_notify with a reset: the handshake is complete by then.
      socket.on("error", () => {});
      socket.on("close", () => resolve(secured && (!path || answered.startsWith("HTTP/1.1 200 "))));
    });
  return inParallel(count, concurrency, one, progress);
}

async function inParallel(
  count: number,
  concurrency: number,
  one: (index: number) => Promise<boolean>,
  progress?: (done: number) => void,
): Promise<Done> {
  const total: Done = { requests: 0, errors: 0 };
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const good = await one(next++);
      total[good ? "requests" : "errors"]++;
      progress?.(total.requests + total.errors);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
  return total;
}

interface WrkOptions {
  seconds?: number;
  connections?: number;
}

interface WrkDone extends Done {
  perSecond: number;
}

/** As many HTTP/1.1 requests as wrk can send to one URL in some seconds, on persistent connections. */
export async function wrk(url: string, options: WrkOptions = {}): Promise<WrkDone> {
  const { seconds = 3, connections = 16 } = options;
  const threads = Math.min(connections, cpus().length);
  const said = await output("wrk", ["-t", threads, "-c", connections, "-d", `${seconds}s`, url]);
  const refused = number(said, /Non-2xx or 3xx responses: (\d+)/) ?? 0;
  const [, ...sockets] = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(said) ?? [];
  return {
    requests: needed("wrk", said, /(\d+) requests in /) - refused,
    errors: sockets.reduce((sum, digits) => sum + Number(digits), refused),
    perSecond: needed("wrk", said, /Requests\/sec: +([\d.]+)/),
  };
}

interface H2loadOptions {
  /** HTTP/1.1 instead of HTTP/2 (default false). */
  http1?: boolean;
  connections?: number;
  /** Concurrent requests per connection (HTTP/2 only). */
  streams?: number;
  paths?: string[];
}

/** Exactly `count` requests by h2load to `base`. For http:, set http1: the server offers HTTP/2 only over TLS. */
export async function h2load(base: string, count: number, options: H2loadOptions = {}): Promise<Done> {
  const { http1 = false, connections = 8, streams = 8, paths = ["/size/1000"] } = options;
  const how = http1 ? ["--h1"] : ["-m", streams];
  const urls = paths.map((path) => new URL(path, base).href);
  const said = await output("h2load", [...how, "-n", count, "-c", Math.min(connections, count), ...urls]);
  const good = needed("h2load", said, /status codes: (\d+) 2xx/);
  return { requests: good, errors: count - good };
}

/** Paths with different routes through the proxy: small and large, cached, missed, chunked. */
export const MIXED_PATHS = [
  "/size/0",
  "/size/100?cache=600",
  "/size/5000?cache=600",
  "/size/5000",
  "/size/40000?cache=600&n=1",
  "/size/40000?chunked&cache=600",
  "/size/3000?chunked",
  "/size/300000?cache=600",
];

/** Sends `count` requests of all kinds at once: HTTP/1.1 over plain TCP and TLS, and HTTP/2. */
export async function mixed(server: { httpUrl: string; httpsUrl: string }, count: number, paths = MIXED_PATHS): Promise<Done> {
  const third = Math.floor(count / 3);
  const parts = await Promise.all([
    h2load(server.httpUrl, third, { http1: true, paths }),
    h2load(server.httpsUrl, third, { http1: true, paths }),
    h2load(server.httpsUrl, count - 2 * third, { paths }),
  ]);
  return parts.reduce((sum, part) => ({ requests: sum.requests + part.requests, errors: sum.errors + part.errors }));
}

function output(program: string, args: (string | number)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args.map(String), { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    child.stdout.on("data", (text) => (said += text));
    child.stderr.on("data", (text) => (said += text));
    child.on("error", (error) => reject(new Error(`${program}: ${error.message}`)));
    child.on("close", (code) => (code === 0 ? resolve(said) : reject(new Error(`${program} exited with ${code}:\n${said}`))));
  });
}

function number(text: string, pattern: RegExp): number | undefined {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function needed(program: string, text: string, pattern: RegExp): number {
  const value = number(text, pattern);
  if (value === undefined) throw new Error(`${program} did not say ${pattern}:\n${text}`);
  return value;
}
