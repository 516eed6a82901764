// SPDX-License-Identifier: Apache-2.0
//
// A private Traffic Server: its own folder for configuration, cache, logs and sockets, free ports on the loopback interface, an
// unprivileged user. It reads nothing of the installed server's configuration and leaves nothing outside its folder. It ends when the
// process that started it ends for any reason, unless `keep` is set. Which server is started, server.ts says.

import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, closeSync } from "node:fs";
import { lchownSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { parseDumps, type Dump } from "./dump.ts";
import { recordText, recordsText, type RecordText } from "./records.ts";
import { installedServer, withoutRunRoot } from "./server.ts";
import { resetSockets } from "./sockets.ts";

export interface AtsOptions {
  /** Folder for its files (default: a new folder for temporary files, which stop() removes). */
  folder?: string;
  /** Network threads (default 2). */
  threads?: number;
  /** proxy.config.res_track_memory (default 1). */
  level?: number;
  /** Further or changed records: a string is written as STRING, an integer as INT, another number as FLOAT. */
  records?: Record<string, string | number>;
  /** The same with a type and a text of their own, for invalid values. */
  invalidRecords?: Record<string, RecordText>;
  /** Lines of plugin.config. A plugin given by absolute path is copied into the folder, where the server's user can read it. */
  plugins?: string[];
  /** URL of the origin that all requests are mapped to. */
  origin?: string;
  /** Lines of remap.config before the one that maps everything. Plugins in them are treated as in plugin.config. */
  remap?: string[];
  /** For ctl(): runs the server under a traffic_manager, where traffic_ctl needs one (default false). */
  ctl?: boolean;
  /** Additional environment variables, for instance LD_LIBRARY_PATH. */
  env?: Record<string, string>;
  /** A traffic_server other than the installed one. Not with `ctl`: a traffic_manager always starts the installed one. */
  serverPath?: string;
  /** Loads the same modules at the same addresses in each run (no address space randomization). */
  fixedAddresses?: boolean;
  /** The server survives this process, and stop() keeps the folder. */
  keep?: boolean;
}

interface WaitOptions {
  timeoutMs?: number;
  /** Considers only the file's content after this many bytes. */
  from?: number;
}

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
// The server checks for signals every 500 ms.
const DUMP_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

export class Ats {
  readonly folder: string;
  readonly httpPort: number;
  readonly tlsPort: number;
  readonly #options: AtsOptions;
  readonly #owned: boolean;
  readonly #user: User | undefined;
  readonly #copies = new Map<string, string>();
  #process: ChildProcess | undefined;
  #pid = 0;

  private constructor(options: AtsOptions, ports: number[]) {
    this.#options = options;
    [this.httpPort, this.tlsPort] = ports as [number, number];
    this.#owned = options.folder === undefined;
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), "memtrack-"));
    this.#user = process.getuid?.() === 0 ? unprivilegedUser() : undefined;
    for (const name of FOLDERS) mkdirSync(join(this.folder, name), { recursive: true });
    this.#configure();
    if (this.#user) giveTo(this.#user, this.folder);
  }

  /** Resolves when the server reports that it is fully initialized. */
  static async start(options: AtsOptions = {}): Promise<Ats> {
    const ats = new Ats(options, await freePorts(2));
    try {
      await ats.#launch();
    } catch (error) {
      await ats.stop({ keepFolder: true });
      throw error;
    }
    return ats;
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.httpPort}/`;
  }

  get httpsUrl(): string {
    return `https://127.0.0.1:${this.tlsPort}/`;
  }

  /** Process id of traffic_server, also if it runs under a manager. */
  get pid(): number {
    return this.#pid;
  }

  /** Process id of the started process: traffic_server, or its traffic_manager. When it ends, everything ends. */
  get rootPid(): number {
    return this.#process?.pid ?? 0;
  }

  get trafficOutPath(): string {
    return join(this.folder, "log", "traffic.out");
  }

  get diagsPath(): string {
    return join(this.folder, "log", "diags.log");
  }

  /** Its file of records. */
  get recordsPath(): string {
    return join(this.folder, "etc", installedServer().recordsFile);
  }

  get runRootPath(): string {
    return join(this.folder, "runroot.yaml");
  }

  trafficOut(): string {
    return readIfThere(this.trafficOutPath);
  }

  diags(): string {
    return readIfThere(this.diagsPath);
  }

  /** Whether traffic_server runs. */
  alive(): boolean {
    return this.#pid !== 0 && isRunning(this.#pid);
  }

  /** How the started process ended: its exit code or the signal's name; undefined while it runs. */
  get exitStatus(): number | string | undefined {
    return this.#process?.signalCode ?? this.#process?.exitCode ?? undefined;
  }

  /** Waits until the started process has ended by itself. */
  async ended(timeoutMs = 10_000): Promise<void> {
    await until(
      () => this.exitStatus !== undefined,
      timeoutMs,
      () => `the server still runs after ${timeoutMs} ms`,
    );
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.#pid, name);
  }

  /** The current length of a file. Take it before the awaited event, and pass it to waitFor as `from`. */
  sizeOf(path: string): number {
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Waits until a file's text matches, and returns the text. A file shorter than `from` is a new one, and counts as a whole. */
  async waitFor(path: string, what: RegExp | ((text: string) => boolean), options: WaitOptions = {}): Promise<string> {
    const { timeoutMs = 10_000, from = 0 } = options;
    const matches = typeof what === "function" ? what : (text: string) => what.test(text);
    let text = "";
    await until(
      () => {
        text = readFrom(path, from);
        return matches(text);
      },
      timeoutMs,
      () => `${basename(path)} did not say ${String(what)} within ${timeoutMs} ms${this.#tails()}`,
    );
    return text;
  }

  /** Requests a dump by SIGUSR1, and waits until a new dump with that reason, if it is certain, is in traffic.out, or in the file `path`. */
  async dump(path = this.trafficOutPath): Promise<Dump> {
    const from = this.sizeOf(path);
    this.signal("SIGUSR1");
    return this.nextDump({ path, from, ...(installedServer().reasonsAreCertain && { reason: "signal" }) });
  }

  /** Repeats dumps after all connections are closed, until `state` is the same for two in a row, at most 20 times. Returns the last. */
  async settledDump(state: (dump: Dump) => unknown): Promise<Dump> {
    await this.connectionsClosed();
    const text = (dump: Dump) => JSON.stringify(state(dump));
    let last = await this.dump();
    for (let tries = 0; tries < 20; ++tries) {
      const next = await this.dump();
      if (text(next) === text(last)) return next;
      last = next;
    }
    return last;
  }

  /** Waits for a complete dump that begins after `from` (default: after now). */
  async nextDump(options: WaitOptions & { path?: string; reason?: string } = {}): Promise<Dump> {
    const { path = this.trafficOutPath } = options;
    const { from = this.sizeOf(path), reason, timeoutMs = DUMP_TIMEOUT_MS } = options;
    const good = (text: string) => parseDumps(text).find((dump) => !reason || dump.header.get("reason") === reason);
    const text = await this.waitFor(path, (text) => good(text) !== undefined, { from, timeoutMs });
    return good(text)!;
  }

  /** Whether the search for references has its thread, and with it its instance of the core. */
  isSearching(): boolean {
    const folder = `/proc/${this.pid}/task`;
    return readdirSync(folder).some((id) => {
      try {
        return readFileSync(join(folder, id, "comm"), "utf8") === "memtrack-search\n";
      } catch {
        return false; // it has ended meanwhile
      }
    });
  }

  /** Runs traffic_ctl; needs the option `ctl`. Returns its standard output; throws if it fails. */
  async ctl(...args: string[]): Promise<string> {
    const options = { ...this.#user, env: this.#env() };
    const command = join(installedServer().bin, "traffic_ctl");
    try {
      return (await promisify(execFile)(command, [`--run-root=${this.runRootPath}`, ...args], options)).stdout;
    } catch (error) {
      // In version 10 the reason is in the standard output.
      throw new Error(`${(error as Error).message.trim()}\n${(error as { stdout?: string }).stdout ?? ""}`.trim(), {
        cause: error,
      });
    }
  }

  /** Number of client connections that the server still has open. */
  connections(): number {
    return this.#connections().length;
  }

  /** Each as PORT<-PEER STATE; 01 is established, 08 waits for the server to close. */
  #connections(): string[] {
    const ports = new Set([this.httpPort, this.tlsPort]);
    const portOf = (address = "") => parseInt(address.split(":")[1] ?? "", 16);
    const lines = readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1);
    return lines.flatMap((line) => {
      const [, local, peer, state] = line.trim().split(/\s+/);
      return ports.has(portOf(local)) && (state === "01" || state === "08") ? [`${portOf(local)}<-${portOf(peer)} ${state}`] : [];
    });
  }

  /** Number of sockets of the server that are in no table of the kernel (sockets.ts). */
  resetConnections(): number {
    return resetSockets(this.pid);
  }

  /** Waits until the server has closed all client connections. It may release their last objects slightly later. */
  async connectionsClosed(timeoutMs = 10_000): Promise<void> {
    await until(
      () => this.connections() === 0,
      timeoutMs,
      () => `${this.connections()} connections are still open after ${timeoutMs} ms: ${this.#connections().join(", ")}`,
    );
  }

  /**
   * Ends everything that was started, gracefully if possible, and removes the folder if start() made it. Then it throws if the server
   * had already ended, crashed while ending, or had to be killed: a test must not pass unnoticed over that.
   */
  async stop({ keepFolder = this.#options.keep ?? false } = {}): Promise<void> {
    const child = this.#process;
    let fault = this.#pid !== 0 && !this.alive() ? "had ended by itself" : undefined;
    const pids = [child?.pid ?? 0, this.#pid].filter((pid) => pid !== 0);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      for (const pid of pids) if (isRunning(pid)) process.kill(pid, signal);
      const gone = () => pids.every((pid) => !isRunning(pid)) && (!child?.pid || this.exitStatus !== undefined);
      if (await settles(gone, STOP_TIMEOUT_MS)) break;
    }
    if (this.#pid !== 0) fault ??= ENDS[String(this.exitStatus)];
    const failure = fault && new Error(`traffic_server ${fault}${this.#tails()}`);
    this.#pid = 0;
    if (this.#owned && !keepFolder) rmSync(this.folder, { recursive: true, force: true });
    if (failure) throw failure;
  }

  async #launch(): Promise<void> {
    const { ctl = false, serverPath, fixedAddresses = false, keep = false } = this.#options;
    const { bin, hasManager } = installedServer();
    const manager = ctl && hasManager;
    const out = this.trafficOutPath;
    const program = manager ? join(bin, "traffic_manager") : (serverPath ?? join(bin, "traffic_server"));
    const args = [`--run-root=${this.runRootPath}`, ...(manager ? ["--nosyslog"] : []), "--bind_stdout", out, "--bind_stderr", out];
    // PDEATHSIG ends the server if this process is killed and cannot clean up.
    const run = [...(fixedAddresses ? ["setarch", "-R"] : []), program, ...args];
    const command = keep ? run : ["setpriv", "--pdeathsig", "TERM", "--", ...run];
    const early = openSync(join(this.folder, "log", "early.out"), "w");
    const child = spawn(command[0]!, command.slice(1), {
      ...this.#user,
      cwd: this.folder,
      env: this.#env(),
      stdio: ["ignore", early, early],
      detached: keep,
    });
    closeSync(early);
    this.#process = child;
    let failure: Error | undefined;
    child.on("error", (error) => (failure = error));
    if (keep) child.unref();
    await until(
      () => {
        if (failure) throw failure;
        if (this.exitStatus !== undefined) throw new Error(`${basename(program)} ended with ${this.exitStatus}${this.#tails()}`);
        return /fully initialized/.test(this.trafficOut() + this.diags());
      },
      START_TIMEOUT_MS,
      () => `the server was not ready within ${START_TIMEOUT_MS} ms${this.#tails()}`,
    );
    this.#pid = manager ? childOf(child.pid!, "traffic_server") : child.pid!;
  }

  #env(): NodeJS.ProcessEnv {
    return { ...withoutRunRoot(), ...this.#options.env };
  }

  #tails(): string {
    const tail = (path: string) => `\n--- end of ${path}\n${readIfThere(path).split("\n").slice(-15).join("\n")}`;
    return [join(this.folder, "log", "early.out"), this.trafficOutPath, this.diagsPath].map(tail).join("");
  }

  #configure(): void {
    const { threads = 2, level = 1, records = {}, invalidRecords = {}, plugins = [], origin, remap = [] } = this.#options;
    const { recordsFile } = installedServer();
    const all = { ...this.#records(threads), "proxy.config.res_track_memory": level, ...records };
    const texts = Object.entries(all).map(([name, value]) => [name, recordText(value)] as const);
    const inFile = new Map([...texts, ...Object.entries(invalidRecords)]);
    makeCertificate(this.folder);
    this.#write("runroot.yaml", this.#runRoot());
    this.#write(`etc/${recordsFile}`, recordsText(inFile));
    this.#write("etc/plugin.config", ...plugins.map((line) => this.#plugin(line)));
    this.#write("etc/remap.config", ...remap.map((line) => this.#remap(line)), ...(origin ? [`map / ${origin}`] : []));
    this.#write("etc/storage.config", "cache 64M");
    this.#write("etc/ssl_multicert.config", "dest_ip=* ssl_cert_name=cert.pem ssl_key_name=key.pem");
    // The server warns of each missing file; without these files, warnings in diags.log would go unnoticed.
    for (const name of ["cache", "parent", "volume", "hosting"]) this.#write(`etc/${name}.config`);
    if (!installedServer().hasManager) this.#write("etc/jsonrpc.yaml", "rpc:", "  enabled: true");
    this.#write("etc/sni.yaml", "sni: []");
    this.#write(
      "etc/ip_allow.yaml",
      "ip_allow:",
      "  - apply: in",
      "    ip_addrs: 127.0.0.1",
      "    action: allow",
      "    methods: ALL",
    );
  }

  #records(threads: number): Record<string, string | number> {
    return {
      "proxy.config.http.server_ports": `${this.httpPort}:ip-in=127.0.0.1 ${this.tlsPort}:ssl:ip-in=127.0.0.1`,
      "proxy.config.exec_thread.autoconfig": 0,
      "proxy.config.exec_thread.limit": threads,
      "proxy.config.plugin.plugin_dir": join(this.folder, "plugins"),
      "proxy.config.ssl.server.cert.path": join(this.folder, "etc"),
      "proxy.config.ssl.server.private_key.path": join(this.folder, "etc"),
      "proxy.config.body_factory.template_sets_dir": join(installedServer().etc, "body_factory"),
      "proxy.config.url_remap.remap_required": 1,
      "proxy.config.http.cache.required_headers": 2, // cache only responses that the origin marks as cacheable
      "proxy.config.http.insert_response_via_str": 1, // a response shows whether it came from the cache
      "proxy.config.log.logging_enabled": 0,
      // Only to diags.log: tests must not write to the system's log.
      "proxy.config.diags.output.diag": "L",
      "proxy.config.diags.output.debug": "L",
      "proxy.config.diags.output.status": "L",
      "proxy.config.diags.output.note": "L",
      "proxy.config.diags.output.warning": "L",
      "proxy.config.diags.output.error": "L",
      "proxy.config.diags.output.fatal": "L",
      "proxy.config.diags.output.alert": "L",
      "proxy.config.diags.output.emergency": "L",
      "proxy.config.admin.user_id": "#-1", // the server is started as its user already
      "proxy.config.core_limit": 0,
      "proxy.config.net.connections_throttle": 5000, // the default exceeds the usual limit of open files, which causes a warning
    };
  }

  #runRoot(): string {
    const { bin, lib, include } = installedServer();
    const own = (name: string) => join(this.folder, name);
    const paths = {
      prefix: this.folder,
      exec_prefix: this.folder,
      bindir: bin,
      sbindir: bin,
      sysconfdir: own("etc"),
      datadir: own("cache"),
      includedir: include,
      libdir: lib,
      libexecdir: own("plugins"), // from version 10 on it is used in place of plugin_dir
      localstatedir: own("run"),
      runtimedir: own("run"),
      logdir: own("log"),
      cachedir: own("cache"),
    };
    return Object.entries(paths)
      .map(([key, path]) => `${key}: ${path}`)
      .join("\n");
  }

  /** A line of plugin.config whose plugin the server's user can read. Installed plugins get their full path. */
  #plugin(line: string): string {
    const [name = "", ...args] = line.split(" ");
    const path = name.startsWith("/") ? this.#copy(name) : join(installedServer().plugins, name);
    return [path, ...args].join(" ");
  }

  #remap(line: string): string {
    return line.replace(/(?<=@plugin=)\/\S+/g, (path) => this.#copy(path));
  }

  /** Copies a plugin into the folder, once. Two plugins with the same name get different places. */
  #copy(from: string): string {
    let to = this.#copies.get(from);
    if (!to) {
      const taken = [...this.#copies.values()].filter((path) => basename(path) === basename(from)).length;
      const folder = join(this.folder, "plugins", taken ? String(taken + 1) : "");
      mkdirSync(folder, { recursive: true });
      to = join(folder, basename(from));
      copyFileSync(from, to);
      this.#copies.set(from, to);
    }
    return to;
  }

  #write(name: string, ...lines: string[]): void {
    writeFileSync(join(this.folder, name), lines.join("\n") + "\n");
  }
}

/** Exit signals that are not an orderly stop. */
const ENDS: Record<string, string> = {
  SIGKILL: "did not end, and had to be killed",
  SIGABRT: "aborted while it ended",
  SIGSEGV: "crashed while it ended",
  SIGBUS: "crashed while it ended",
};

const FOLDERS = ["etc", "cache", "log", "run", "plugins"];

interface User {
  uid: number;
  gid: number;
}

/** The user that runs the server if this process is root: that of Debian's package, else nobody. */
function unprivilegedUser(): User {
  for (const name of ["trafficserver", "nobody"]) {
    try {
      const id = (flag: string) =>
        Number(execFileSync("id", [flag, name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // No such user: try the next one.
    }
  }
  throw new Error("there is neither a user trafficserver nor nobody to run the server as");
}

/** Gives the folder with all that it contains, but nothing outside it that a link points to. */
function giveTo(user: User, folder: string): void {
  for (const name of ["", ...readdirSync(folder, { recursive: true, encoding: "utf8" })])
    lchownSync(join(folder, name), user.uid, user.gid);
  chmodSync(folder, 0o755);
  try {
    execFileSync("test", ["-w", folder], user);
  } catch {
    throw new Error(
      `${folder} cannot be reached by the server's user (uid ${user.uid}): set TMPDIR to a folder that every user can enter`,
    );
  }
}

/** Makes a self-signed certificate, with an EC key because that is fast. */
function makeCertificate(folder: string): void {
  const [key, cert] = [join(folder, "etc", "key.pem"), join(folder, "etc", "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650"];
  execFileSync("openssl", ["req", ...kind, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
}

/**
 * Finds free ports on the loopback interface, below the range that the system uses for outgoing connections: under load such a
 * connection could take the port between this check and the server's start.
 */
async function freePorts(count: number): Promise<number[]> {
  const [first, last] = [15_000, 32_000];
  const held: Server[] = [];
  while (held.length < count) {
    const server = createServer();
    const port = first + Math.floor(Math.random() * (last - first));
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen({ port, host: "127.0.0.1" }, () => resolve(true));
    });
    if (free) held.push(server);
  }
  const ports = held.map((server) => (server.address() as { port: number }).port);
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function isRunning(pid: number): boolean {
  // A zombie has ended. Under a manager, this process does not reap it.
  const state = /\) (\S)/.exec(readIfThere(`/proc/${pid}/stat`))?.[1];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** The child process that runs a program. Found by its executable, because the server's threads change the process name. */
function childOf(parent: number, program: string): number {
  for (const name of readdirSync("/proc")) {
    const ppid = /\) \S (\d+)/.exec(readIfThere(`/proc/${name}/stat`))?.[1];
    if (Number(ppid) !== parent || !existsSync(`/proc/${name}/exe`)) continue;
    if (basename(readlinkSync(`/proc/${name}/exe`)) === program) return Number(name);
  }
  throw new Error(`process ${parent} has no child that runs ${program}`);
}

function readIfThere(path: string): string {
  try {
    // A log can be a device (a full one in a test), which has no end.
    return statSync(path).isFile() ? readFileSync(path, "utf8") : "";
  } catch {
    return "";
  }
}

function readFrom(path: string, from: number): string {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (!size) return "";
  return readFileSync(path)
    .subarray(size < from ? 0 : from)
    .toString("utf8");
}

async function settles(done: () => boolean, timeoutMs: number): Promise<boolean> {
  for (const end = Date.now() + timeoutMs; !done();) {
    if (Date.now() > end) return false;
    await pause(POLL_MS);
  }
  return true;
}

async function until(done: () => boolean, timeoutMs: number, otherwise: () => string): Promise<void> {
  if (!(await settles(done, timeoutMs))) throw new Error(otherwise());
}
