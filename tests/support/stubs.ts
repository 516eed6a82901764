// SPDX-License-Identifier: Apache-2.0
//
// The small servers and the client that the real leaks need: an origin that never answers, one that sends without end, an ICAP server, and
// requests that no HTTP library would send.

import http2 from "node:http2";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import tls from "node:tls";

/** A server on a free port of the loopback interface. */
export interface Stub {
  port: number;
  url: string;
  stop(): Promise<void>;
}

async function listening(server: Server): Promise<Stub> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    for (const socket of open) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { port, url: `http://127.0.0.1:${port}/`, stop };
}

/** An origin that accepts connections, and reads and says nothing. */
export function silent(): Promise<Stub> {
  return listening(createServer());
}

/** An origin that answers each request with as many bytes, in chunks, as fast as they are read. */
export function endless(bytes: number): Promise<Stub> {
  const chunk = Buffer.from(`10000\r\n${"x".repeat(0x10000)}\r\n`);
  return listening(
    createServer((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n");
        let left = Math.ceil(bytes / 0x10000);
        const send = () => {
          while (left-- > 0) if (!socket.write(chunk)) return void socket.once("drain", send);
          socket.end("0\r\n\r\n");
        };
        send();
      });
    }),
  );
}

/** An ICAP server that replaces each response by a short one. */
export function icap(): Promise<Stub> {
  const http = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\n";
  const answer = `ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=${http.length}\r\n\r\n${http}5\r\nclean\r\n0\r\n\r\n`;
  return listening(
    createServer((socket) => {
      let asked = "";
      socket.on("data", (text) => {
        asked += text.toString("latin1");
        if (asked.endsWith("0; ieof\r\n\r\n")) socket.end(answer);
      });
    }),
  );
}

/** A request's text: its lines, and that the connection is not kept. */
export function request(...lines: string[]): string {
  return [...lines, "Host: localhost", "Connection: close", "", ""].join("\r\n");
}

/**
 * Sends a text on a connection of its own, and reads until the server closes it. Returns the answer's status; 0 without an answer.
 *
 * @param tlsPort for TLS
 */
export function exchange(to: { port: number } | { tlsPort: number }, text: string): Promise<number> {
  return new Promise((resolve) => {
    const host = "127.0.0.1";
    const socket =
      "port" in to
        ? connect(to.port, host)
        : tls.connect({ port: to.tlsPort, host, servername: "localhost", rejectUnauthorized: false });
    let answer = "";
    socket.on("data", (part: Buffer) => (answer += part.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => resolve(Number(/^HTTP\/1\.\d (\d+) /.exec(answer)?.[1] ?? 0)));
    socket.write(text);
  });
}

/** How often each status was answered. */
export function tally(statuses: number[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** HTTP/2 requests on one connection, each with 8 KB of headers, a body and a trailer, all of which the server has read when this returns. */
export async function withTrailers(url: string, path: string, count: number): Promise<void> {
  const session = http2.connect(url, { rejectUnauthorized: false });
  session.on("error", () => {});
  const headers = { ":method": "POST", ":path": path, trailer: "x-trailer", "x-long": "v".repeat(8000) };
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const stream = session.request(headers, { waitForTrailers: true, endStream: false });
      stream.on("error", reject);
      stream.on("wantTrailers", () => {
        stream.sendTrailers({ "x-trailer": "yes" });
        stream.on("error", () => {}).off("error", reject);
        resolve();
      });
      stream.end("a body");
    });
  await Promise.all(Array.from({ length: count }, one));
  // Frames are read in their order.
  await new Promise<void>((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve())));
  session.destroy();
}
