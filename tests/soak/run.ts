// SPDX-License-Identifier: Apache-2.0
//
// A soak: rounds of load and of everything that an operator does (plan.ts), each followed by a quiet point, where what memtrack says is
// compared with what others know (judge.ts).

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Dump } from "../../harness/dump.ts";
import { Origin } from "../../harness/origin.ts";
import * as abi from "../../assembly/abi.ts";
import { Instance } from "../../host/node/core/instance.ts";
import { loadCore } from "../../host/node/core/module.ts";
import { assertSound, buildCorpus } from "../support/corpus.ts";
import { Clients, lengthOf } from "./clients.ts";
import { Dumps } from "./dumps.ts";
import {
  differences,
  flatness,
  ledgerOf,
  leftovers,
  heldAtRest,
  idleInFreelists,
  requestFaults,
  restFaults,
  since,
  type Flatness,
  type Ledger,
  type Held,
  type Quiet,
  type Requests,
  type Unbroken,
} from "./judge.ts";
import { NONSENSE, roundOf, type Act, type Round } from "./plan.ts";
import { INNOCENTS, Server } from "./server.ts";

export interface Report {
  seed: number;
  minutes: number;
  rounds: number;
  requests: Requests;
  handshakes: number;
  /** Handshakes of rounds before which and after which each OpenSSL row was compared, tracking being on all the time. */
  handshakesCompared: number;
  /** What was done, by kind. */
  acts: Record<string, number>;
  /** Warnings and errors of memtrack in diags.log, without their numbers. */
  said: Record<string, number>;
  dumps: number;
  /** Dumps with the built-in tracker's counts beside, and rows compared in them. */
  verified: number;
  rowsVerified: number;
  /** Rows compared with the plugin's own counts, and OpenSSL rows with those of the first quiet point. */
  rowsCompared: number;
  latencyMs: { p50: number; p99: number };
  /** Keys `exhausted` and `refused-sites` of the last dump. */
  limits: string;
  flatness: Flatness[];
  quiet: Quiet[];
  /** Number of failures; of those that are alike only some are told. */
  failed: number;
  failures: string[];
  /** The server's files; removed if nothing failed. */
  folder: string;
}

export interface Options {
  seed: number;
  minutes: number;
  /** The same without memtrack, to see whose fault a failure is. */
  without: boolean;
  say: (line: string) => void;
}

/** Bytes of the search's instance, which exists while there is a row to search. */
const SEARCH_SIZE = new Instance(loadCore(), abi.ROLE_SEARCH, abi.SITES_MIN).size;
const OWNERS = Object.keys(INNOCENTS).map((name) => `${name}.so`);
/** Of failures that are alike but for their numbers, so many are told. */
const ALIKE_MAX = 5;
const BULK_AT_ONCE = 3;
const CLIENTS_MAX = 60;
const SETTLE_MS = 90_000;
const USAGE_SAMPLES = 12;
const DUMPS_POLL_MS = 200;

export async function soak(options: Options): Promise<Report> {
  buildCorpus();
  const origin = await Origin.start();
  const folder = mkdtempSync(join(tmpdir(), "memtrack-soak-"));
  const run = new Soak(options, folder);
  try {
    await run.all(origin);
  } finally {
    await origin.stop();
  }
  if (!run.report.failures.length) rmSync(folder, { recursive: true, force: true });
  return run.report;
}

class Soak {
  readonly report: Report;
  readonly #options: Options;
  readonly #began = Date.now();
  #server!: Server;
  #clients!: Clients;
  #dumps!: Dumps;
  #round = 0;
  #last: Dump | undefined;
  #diagsRead = 0;
  #first: { openssl: Held; innocents: Held } | undefined;
  /** When tracking was switched on, in seconds: the server's start, until a dump says otherwise. */
  #armed = Infinity;
  #rearmed = false;
  /** Connections that the other side has reset and that the server keeps: what they hold is no fault of memtrack's. */
  #reset = 0;
  #ledger: { truth: Ledger; rows: Ledger } = { truth: new Map(), rows: new Map() };
  #handshakesBefore = 0;
  readonly #alike = new Map<string, number>();

  constructor(options: Options, folder: string) {
    this.#options = options;
    this.report = {
      seed: options.seed,
      minutes: 0,
      rounds: 0,
      requests: { sent: 0, answered: 0, failed: 0, aborted: 0 },
      handshakes: 0,
      handshakesCompared: 0,
      acts: {},
      said: {},
      dumps: 0,
      verified: 0,
      rowsVerified: 0,
      rowsCompared: 0,
      latencyMs: { p50: 0, p99: 0 },
      limits: "",
      flatness: [],
      quiet: [],
      failed: 0,
      failures: [],
      folder,
    };
  }

  async all(origin: Origin): Promise<void> {
    const { report } = this;
    this.#server = await Server.start(report.folder, origin, this.#options.without);
    const { ats } = this.#server;
    this.#dumps = new Dumps([ats.trafficOutPath, ...this.#server.outputs], this.#see, this.#line, this.#fail);
    const watching = setInterval(() => this.#watch(), DUMPS_POLL_MS);
    try {
      await this.#rounds();
    } catch (error) {
      this.#fail(`the run ended: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      clearInterval(watching);
      await this.#server.stop().catch((error: Error) => this.#fail(error.message));
      this.#guard("the last look at the logs", () => this.#watch());
      this.#dumps.close();
    }
    const logs = join(report.folder, "log");
    for (const name of readdirSync(logs).filter((name) => name.startsWith("crash-")))
      this.#fail(`${name}:\n${readFileSync(join(logs, name), "latin1").slice(0, 6000)}`);
    this.#finish();
  }

  async #rounds(): Promise<void> {
    const { seed, minutes, say } = this.#options;
    const { ats } = this.#server;
    const end = this.#began + minutes * 60_000;
    const paths = await this.#known(this.#server.paths());
    this.#clients = new Clients(ats, paths, this.#fail);
    for (this.#round = 0; Date.now() < end || this.#round < 2; ++this.#round) {
      const round = roundOf(seed, this.#round);
      await this.#play(round);
      if (!ats.alive()) throw new Error("the server has ended by itself");
      await this.#quiet(round);
      const { failed } = this.#clients.done;
      say(
        `round ${round.number}: ${this.#clients.done.sent} requests, ${this.#clients.handshakes} handshakes, ${this.#dumps.read} dumps, ` +
          `${failed} failed requests, ${this.report.failed} failures, ${Math.round((Date.now() - this.#began) / 1000)} s`,
      );
    }
  }

  /** Paths that answer 200, with the length of their bodies: each is asked for twice, and must say the same. */
  async #known(paths: string[]): Promise<[string, number][]> {
    const known: [string, number][] = [];
    for (const path of paths) {
      await lengthOf(this.#server.ats, path);
      const [one, two] = [await lengthOf(this.#server.ats, path), await lengthOf(this.#server.ats, path)];
      if (one.status === 200 && two.status === 200 && one.length === two.length) known.push([path, one.length]);
    }
    for (const size of [0, 100, 5000, 40_000, 300_000]) known.push([`/size/${size}`, size], [`/size/${size}?cache=600`, size]);
    this.#options.say(`${known.length} paths, ${paths.length + 10 - known.length} others answer otherwise than 200`);
    return known;
  }

  async #play(round: Round): Promise<void> {
    let over = () => {};
    const ends = new Promise<void>((resolve) => (over = resolve));
    const running = new Set<Promise<void>>();
    const idle = new Set<Promise<void>>();
    const began = Date.now();
    let bulk = 0;
    /** Acts that wait for the server, one after another of each sort. */
    const chains = new Map<string, Promise<void>>();
    for (const action of round.actions) {
      const wait = action.atMs - (Date.now() - began);
      if (wait > 0) await pause(wait);
      if (!this.#server.ats.alive()) break;
      if (action.kind === "client") {
        const heavy = ["handshakes", "h2", "plain"].includes(action.how);
        while (running.size > CLIENTS_MAX || (heavy && bulk >= BULK_AT_ONCE)) await Promise.race(running);
        bulk += Number(heavy);
        this.#count(`client ${action.how}`);
        const client = this.#clients
          .run(action.how, action.size, ends)
          .catch((error: Error) => this.#fail(`client ${action.how}: ${error.message}`))
          .finally(() => {
            bulk -= Number(heavy);
            running.delete(client);
            idle.delete(client);
          });
        (action.how === "idle" ? idle : running).add(client);
      } else if (!this.#options.without || action.kind === "reload") {
        const chain = action.kind === "record" || action.kind === "reload" ? action.kind : "events";
        const act = (chains.get(chain) ?? Promise.resolve())
          .then(() => this.#do(action))
          .catch((error: Error) => this.#fail(`${JSON.stringify(action).slice(0, 120)}: ${error.message}`));
        chains.set(chain, act);
      }
    }
    over();
    await Promise.all([...running, ...idle, ...chains.values()]);
  }

  async #do(act: Exclude<Act, { kind: "client" }>): Promise<void> {
    const server = this.#server;
    switch (act.kind) {
      case "reload":
        this.#count(`reload by ${act.by}${act.touched ? ", touched" : ""}`);
        return server.reload(act.by, act.touched);
      case "record":
        if (!server.takes(act.what)) return;
        this.#count(`record ${act.what}`);
        return server.set(act.what, act.value);
      case "message":
        this.#count(`message ${NONSENSE.includes(act.text) ? "(nonsense)" : act.text}`);
        return server.message(act.text).catch((error: Error) => {
          if (!NONSENSE.includes(act.text)) throw error; // traffic_ctl may refuse them itself
        });
      case "signal":
        this.#count(`signal, ${act.count} at once`);
        for (let i = 0; i < act.count; ++i) server.ats.signal("SIGUSR1");
        return;
      case "rotation":
        this.#count(`rotation of ${act.of} by ${act.how}`);
        this.#dumps.poll();
        return server.rotate(act.of, act.how, (path) => this.#dumps.truncated(path));
    }
  }

  async #quiet(round: Round): Promise<void> {
    if (this.#options.without) {
      await this.#server.ats.connectionsClosed(SETTLE_MS);
      const reset = this.#server.ats.resetConnections();
      this.report.quiet.push({ atMs: Date.now() - this.#began, memory: 0, reset, ...(await this.#usage()) });
      return;
    }
    await this.#restore();
    const dump = await this.#settled("at rest");
    const unbroken: Unbroken = {
      level: !round.interrupts.level,
      openssl: !round.interrupts.level,
      heap: !round.interrupts.heap,
    };
    const truth = await this.#server.ledger("report");
    this.#compareLedger(truth, ledgerOf(dump), unbroken);
    // Everything released: whatever was interrupted, nothing may be left.
    const drained = await this.#server.ledger("drain");
    const after = await this.#settled("after the drain");
    for (const fault of leftovers(drained, ledgerOf(after), unbroken)) this.#fail(`after the drain: ${fault}`);
    this.#compareLedger(drained, ledgerOf(after), unbroken);
    this.#ledger = { truth: drained, rows: ledgerOf(after) };
    const reset = this.#server.ats.resetConnections();
    this.#compareRest(after, unbroken.openssl && reset === this.#reset);
    this.#reset = reset;
    const usage = await this.#usage();
    this.report.quiet.push({
      ...usage,
      atMs: Date.now() - this.#began,
      memory: Number(after.header.get("memory")) - (this.#server.ats.isSearching() ? SEARCH_SIZE : 0),
      reset,
      resident: usage.resident - idleInFreelists(after),
    });
    ++this.report.rounds;
  }

  #compareLedger(truth: Ledger, rows: Ledger, unbroken: Unbroken): void {
    const { compared, faults } = differences(since(this.#ledger.truth, truth), since(this.#ledger.rows, rows), unbroken);
    this.report.rowsCompared += compared;
    for (const fault of faults) this.#fail(fault);
  }

  /** @param comparable OpenSSL's rows are those of the first quiet point, but for what leaked meanwhile */
  #compareRest(dump: Dump, comparable: boolean): void {
    const now = heldAtRest(dump, OWNERS);
    const { handshakes } = this.#clients;
    if (this.#first) {
      for (const fault of restFaults(this.#first.openssl, now.openssl, comparable)) this.#fail(`at rest: ${fault}`);
      // They keep nothing, but the built-in tracker has a row for each place of their buffers.
      for (const fault of restFaults(this.#first.innocents, now.innocents, false)) this.#fail(`at rest: ${fault}`);
      this.report.rowsCompared += dump.openssl.rows.length;
      if (comparable) this.report.handshakesCompared += handshakes - this.#handshakesBefore;
    }
    // After a gap the rows hold less for good.
    if (!this.#first || !comparable) this.#first = { innocents: now.innocents, ...this.#first, openssl: now.openssl };
    this.#handshakesBefore = handshakes;
  }

  /** Switches everything on, and waits until it is. */
  async #restore(): Promise<void> {
    const server = this.#server;
    await server.set("heap", 1);
    const verifies = server.takes("verify");
    if (verifies) await server.set("verify", 1);
    await server.set("sampling", 1);
    await server.message("arm 2");
    const on = (dump: Dump) =>
      dump.header.get("level") === "2" &&
      dump.header.get("heap") === "installed" &&
      (!verifies || dump.header.get("verify") === "on");
    for (const end = Date.now() + SETTLE_MS; !on(await this.#dump());)
      if (Date.now() > end) throw new Error(`level, heap and verify mode are not on: ${this.#last?.text.split("\n")[0]}`);
    await server.ats.connectionsClosed(SETTLE_MS);
  }

  /** A dump that says the same as the one before it, as far as it is compared. */
  async #settled(when: string): Promise<Dump> {
    const state = (dump: Dump) =>
      JSON.stringify([Object.values(heldAtRest(dump, OWNERS)).map((held) => [...held]), [...ledgerOf(dump)]]);
    let before = state(await this.#dump());
    for (const end = Date.now() + SETTLE_MS; ;) {
      await pause(100);
      const dump = await this.#dump();
      const now = state(dump);
      if (now === before) return dump;
      if (Date.now() > end) {
        this.#fail(`${when}: rows still change after ${SETTLE_MS} ms`);
        return dump;
      }
      before = now;
    }
  }

  #dump(): Promise<Dump> {
    return this.#dumps.next(
      (dump) => dump.header.get("reason") === "message",
      () => this.#server.message("dump"),
    );
  }

  /** The least of several samples: a plugin loads and unloads libraries all the time. */
  async #usage(): Promise<Omit<Quiet, "atMs" | "memory" | "reset">> {
    let least = this.#server.usage();
    for (let i = 1; i < USAGE_SAMPLES; ++i) {
      await pause(20);
      const now = this.#server.usage();
      for (const key of Object.keys(least) as (keyof typeof least)[]) least = { ...least, [key]: Math.min(least[key], now[key]) };
    }
    return least;
  }

  readonly #see = (dump: Dump): void => {
    const { report } = this;
    this.#last = dump;
    const name = `dump ${dump.number} (${dump.header.get("reason")})`;
    const level = dump.header.get("level");
    // Not every switch is seen by a dump at level 0 or 1: a later one tells when tracking was switched on.
    const armed = Date.parse(dump.header.get("time")!) / 1000 - Number(dump.header.get("armed"));
    this.#armed = Math.min(this.#armed, armed);
    this.#rearmed ||= level !== "2" || armed > this.#armed + 2;
    try {
      if (level !== "0") assertSound(dump, { rearmed: this.#rearmed });
      else if (dump.foreign.length) throw new Error(`foreign lines: ${dump.foreign.join("\n")}`);
    } catch (error) {
      this.#fail(`${name}: ${(error as Error).message.slice(0, 2000)}`);
    }
    for (const key of ["twice", "damaged"]) if (dump.header.get(key) !== "0") this.#fail(`${name}: ${key}=${dump.header.get(key)}`);
    for (const note of dump.notes)
      if (note.has("warning") || note.get("state") === "refused") this.#fail(`${name}: ${JSON.stringify([...note])}`);
    if (!dump.verify) return;
    ++report.verified;
    report.rowsVerified += dump.verify.compared;
    if (dump.verify.differing)
      this.#fail(`${name}: ${dump.verify.differing} of ${dump.verify.compared} rows differ: ${JSON.stringify(dump.verify.rows)}`);
  };

  readonly #line = (line: string): void => {
    if (/^memtrack warning=/.test(line)) this.#fail(`said beside the dumps: ${line}`);
  };

  readonly #fail = (what: string): void => {
    const kind = what.replace(/[\d,]+/g, "N").slice(0, 100);
    const alike = (this.#alike.get(kind) ?? 0) + 1;
    this.#alike.set(kind, alike);
    ++this.report.failed;
    if (alike > ALIKE_MAX) return;
    const text = `${Math.round((Date.now() - this.#began) / 1000)} s, round ${this.#round}: ${what}`;
    this.report.failures.push(text);
    this.#options.say(`FAILURE ${text}`);
  };

  #guard(what: string, body: () => void): void {
    try {
      body();
    } catch (error) {
      this.#fail(`${what}: ${(error as Error).message}`);
    }
  }

  /** Reads what was written: dumps, and lines of memtrack in diags.log. */
  #watch(): void {
    this.#guard("reading dumps", () => this.#dumps.poll());
    const text = existsSync(this.#server.ats.diagsPath) ? readFileSync(this.#server.ats.diagsPath, "latin1") : "";
    const end = text.lastIndexOf("\n") + 1;
    for (const line of text.slice(this.#diagsRead, end).split("\n")) {
      if (!line.includes("[memtrack]")) continue;
      if (/ (WARNING|ERROR): /.test(line)) this.#countLine(line);
      const ignored = /plugin message .*ignored|no baseline is named/.test(line);
      if (
        (/ (ERROR|FATAL|ALERT|EMERGENCY): /.test(line) && !ignored) ||
        /not mapped|some calls of|could not be counted|is not tracked/.test(line)
      )
        this.#fail(`diags.log: ${line}`);
    }
    this.#diagsRead = end;
  }

  /** Counts alike lines of diags.log, without their numbers. */
  #countLine(line: string): void {
    const what = line
      .replace(/^.*\[memtrack\] /, "")
      .replace(/\d+/g, "N")
      .slice(0, 160);
    this.report.said[what] = (this.report.said[what] ?? 0) + 1;
  }

  #count(what: string): void {
    this.report.acts[what] = (this.report.acts[what] ?? 0) + 1;
  }

  #finish(): void {
    const { report } = this;
    report.minutes = (Date.now() - this.#began) / 60_000;
    if (this.#clients) {
      report.requests = this.#clients.done;
      report.handshakes = this.#clients.handshakes;
      const sorted = this.#clients.latenciesMs.toSorted((a, b) => a - b);
      const quantile = (q: number) => sorted[Math.floor(q * (sorted.length - 1))] ?? 0;
      report.latencyMs = { p50: quantile(0.5), p99: quantile(0.99) };
      for (const fault of requestFaults(report.requests)) this.#fail(fault);
    }
    report.dumps = this.#dumps.read;
    report.limits = `exhausted=${this.#last?.header.get("exhausted")} refused-sites=${this.#last?.header.get("refused-sites")}`;
    report.flatness = report.quiet.length > 1 ? flatness(report.quiet) : [];
    for (const { what, flat, first, last, allowed } of report.flatness)
      if (flat === false)
        this.#fail(`${what} grows: ${first} in the first quarter, ${last} in the last, ${allowed} more are allowed`);
  }
}
