// SPDX-License-Identifier: Apache-2.0
//
// The server of a soak: memtrack, the server's own plugins and the corpus's innocents; and what is done to it while it runs.

import { appendFileSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { renameSync, rmSync, truncateSync, utimesSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Ats } from "../../harness/ats.ts";
import type { Origin } from "../../harness/origin.ts";
import { bundledPlugins, OWN_PATHS, PATHS, ROBUST, type BundledPlugins } from "../../harness/plugins.ts";
import { PLUGIN } from "../../tools/build.ts";
import { corpus, corpusFolder } from "../support/corpus.ts";
import { lacksVerify } from "../support/lacks.ts";
import { LEDGER, parseLedger, type Ledger, type Usage } from "./judge.ts";
import { RECORDS, type RecordKind } from "./plan.ts";

/** Innocent plugins, and one transaction in how many they take part in: some are slow. */
export const INNOCENTS: Record<string, number> = {
  innocent_torture: 400,
  innocent_short_threads: 200,
  innocent_thread: 100,
  innocent_getline: 20,
  innocent_libc_allocates: 20,
  innocent_cpp: 10,
  innocent_exceptions: 20,
  innocent_heap: 10,
  innocent_tsapi: 10,
  innocent_objects: 10,
  innocent_mutexes: 10,
  innocent_openssl: 20,
  innocent_others: 10,
  innocent_transform: 20,
};

/** Remap plugins whose files are touched, so that the server loads them again. */
const RELOADED = ["remap_innocent", "header_rewrite", "cachekey", "conf_remap"];

const CHANGE_MS = 30_000;
const RELOAD_AGAIN_MS = 200;
const ROTATED_KEPT = 4;
const CHURN_FOLDER = "churn";

export class Server {
  readonly ats: Ats;
  readonly outputs: string[];
  readonly #bundled: BundledPlugins;
  readonly #records = new Map<RecordKind, number | string>();
  readonly #ledgerPath: string;
  #times = 1_700_000_000;
  #reports = 0;
  #rotations = 0;
  readonly #rotated = new Map<string, string[]>();

  private constructor(ats: Ats, bundled: BundledPlugins, ledgerPath: string) {
    this.ats = ats;
    this.#bundled = bundled;
    this.#ledgerPath = ledgerPath;
    this.outputs = ["memtrack.out", "other.out"].map((name) => join(ats.folder, "log", name));
  }

  /** @param without leaves memtrack out */
  static async start(folder: string, origin: Origin, without: boolean): Promise<Server> {
    const bundled = bundledPlugins(origin, ROBUST);
    for (const name of [CHURN_FOLDER, "ledger"]) mkdirSync(join(folder, name));
    cpSync(join(corpusFolder(), "churn"), join(folder, CHURN_FOLDER), { recursive: true });
    const ledgerPath = join(folder, "ledger", "report");
    const ats = await Ats.start({
      folder,
      ctl: true,
      level: 2,
      origin: origin.url,
      records: {
        "proxy.config.plugin.memtrack.heap": 1,
        "proxy.config.plugin.memtrack.verify": Number(INITIAL.verify),
        "proxy.config.plugin.memtrack.sample_interval": 1,
        // A changed record reaches the server sooner than in several seconds.
        "proxy.config.config_update_interval_ms": 200,
        "proxy.config.remote_sync_interval_ms": 200,
        // Memory is used up soon, and then flat.
        "proxy.config.cache.ram_cache.size": 8 << 20,
        "proxy.config.ssl.session_cache.size": 1024,
        "proxy.config.http.background_fill_active_timeout": 5,
      },
      plugins: [
        ...(without ? [] : [PLUGIN]),
        corpus("reload"),
        `${corpus(LEDGER)} ${ledgerPath}`,
        `${corpus("churn_libraries")} ${join(folder, CHURN_FOLDER)}`,
        ...Object.entries(INNOCENTS).map(([name, every]) => `${corpus(name)} ${every}`),
        ...bundled.global,
      ],
      remap: [`map /innocent/ ${origin.url} @plugin=${corpus("remap_innocent")}`, ...bundled.remap],
    });
    return new Server(ats, bundled, ledgerPath);
  }

  /** Paths through each remap rule. */
  paths(): string[] {
    return ["innocent", ...this.#bundled.names.remap].flatMap((name) =>
      (OWN_PATHS[name] ?? PATHS).map((path) => `/${name}/${path}`),
    );
  }

  /** Makes the server load remap.config again, and modules that are touched. */
  async reload(by: "request" | "manager", touched: boolean): Promise<void> {
    if (touched) {
      const [ours, ...bundled] = RELOADED.filter((name) => existsSync(join(this.ats.folder, "plugins", `${name}.so`)));
      const name = this.#times % 8 === 0 ? bundled[(this.#times / 8) % bundled.length]! : ours!;
      ++this.#times;
      utimesSync(join(this.ats.folder, "plugins", `${name}.so`), this.#times, this.#times);
    }
    if (by === "manager") {
      appendFileSync(join(this.ats.folder, "etc", "remap.config"), "# changed\n");
      return this.#configReload();
    }
    const status = await new Promise<number>((resolve, reject) => {
      const request = http.get(new URL("/reload", this.ats.httpUrl), { agent: false }, (response) => {
        response.resume();
        response.on("close", () => resolve(response.statusCode ?? 0));
      });
      request.on("error", reject);
    });
    // 404 comes from the origin, which the request reaches after the reload.
    if (status !== 404) throw new Error(`the server did not load remap.config: status ${status}`);
  }

  /** Since 10.2 the server refuses a reload while another goes on: this one waits for its end. */
  async #configReload(): Promise<void> {
    for (const start = Date.now(); ; await pause(RELOAD_AGAIN_MS)) {
      try {
        return void (await this.ats.ctl("config", "reload"));
      } catch (error) {
        if (!/reload (ongoing|already in progress)/i.test(String(error)) || Date.now() - start > CHANGE_MS) throw error;
      }
    }
  }

  /** Whether a record may have each of its values with this server. */
  takes(what: RecordKind): boolean {
    return what !== "verify" || !lacksVerify();
  }

  /** Sets a record if it has another value, and waits until memtrack has taken it. */
  async set(what: RecordKind, value: number | string): Promise<void> {
    const old = this.#records.get(what) ?? INITIAL[what];
    if (old === value) return;
    this.#records.set(what, value);
    const from = this.ats.sizeOf(this.ats.diagsPath);
    await this.ats.ctl("config", "set", RECORDS[what].name, String(value));
    const said =
      what === "output"
        ? /\[memtrack\] dumps go to /
        : new RegExp(`\\[memtrack\\] ${RECORDS[what].name.replaceAll(".", "\\.")} is now ${value}\\b`);
    await this.ats.waitFor(this.ats.diagsPath, said, { from, timeoutMs: CHANGE_MS });
  }

  async message(text: string): Promise<void> {
    await this.ats.ctl("plugin", "msg", "memtrack", text);
  }

  /** The file that dumps go to. */
  get output(): string {
    const value = this.#records.get("output") ?? INITIAL.output;
    return value === "NULL" ? this.ats.trafficOutPath : join(this.ats.folder, "log", String(value));
  }

  /** @param truncated is called between the copy and the truncation's end */
  rotate(of: "traffic.out" | "output", how: "rename" | "copy", truncated: (path: string) => void): void {
    const path = of === "traffic.out" ? this.ats.trafficOutPath : this.output;
    if (!existsSync(path)) return;
    const files = this.#rotated.get(path) ?? [];
    const old = `${path}.${++this.#rotations}`;
    this.#rotated.set(path, [...files.slice(1 - ROTATED_KEPT), old]);
    if (how === "copy") {
      copyFileSync(path, old);
      truncateSync(path);
      truncated(path);
    } else {
      renameSync(path, old);
      // As logrotate: the server opens its files again.
      if (path === this.ats.trafficOutPath) this.ats.signal("SIGUSR2");
    }
    for (const file of files.slice(0, 1 - ROTATED_KEPT)) rmSync(file, { force: true });
  }

  /** The counts of the ledger plugin; `drain` makes it release everything first. */
  async ledger(verb: "report" | "drain"): Promise<Ledger> {
    const number = ++this.#reports;
    await this.ats.ctl("plugin", "msg", LEDGER, `${verb} ${number}`);
    const begin = new RegExp(`^${LEDGER} ${number}\\n`);
    return parseLedger(await this.ats.waitFor(this.#ledgerPath, begin));
  }

  usage(): Omit<Usage, "memory"> {
    const proc = (name: string) => `/proc/${this.ats.pid}/${name}`;
    const open = readdirSync(proc("fd")).map((name) => linkOf(proc(join("fd", name))));
    const sockets = open.filter((target) => target.startsWith("socket:")).length;
    return {
      descriptors: open.length - sockets,
      sockets,
      maps: readFileSync(proc("maps"), "utf8").split("\n").length,
      threads: readdirSync(proc("task")).length,
      resident: 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(proc("status"), "utf8"))![1]),
    };
  }

  async stop(): Promise<void> {
    await this.ats.stop({ keepFolder: true }).finally(() => this.#bundled.remove());
  }
}

/** What a descriptor is open to; empty if it was closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

const INITIAL: Record<RecordKind, number | string> = {
  level: 2,
  heap: 1,
  verify: lacksVerify() ? 0 : 1,
  sampling: 1,
  output: "NULL",
};
