// SPDX-License-Identifier: Apache-2.0
//
// Gives the addresses in dumps the names that their modules' debug information has, on any machine:
//
//   dump -> modules (build id, path) -> files with these build ids -> eu-addr2line -> the core's rules for names -> dump
//
// A file of another build is never used. What remains an address is said once for each module, with the way out.

import { basename } from "node:path";
import { loadCore } from "../core/module.ts";
import { Naming } from "../core/naming.ts";
import { modulesIn, type Module } from "../read/modules.ts";
import { CORE, Sites } from "../read/sites.ts";
import { Streams } from "../read/streams.ts";
import { addressesIn, replaceAddresses, type Address } from "./addresses.ts";
import { findDebugFile } from "./debug-files.ts";
import { framesAt, functionsIn, symbolsAt, type Frame, type Function } from "./elfutils.ts";

/** What is known of an address. */
interface Name {
  /** With its line, if that is known. */
  whole: string | undefined;
  /** The function alone. */
  function: string | undefined;
  /** The functions that it is inlined into, with their lines, the innermost first. */
  callers: readonly string[];
}

export class Symbolizer {
  readonly #folders: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #naming = new Naming(loadCore());
  /** By the name in locations. Those of the last dump also serve for the lines behind it. */
  #modules = new Map<string, Module>();
  /** By build id: the file with debug information; and the names by address. */
  readonly #files = new Map<string, string | undefined>();
  readonly #names = new Map<string, Name>();
  readonly #functions = new Map<string, Map<string, Function[]>>();
  readonly #warnings = new Map<string, string>();

  constructor(folders: readonly string[], env: NodeJS.ProcessEnv) {
    this.#folders = folders;
    this.#env = env;
  }

  /** What could not be resolved, and what to do about it. */
  get warnings(): string[] {
    return [...this.#warnings.values()];
  }

  /** A dump, or other text, with names. */
  symbolize(text: string): string {
    const modules = modulesOf(text);
    if (modules.size) this.#modules = modules;
    const names = [...this.#modules.keys()];
    const addresses = addressesIn(text, names);
    if (!addresses.length) return text;
    for (const name of new Set(addresses.map(({ module }) => module))) {
      this.#resolve(
        name,
        addresses.filter(({ module }) => module === name),
      );
    }
    const known = (address: Address) => this.#names.get(this.#key(address));
    return replaceAddresses(
      text,
      names,
      (address) => (address.place === undefined ? known(address)?.whole : known(address)?.function),
      (address) => known(address)?.callers ?? [],
    );
  }

  #key({ module, function: name, offset }: Address): string {
    return `${this.#modules.get(module)?.buildId ?? ""} ${name ?? ""}+${offset}`;
  }

  /** Finds the names of addresses in one module. */
  #resolve(name: string, addresses: Address[]): void {
    const module = this.#modules.get(name);
    if (!module) return this.#warn(name, "the dump does not say which file it is");
    if (module.buildId === undefined) {
      return this.#warn(name, `${module.path} has no build id, so no file can be known to be the same: link it with --build-id`);
    }
    const file = this.#fileOf(name, module);
    const fresh = new Map(addresses.map((address) => [this.#key(address), address]));
    for (const key of fresh.keys()) if (this.#names.has(key)) fresh.delete(key);
    if (file === undefined || !fresh.size) return;
    const places = [...fresh].flatMap(([key, address]) => {
      const offset = this.#offsetIn(file, address);
      return offset === undefined ? [] : [{ key, offset, isFunctionKnown: address.function !== undefined }];
    });
    const unknown: typeof places = [];
    framesAt(file, hexadecimal(places), this.#env).forEach((frames, index) => {
      const found = this.#nameOf(frames);
      if (found) this.#names.set(places[index]!.key, found);
      else if (!places[index]!.isFunctionKnown) unknown.push(places[index]!);
    });
    if (unknown.length) this.#resolveFunctions(name, file, unknown);
  }

  /** Finds the functions of addresses that have no line. */
  #resolveFunctions(name: string, file: string, places: { key: string; offset: bigint }[]): void {
    const symbols = symbolsAt(file, hexadecimal(places), this.#env);
    symbols.forEach((symbol, index) => {
      if (!symbol) return;
      const plain = this.#naming.functionName(symbol);
      // As in the plugin, whose distances are those of the return address.
      const whole = this.#naming.distance(plain, symbol.distance + 1n);
      this.#names.set(places[index]!.key, { whole, function: plain, callers: [] });
    });
    const left = symbols.filter((symbol) => !symbol).length;
    if (left) this.#warn(name, `${file} has no function for ${left === 1 ? "an address" : `${left} addresses`}`);
  }

  /** The offset of a call in its module. A function's name alone can be that of several. */
  #offsetIn(file: string, { function: name, offset }: Address): bigint | undefined {
    const value = BigInt(`0x${offset}`);
    if (name === undefined) return value;
    const homes = (this.#functionsOf(file).get(name) ?? []).filter(({ size }) => value > 0n && value <= size);
    const begins = new Set(homes.map(({ address }) => address));
    return begins.size === 1 ? homes[0]!.address + value - 1n : undefined;
  }

  /** The functions of a file by their short names. */
  #functionsOf(file: string): Map<string, Function[]> {
    const known = this.#functions.get(file);
    if (known) return known;
    const functions = new Map<string, Function[]>();
    for (const entry of functionsIn(file, this.#env)) {
      const name = this.#naming.functionName(entry);
      functions.set(name, [...(functions.get(name) ?? []), entry]);
    }
    this.#functions.set(file, functions);
    return functions;
  }

  #nameOf(frames: Frame[]): Name | undefined {
    const own = frames.filter(({ linkageName, path }) => !this.#naming.isWrapper(linkageName, path));
    const site = own[0] ?? frames.at(-1);
    const [innermost] = frames;
    if (!innermost || !site?.path) return undefined;
    const plain = (frame: Frame) => frame.linkageName && this.#naming.functionName(frame);
    const whole = (frame: Frame) => (frame.path ? this.#naming.line(plain(frame), frame.path, frame.line) : plain(frame) || "??");
    return { whole: whole(site), function: plain(innermost) || undefined, callers: this.#naming.chain(own).slice(1).map(whole) };
  }

  #fileOf(name: string, module: Module): string | undefined {
    const id = module.buildId!;
    if (!this.#files.has(id)) {
      const { path, other } = findDebugFile(module, this.#folders, this.#naming);
      this.#files.set(id, path);
      if (path === undefined) {
        const where = `no file in ${this.#folders.join(", ")} has its build id and debug information`;
        const wrong = other === undefined ? "" : ` (${other} is of another build)`;
        this.#warn(name, `${where}${wrong}: debuginfod-find debuginfo ${id}, or its -dbgsym or -debuginfo package, has it`);
      }
    }
    return this.#files.get(id);
  }

  #warn(name: string, what: string): void {
    if (!this.#warnings.has(name)) this.#warnings.set(name, `${name} keeps addresses: ${what}`);
  }
}

function hexadecimal(places: readonly { offset: bigint }[]): string[] {
  return places.map(({ offset }) => `0x${offset.toString(16)}`);
}

/** The modules of a dump, by the names that locations have: the server's own calls have its file's name. */
function modulesOf(text: string): Map<string, Module> {
  const modules = new Map<string, Module>();
  const streams = new Streams(new Sites(), ({ sections }) => {
    for (const module of modulesIn(sections)) modules.set(module.name === CORE ? basename(module.path) : module.name, module);
  });
  streams.begin("");
  streams.push(Buffer.from(text, "latin1"));
  streams.end();
  return modules;
}
