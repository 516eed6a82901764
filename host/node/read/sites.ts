// SPDX-License-Identifier: Apache-2.0
//
// The sites in files, numbered from 0 in the order of their first row.
//
//   bytes of a row's location + its class (and kind) -> number -> Site { class, location, owner, ... }
//
// The number is found without making a string, because a file has millions of rows and few sites. There are at most SITES_MAX, as in the
// core; further sites are counted as one site (other) of their class. Only this file interprets locations.

import { classes, CORE_PREFIX, PLUGIN_PREFIX, records } from "../../../format/format.ts";
import { CLASSES, type ClassName } from "../../shared/classes.ts";
import { CORE } from "../../shared/place.ts";
import { enlarged } from "./arrays.ts";

export { CORE };

/** Maximum number of sites of all files together. */
export const SITES_MAX: number = records.sites.range[1];
/** Maximum number of kinds of objects: the number of a class and kind must fit next to the hash. */
const KINDS_MAX = 250;
/** A longer location keeps this much of its end, with the file and line. */
const LOCATION_MAX = 4096;

/** Follows the location of a site whose module has been unloaded. */
const RETIRED_SUFFIX = " [retired]";

export interface Site {
  readonly number: number;
  readonly class: ClassName;
  /** For objects: TSCont, TSMutex and so on. Otherwise empty. */
  readonly kind: string;
  /** As in the file, without trailing spaces and without ` [retired]`. */
  readonly location: string;
  readonly owner: string;
  /** Whether its module has been unloaded. */
  retired: boolean;
}

const RETIRED = Buffer.from(RETIRED_SUFFIX);
const VIA = /^.* \[via ([^\]]+)\]$/s;
// The rest of a name is what follows the module: ` handler (foo.c:88)`, `+0x1a`, or nothing.
const PLUGIN = new RegExp(`^${PLUGIN_PREFIX}(.*?\\.so[.\\d]*(?:\\(remap\\))?(?:#\\d+)?)(?=[ +/]|$)`, "s");
/** A call of the server or of a library that is charged to the server. */
const SERVER = new RegExp(`^${CORE_PREFIX}([^ +]+)`, "s");
const PLUGIN_OTHER = new RegExp(`^${PLUGIN_PREFIX}([^ +/]+)`, "s");
/** Prefixes that are directly followed by a file, unlike the prefix of plugins. */
const FILE_PREFIXES = Object.values(classes).flatMap(({ prefix }) => (prefix === PLUGIN_PREFIX ? [] : [prefix]));

/** A site in one line; an object's kind comes first. */
export function nameOf({ kind, location }: Pick<Site, "kind" | "location">): string {
  return kind ? `${kind} ${location}` : location;
}

/** A site's location as in the file. */
export function printedLocation({ location, retired }: Pick<Site, "location" | "retired">): string {
  return retired ? location + RETIRED_SUFFIX : location;
}

/** The plugin to which a location is charged, or `core`. */
export function ownerOf(location: string): string {
  const [, name] = VIA.exec(location) ?? PLUGIN.exec(location) ?? PLUGIN_OTHER.exec(location) ?? [];
  return name ?? CORE;
}

/**
 * A location as memtrack shows it (assembly/registry/name.ts). The built-in tracker prints the whole path of a server that was built
 * from another folder: absolute, or with ../ at its beginning.
 */
function shownLocation(location: string): string {
  const prefix = FILE_PREFIXES.find((text) => location.startsWith(text + "/") || location.startsWith(text + "../"));
  if (!prefix) return location;
  const path = location.slice(prefix.length).replace(/^(?:\/|\.\.\/)/, "");
  return prefix + path.split("/").slice(-2).join("/");
}

/** The source line of a location: `foo.c` and 88 for `... handler (foo.c:88)`. */
export function sourceOf(location: string): { file: string; line: number } | undefined {
  const [, file, line] = /([^\s()[\]]+):(\d+)\)?(?: \[via [^\]]*\])?$/.exec(location) ?? [];
  if (!file || !line) return undefined;
  const prefix = FILE_PREFIXES.find((text) => file.startsWith(text)) ?? "";
  return { file: file.slice(prefix.length), line: Number(line) };
}

/** The place of a location in its module. */
export interface Code {
  module: string;
  /** "handler", "handler+0x1a", "+0x1a2b"; the latter two may have " calls NAME" behind them; empty if unknown. */
  function: string;
  /** Offset in the module, if nothing better is known. */
  address: number | undefined;
}

/** The code place of a call, in a plugin, a library or the server; undefined for lines of the server and of OpenSSL. */
export function codeOf(location: string): Code | undefined {
  const [named, module] = PLUGIN.exec(location) ?? PLUGIN_OTHER.exec(location) ?? SERVER.exec(location) ?? [];
  if (!named || !module) return undefined;
  const name = location
    .slice(named.length)
    .replace(/ \[via [^\]]+\]$/, "")
    .replace(/ \([^()]*:\d+\)$/, "");
  const [, address] = /^\+0x([0-9a-f]{1,13})(?: calls .+| \(below .*\))?$/.exec(name) ?? [];
  return { module, function: name.replace(/^ /, ""), address: address === undefined ? undefined : parseInt(address, 16) };
}

export class Sites {
  readonly #sites: Site[] = [];
  /** Numbers of classes and kinds, which begin a key. */
  readonly #kinds: { class: ClassName; kind: string }[] = CLASSES.map((name) => ({ class: name, kind: "" }));
  /** Number of names refused because there were SITES_MAX. */
  refused = 0;

  // The hash table: number + 1 of the site, or 0. The names are consecutive in #names, from #starts[n] to #starts[n + 1].
  #slots = new Int32Array(1 << 12);
  #mask = (1 << 12) - 1;
  #hashes = new Int32Array(1 << 11);
  #starts = new Int32Array((1 << 11) + 1);
  #prefixes = new Uint8Array(1 << 11);
  #names = Buffer.alloc(1 << 16);
  /** The site that followed each site, and the last site: dumps have their rows in similar order, so the follower is tried first. */
  #next = new Int32Array(1 << 11);
  #last = 0;

  get size(): number {
    return this.#sites.length;
  }

  get(number: number): Site {
    return this.#sites[number]!;
  }

  [Symbol.iterator](): Iterator<Site> {
    return this.#sites.values();
  }

  /** The number of a class and kind, for find(). */
  prefix(cls: ClassName, kind = ""): number {
    const found = this.#kinds.findIndex((entry) => entry.class === cls && entry.kind === kind);
    if (found >= 0) return found;
    if (this.#kinds.length >= KINDS_MAX) return CLASSES.indexOf(cls);
    return this.#kinds.push({ class: cls, kind }) - 1;
  }

  /** The number of the site whose name is the bytes from `start` to `end`. */
  find(prefix: number, bytes: Uint8Array, start: number, end: number): number {
    let retired = false;
    if (end - start > RETIRED.length && bytes[end - 1] === 0x5d && endsWith(bytes, end, RETIRED)) {
      end -= RETIRED.length;
      retired = true;
    }
    if (end - start > LOCATION_MAX) start = end - LOCATION_MAX;
    const guess = this.#next[this.#last]!;
    if (guess < this.#sites.length && this.#prefixes[guess] === prefix && !retired && this.#same(guess, bytes, start, end)) {
      return (this.#last = guess);
    }
    const site = this.#lookUp(prefix, bytes, start, end, retired);
    this.#next[this.#last] = site;
    return (this.#last = site);
  }

  #lookUp(prefix: number, bytes: Uint8Array, start: number, end: number, retired: boolean): number {
    let hash = prefix ^ (end - start);
    for (let i = start; i < end; ++i) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    hash ^= hash >>> 15;
    let at = hash & this.#mask;
    for (let slot; (slot = this.#slots[at]!) !== 0; at = (at + 1) & this.#mask) {
      const site = slot - 1;
      if (this.#hashes[site] === hash && this.#prefixes[site] === prefix && this.#same(site, bytes, start, end)) {
        if (retired) this.#sites[site]!.retired = true;
        return site;
      }
    }
    return this.#add(prefix, hash, bytes, start, end, retired);
  }

  /** find() for a text. */
  findText(cls: ClassName, location: string, kind = ""): number {
    const bytes = Buffer.from(location);
    return this.find(this.prefix(cls, kind), bytes, 0, bytes.length);
  }

  #same(site: number, bytes: Uint8Array, start: number, end: number): boolean {
    let at = this.#starts[site]!;
    if (this.#starts[site + 1]! - at !== end - start) return false;
    const names = this.#names;
    for (let i = start; i < end; ++i) if (names[at++] !== bytes[i]) return false;
    return true;
  }

  #add(prefix: number, hash: number, bytes: Uint8Array, start: number, end: number, retired: boolean): number {
    const number = this.#sites.length;
    const { class: cls, kind } = this.#kinds[prefix]!;
    const location = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
    const shown = shownLocation(location);
    if (shown !== location) return this.findText(cls, shown, kind);
    // The rows (other) must have room when nothing else has.
    if (number >= SITES_MAX && location !== OTHER) {
      ++this.refused;
      return this.findText(cls, OTHER, kind);
    }
    if (number + 1 >= this.#hashes.length) this.#grow();
    this.#sites.push({ number, class: cls, kind, location, owner: ownerOf(location), retired });
    this.#hashes[number] = hash;
    this.#prefixes[number] = prefix;
    const from = this.#starts[number]!;
    if (from + end - start > this.#names.length) {
      this.#names = Buffer.concat([this.#names], 2 * (this.#names.length + end - start));
    }
    this.#names.set(bytes.subarray(start, end), from);
    this.#starts[number + 1] = from + end - start;
    let at = hash & this.#mask;
    while (this.#slots[at] !== 0) at = (at + 1) & this.#mask;
    this.#slots[at] = number + 1;
    return number;
  }

  #grow(): void {
    const size = this.#hashes.length * 2;
    this.#hashes = enlarged(this.#hashes, size);
    this.#starts = enlarged(this.#starts, size + 1);
    this.#prefixes = enlarged(this.#prefixes, size);
    this.#next = enlarged(this.#next, size);
    this.#slots = new Int32Array(size * 2);
    this.#mask = size * 2 - 1;
    for (let site = 0; site < this.#sites.length; ++site) {
      let at = this.#hashes[site]! & this.#mask;
      while (this.#slots[at] !== 0) at = (at + 1) & this.#mask;
      this.#slots[at] = site + 1;
    }
  }
}

/** The location of sites without a row of their own. */
const OTHER = "(other)";

function endsWith(bytes: Uint8Array, end: number, suffix: Uint8Array): boolean {
  const start = end - suffix.length;
  for (let i = 0; i < suffix.length; ++i) if (bytes[start + i] !== suffix[i]) return false;
  return true;
}
