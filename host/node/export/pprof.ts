// SPDX-License-Identifier: Apache-2.0
//
// A dump as a heap profile in pprof's format (profile.proto, packed): a sample a site, with the stack owner, class, site, and four
// values, of which pprof shows inuse_space unless it is told otherwise.
//
// A dump has no allocated bytes by site, only how many allocations there were. alloc_space is estimated: allocations by the average
// size that the dump shows; the profile's comment says so.

import { gzipSync } from "node:zlib";
import { Profile, StringTable, type SampleInput } from "pprof-format";
import { printable } from "../../shared/printable.ts";
import { matches, type Filter } from "../read/filter.ts";
import { nameOf, sourceOf, type Site, type Sites } from "../read/sites.ts";
import { nameForPeople, type Snapshot } from "../read/snapshot.ts";

const VALUES = [
  ["alloc_objects", "count"],
  ["alloc_space", "bytes"],
  ["inuse_objects", "count"],
  ["inuse_space", "bytes"],
] as const;

const COMMENT = "alloc_space is estimated: allocations by the average size of those in use; 0 where none is in use";

export function pprof(sites: Sites, dump: Snapshot, filter: Filter): Buffer {
  const strings = new StringTable();
  const text = (value: string): number => strings.dedup(value);
  const frames = new Frames(text);
  const samples = [...sites].flatMap((site) => {
    if (!dump.present[site.number] || !matches(site, filter)) return [];
    const values = valuesOf(site, dump);
    return values.some((value) => value > 0) ? [sampleOf(site, values, frames, text)] : [];
  });
  const profile = new Profile({
    sampleType: VALUES.map(([type, unit]) => ({ type: text(type), unit: text(unit) })),
    sample: samples,
    mapping: [{ id: 1, filename: text("traffic_server"), hasFunctions: true, hasFilenames: true, hasLineNumbers: true }],
    location: frames.locations,
    function: frames.functions,
    stringTable: strings,
    ...(Number.isNaN(dump.time) ? {} : { timeNanos: BigInt(dump.time) * 1_000_000_000n }),
    periodType: { type: text("space"), unit: text("bytes") },
    period: 1,
    comment: [text(`memtrack: ${nameForPeople(dump)}`), text(COMMENT)],
    defaultSampleType: text("inuse_space"),
  });
  return gzipSync(profile.encode());
}

/** As VALUES has them. Of a negative row (memory older than the arming) there is nothing to show. */
function valuesOf({ number }: Site, dump: Snapshot): number[] {
  const allocs = dump.allocs[number]!;
  const alive = allocs - dump.frees[number]!;
  const inUse = dump.inUse[number]!;
  const allocBytes = alive > 0 ? Math.round((allocs / alive) * inUse) : 0;
  return [allocs, allocBytes, alive, inUse].map((value) => Math.max(0, value));
}

/** The stack of a site: itself, its class, its owner. */
function sampleOf(site: Site, values: number[], frames: Frames, text: (value: string) => number): SampleInput {
  const owner = printable(site.owner);
  const source = sourceOf(site.location);
  return {
    locationId: [
      frames.id(`site ${site.number}`, printable(nameOf(site)), printable(source?.file ?? ""), source?.line ?? 0),
      frames.id(`class ${site.class}`, site.class),
      frames.id(`owner ${owner}`, owner),
    ],
    value: values,
    label: [
      { key: text("owner"), str: text(owner) },
      { key: text("class"), str: text(site.class) },
    ],
  };
}

/** The frames of all stacks: of each a location without an address, and a function. */
class Frames {
  readonly functions: { id: number; name: number; systemName: number; filename: number }[] = [];
  readonly locations: { id: number; mappingId: number; line: { functionId: number; line: number }[] }[] = [];
  readonly #ids = new Map<string, number>();
  readonly #text: (value: string) => number;

  constructor(text: (value: string) => number) {
    this.#text = text;
  }

  /** The number of the frame of this key. Its name is final: pprof would take a system name of the same text for C++. */
  id(key: string, name: string, file = "", line = 0): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.functions.length + 1;
    this.#ids.set(key, id);
    const text = this.#text;
    this.functions.push({ id, name: text(name), systemName: text(`memtrack ${key}`), filename: text(file) });
    this.locations.push({ id, mappingId: 1, line: [{ functionId: id, line }] });
    return id;
  }
}
