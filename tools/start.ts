// SPDX-License-Identifier: Apache-2.0
//
// `npm start`: demonstrates memtrack on this machine. Builds it, starts a private Traffic Server with it on free loopback ports, sends
// traffic through the server, requests a dump, and prints the dump from traffic.out.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Ats } from "../harness/ats.ts";
import type { Dump } from "../harness/dump.ts";
import { handshakes, MIXED_PATHS, requests, type Done } from "../harness/load.ts";
import { Origin } from "../harness/origin.ts";
import { build, BuildError, PLUGIN, TOP } from "./build.ts";

const HELP = `npm start [-- --keep]

Builds memtrack, starts a private Traffic Server with it on free loopback ports, sends HTTP and TLS traffic, asks for a dump by
SIGUSR1, prints the dump from traffic.out, and stops everything.

  --keep   leaves the server running, and says how to use and stop it
  --help   this text`;

// The OpenSSL table has some 200 rows; the IOBuffer table is shown whole.
const OPENSSL_ROWS_SHOWN = 15;
/** A row of the OpenSSL table, which has five columns. In later sections more columns precede such a location. */
const OPENSSL_ROW = /^(?: *\d+ \|){4} memory\/OpenSSL\//;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { keep: { type: "boolean" }, help: { type: "boolean", short: "h" } } });
  const { keep = false, help } = values;
  if (help) return console.log(HELP);
  build(say);
  const origin = keep ? await detachedOrigin() : await Origin.start();
  const starting = Ats.start({ level: 2, plugins: [PLUGIN], origin: origin.url, keep });
  try {
    await Promise.race([demonstrate(starting), interruption()]);
  } catch (error) {
    // The error says what the server's logs said. One that was to be kept would not end with this process.
    const interrupted = error instanceof Interruption;
    await starting.then((ats) => ats.stop({ keepFolder: !interrupted })).catch(() => {});
    await origin.stop();
    throw error;
  }
  const ats = await starting;
  if (keep) return howToUse(ats, origin.pid);
  await ats.stop({ keepFolder: true });
  await origin.stop();
  // The logs are what the user was shown; the rest of the folder is of no use to anyone.
  for (const name of ["cache", "run", "plugins", "etc"]) rmSync(join(ats.folder, name), { recursive: true });
  say("everything is stopped; `npm start -- --keep` leaves the server running");
}

async function demonstrate(starting: Promise<Ats>): Promise<void> {
  const ats = await starting;
  say(`Traffic Server is up (pid ${ats.pid}) with memtrack.so at level 2: ${ats.httpUrl} and ${ats.httpsUrl}`);
  await traffic(ats);
  const dump = await ats.dump();
  console.log(`\n${shorten(dump)}`);
  say(`this dump stands in ${ats.trafficOutPath}`);
}

/** Rejects when the user ends this with Ctrl-C. A second one ends it at once. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => reject(new Interruption(signal)));
  });
}

class Interruption extends Error {}

async function traffic(ats: Ats): Promise<void> {
  await phase("HTTP requests", 3000, (count, progress) => requests(ats.httpUrl, count, { paths: MIXED_PATHS, progress }));
  await phase("HTTPS requests", 1000, (count, progress) => requests(ats.httpsUrl, count, { paths: MIXED_PATHS, progress }));
  await phase("TLS handshakes", 300, (count, progress) => handshakes(ats.tlsPort, count, { path: "/size/1000", progress }));
}

async function phase(
  what: string,
  count: number,
  run: (count: number, progress: (done: number) => void) => Promise<Done>,
): Promise<void> {
  const visible = process.stdout.isTTY;
  const done = await run(count, (done) => {
    if (visible && done % 50 === 0) process.stdout.write(`\r  ${what}: ${done} of ${count}`);
  });
  if (visible) process.stdout.write("\r\x1b[K");
  say(`${what}: ${done.requests} done, ${done.errors} failed`);
}

/** The dump as in traffic.out, without the end of a long OpenSSL table. */
function shorten(dump: Dump): string {
  const left = dump.openssl.rows.slice(OPENSSL_ROWS_SHOWN);
  if (!left.length) return dump.text;
  let shown = 0;
  return dump.text
    .split("\n")
    .flatMap((line) => {
      if (!OPENSSL_ROW.test(line) || ++shown <= OPENSSL_ROWS_SHOWN) return [line];
      return shown === OPENSSL_ROWS_SHOWN + 1 ? [`           (${left.length} more rows are in the file)`] : [];
    })
    .join("\n");
}

/** An origin that continues after this process ends, like a server that is kept. */
async function detachedOrigin(): Promise<{ url: string; pid: number; stop(): Promise<void> }> {
  const args = ["--import", "tsx", join(TOP, "harness", "origin.ts")];
  const child = spawn(process.execPath, args, { cwd: TOP, detached: true, stdio: ["ignore", "pipe", "ignore"] });
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  child.stdout.destroy();
  child.unref();
  return { url: `http://127.0.0.1:${Number(port)}/`, pid: child.pid!, stop: async () => void child.kill() };
}

function howToUse(ats: Ats, originPid: number): void {
  console.log(`
The server goes on running. In another terminal:

  traffic       curl -s -o /dev/null -w '%{http_code}\\n' '${ats.httpUrl}size/100000?cache=60'
                curl -sk -o /dev/null -w '%{http_code}\\n' '${ats.httpsUrl}size/100000'
  its tables    tail -F ${ats.trafficOutPath}
  a dump now    kill -USR1 ${ats.pid}
  its log       less ${ats.diagsPath}
  stop it all   kill ${ats.pid} ${originPid}
  clean up      rm -r ${ats.folder}`);
}

function say(line: string): void {
  console.log(`memtrack: ${line}`);
}

try {
  await main();
} catch (error) {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const usage = code.startsWith("ERR_PARSE_ARGS_");
  if (usage) console.error(`memtrack: ${message.split(". ")[0]}. See npm start -- --help`);
  else if (error instanceof BuildError) console.error(`memtrack: the build failed: ${message}`);
  else if (error instanceof Interruption)
    console.error(`memtrack: ended by ${message}: server and origin are stopped, their files removed`);
  else console.error(error);
  process.exit(usage ? 2 : 1); // what an interruption left undone is not waited for
}
