// SPDX-License-Identifier: Apache-2.0
//
// A dump as a heap profile in pprof's format (profile.proto, packed): a sample a site, with the stack owner, class, place, and four
// values, of which pprof shows inuse_space unless it is told otherwise.
//
// A place is a location with a function, a source file and a line, in the mapping of its module: `-list` then shows the source with
// the bytes beside its lines, and `-lines` separates the lines of a function. Places of the server and of OpenSSL have no function
// name; the location is the function. A mapping has the path and the build id of the module, if the dump has them. A function that is
// inlined into others, as a dump's call stacks say, has a location with them: a line for each, the innermost first.
//
// Where the dump has call stacks of a row, the row has a sample for each, with its share of all four values, and one for the rest.
//
// A row with blocks that nothing refers to has their number as the label `lost`: at least so many of the whole row, in each of its samples.
//
// A dump has no allocated bytes by site, only the number of allocations. alloc_space is an estimate: the number of allocations
// times the average size in the dump; the profile's comment says so.

import { gzipSync } from "node:zlib";
import { Profile, StringTable, type SampleInput } from "pprof-format";
import { CORE_PREFIX, PLUGIN_PREFIX } from "../../../format/format.ts";
import { printable } from "../../shared/printable.ts";
import { matches, type Filter } from "../read/filter.ts";
import { modulesIn, type Module } from "../read/modules.ts";
import { proofsIn } from "../read/proofs.ts";
import { codeOf, CORE, sourceOf, type Site, type Sites } from "../read/sites.ts";
import { nameForPeople, type Snapshot } from "../read/snapshot.ts";
import { codeOfCall, isInlined, isOfFirstCall, keyOfRow, parted, stacksIn, type Stack } from "../read/stacks.ts";

const VALUES = [
  ["alloc_objects", "count"],
  ["alloc_space", "bytes"],
  ["inuse_objects", "count"],
  ["inuse_space", "bytes"],
] as const;

const COMMENT = "alloc_space is estimated: allocations by the average size of those in use; 0 where none is in use";
const COMMENT_STACKS =
  "samples with calls above the site are estimated: each has the stack's share in what is still allocated of the sampled allocations";

export function pprof(sites: Sites, dump: Snapshot, filter: Filter): Buffer {
  const strings = new StringTable();
  const text = (value: string): number => strings.dedup(value);
  const mappings = new Mappings(text, modulesIn(dump.sections));
  const frames = new Frames(text, mappings);
  const stacks = stacksIn(dump.sections);
  const proofs = proofsIn(dump.sections);
  const samples = [...sites].flatMap((site) => {
    if (!dump.present[site.number] || !matches(site, filter)) return [];
    const own = stacks.get(keyOfRow(site)) ?? [];
    const shares = valuesOf(site, dump).map((value) => parted(own, value));
    return shares[0]!.flatMap(([stack], part) => {
      const values = shares.map((parts) => parts[part]![1]);
      return values.some((value) => value > 0)
        ? [sampleOf(site, stack, values, frames, text, proofs.get(keyOfRow(site))?.atLeast)]
        : [];
    });
  });
  const profile = new Profile({
    sampleType: VALUES.map(([type, unit]) => ({ type: text(type), unit: text(unit) })),
    sample: samples,
    mapping: mappings.all,
    location: frames.locations,
    function: frames.functions,
    stringTable: strings,
    ...(Number.isNaN(dump.time) ? {} : { timeNanos: BigInt(dump.time) * 1_000_000_000n }),
    periodType: { type: text("space"), unit: text("bytes") },
    period: 1,
    comment: [text(`memtrack: ${nameForPeople(dump)}`), text(COMMENT), ...(stacks.size ? [text(COMMENT_STACKS)] : [])],
    defaultSampleType: text("inuse_space"),
  });
  return gzipSync(profile.encode());
}

/** In the order of VALUES. A negative row (memory older than the arming) counts as 0. */
function valuesOf({ number }: Site, dump: Snapshot): number[] {
  const allocs = dump.allocs[number]!;
  const alive = allocs - dump.frees[number]!;
  const inUse = dump.inUse[number]!;
  const allocBytes = alive > 0 ? Math.round((allocs / alive) * inUse) : 0;
  return [allocs, allocBytes, alive, inUse].map((value) => Math.max(0, value));
}

/** The stack of a site: its place, the calls above it if they are known, its class, its owner. */
function sampleOf(
  site: Site,
  stack: Stack | undefined,
  values: number[],
  frames: Frames,
  text: (value: string) => number,
  lost: number | undefined,
): SampleInput {
  const owner = printable(site.owner);
  const { class: cls } = site;
  const kind = printable(site.kind);
  const shown = kind ? `${cls} ${kind}` : cls;
  const labels = { owner, class: cls, ...(kind ? { kind } : {}) };
  return {
    locationId: [
      ...placesOf(site, stack).map((places) => frames.ofPlaces(places)),
      frames.ofName(`class ${shown}`, shown),
      frames.ofName(`owner ${owner}`, owner),
    ],
    value: values,
    label: [
      ...Object.entries(labels).map(([key, value]) => ({ key: text(key), str: text(value) })),
      ...(lost ? [{ key: text("lost"), num: lost, numUnit: text("blocks") }] : []),
    ],
  };
}

/** What names a place in the code. */
type Place = Pick<Site, "class" | "location">;

/** The place of a site and those of the calls above it, the innermost first; together those that are inlined into the next. */
function placesOf(site: Site, stack: Stack | undefined): Place[][] {
  const calls = stack?.calls ?? [];
  const all: Place[][] = [];
  let own: Place[] = [];
  const add = (place: Place, inlined: boolean): void => {
    own.push(place);
    if (inlined) return;
    all.push(own);
    own = [];
  };
  const isFirst = stack !== undefined && isOfFirstCall(stack);
  add(site, isFirst && isInlined(calls[0]!));
  for (const call of calls.slice(isFirst ? 1 : 0)) {
    add({ class: "heap", location: CORE_PREFIX + codeOfCall(call) }, isInlined(call));
  }
  return own.length ? [...all, own] : all;
}

interface Mapping {
  id: number;
  filename: number;
  buildId: number;
  hasFunctions: boolean;
  hasFilenames: boolean;
  hasLineNumbers: boolean;
}

/** The modules of all places. The server is the first, because pprof takes the first mapping for the program. */
class Mappings {
  readonly all: Mapping[] = [];
  readonly #ids = new Map<string, number>();
  readonly #text: (value: string) => number;
  readonly #modules: Map<string, Module>;

  constructor(text: (value: string) => number, modules: readonly Module[]) {
    this.#text = text;
    this.#modules = new Map(modules.map((module) => [module.name, module]));
    // Locations name the program's file, the section of modules calls it `core`.
    const program = this.#modules.get(CORE);
    if (program) this.#modules.set(program.path.replace(/^.*\//, ""), program);
    this.id(CORE);
  }

  /** The number of a module's mapping. Modules that were loaded from the same file share a mapping. */
  id(name: string): number {
    const module = this.#modules.get(name);
    const file = printable(module?.path ?? (name === CORE ? "traffic_server" : name));
    const buildId = module?.buildId ?? "";
    const key = `${buildId} ${file}`;
    return numbered(this.#ids, key, (id) => {
      // With these, pprof does not look for symbols.
      const has = { hasFunctions: true, hasFilenames: true, hasLineNumbers: true };
      this.all.push({ id, filename: this.#text(file), buildId: this.#text(buildId), ...has });
    });
  }
}

interface Line {
  functionId: number;
  line: number;
}

interface Location {
  id: number;
  mappingId: number;
  address: number;
  line: Line[];
}

/** The frames of all stacks: locations, and their functions. */
class Frames {
  readonly functions: { id: number; name: number; systemName: number; filename: number }[] = [];
  readonly locations: Location[] = [];
  readonly #functionIds = new Map<string, number>();
  readonly #locationIds = new Map<string, number>();
  readonly #text: (value: string) => number;
  readonly #mappings: Mappings;

  constructor(text: (value: string) => number, mappings: Mappings) {
    this.#text = text;
    this.#mappings = mappings;
  }

  /** The frame of places that are inlined into the next, the innermost first. Sites of several classes or kinds share a frame. */
  ofPlaces(places: Place[]): number {
    const { class: cls, location } = places[0]!;
    const code = codeOf(location);
    // No row names the library of OpenSSL's lines.
    const mapping = code ? this.#mappings.id(code.module) : cls === "openssl" ? 0 : this.#mappings.id(CORE);
    return this.#location(
      mapping,
      code?.address ?? 0,
      places.map((place) => this.#lineOf(place)),
    );
  }

  #lineOf({ location }: Place): Line {
    const code = codeOf(location);
    const { file, line } = sourceOf(location) ?? { file: "", line: 0 };
    const name = code ? `${code.module}${/^(\+|$)/.test(code.function) ? "" : " "}${code.function}` : location;
    const prefix = location.startsWith(CORE_PREFIX) ? CORE_PREFIX : PLUGIN_PREFIX;
    const systemName = code ? `${prefix}${name}` : `memtrack ${name}`;
    return { functionId: this.#function(printable(name), printable(systemName), printable(file)), line };
  }

  /** The frame of an owner or a class. `key` is unique. */
  ofName(key: string, name: string): number {
    return this.#location(0, 0, [{ functionId: this.#function(name, `memtrack ${key}`, ""), line: 0 }]);
  }

  /** The name is final: pprof would take a system name of the same text for C++. */
  #function(name: string, systemName: string, file: string): number {
    return numbered(this.#functionIds, `${systemName}\n${file}`, (id) => {
      this.functions.push({ id, name: this.#text(name), systemName: this.#text(systemName), filename: this.#text(file) });
    });
  }

  #location(mappingId: number, address: number, lines: Line[]): number {
    const key = [mappingId, address, ...lines.flatMap(({ functionId, line }) => [functionId, line])].join();
    return numbered(this.#locationIds, key, (id) => {
      this.locations.push({ id, mappingId, address, line: lines });
    });
  }
}

/** The number of a key, from 1. A new one is given to `make`. */
function numbered(ids: Map<string, number>, key: string, make: (id: number) => void): number {
  let id = ids.get(key);
  if (id === undefined) {
    ids.set(key, (id = ids.size + 1));
    make(id);
  }
  return id;
}
