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
import { nameOf, sourceOf, type Sites } from "../read/sites.ts";
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
  const functions: { id: number; name: number; systemName: number; filename: number }[] = [];
  const locations: { id: number; mappingId: number; line: { functionId: number; line: number }[] }[] = [];
  const known = new Map<string, number>();
  /** A frame's number. It has no address, and its name is final: pprof would take a system name of the same text for C++. */
  const frame = (key: string, name: string, file = "", line = 0): number => {
    let id = known.get(key);
    if (id === undefined) {
      id = functions.length + 1;
      known.set(key, id);
      functions.push({ id, name: text(name), systemName: text(`memtrack ${key}`), filename: text(file) });
      locations.push({ id, mappingId: 1, line: [{ functionId: id, line }] });
    }
    return id;
  };
  const samples: SampleInput[] = [];
  for (const site of sites) {
    const { number } = site;
    if (!dump.present[number] || !matches(site, filter)) continue;
    const allocs = dump.allocs[number]!;
    const live = allocs - dump.frees[number]!;
    const inUse = dump.inUse[number]!;
    // Of a negative row (memory older than the arming) there is nothing to show.
    const values = [allocs, live > 0 ? Math.round((allocs / live) * inUse) : 0, live, inUse].map((value) => Math.max(0, value));
    if (values.every((value) => value === 0)) continue;
    const location = printable(nameOf(site));
    const owner = printable(site.owner);
    const source = sourceOf(site.location);
    samples.push({
      locationId: [
        frame(`site ${number}`, location, printable(source?.file ?? ""), source?.line ?? 0),
        frame(`class ${site.class}`, site.class),
        frame(`owner ${owner}`, owner),
      ],
      value: values,
      label: [
        { key: text("owner"), str: text(owner) },
        { key: text("class"), str: text(site.class) },
      ],
    });
  }
  const types = VALUES.map(([type, unit]) => ({ type: text(type), unit: text(unit) }));
  const profile = new Profile({
    sampleType: types,
    sample: samples,
    mapping: [{ id: 1, filename: text("traffic_server"), hasFunctions: true, hasFilenames: true, hasLineNumbers: true }],
    location: locations,
    function: functions,
    stringTable: strings,
    ...(Number.isNaN(dump.time) ? {} : { timeNanos: BigInt(dump.time) * 1_000_000_000n }),
    periodType: { type: text("space"), unit: text("bytes") },
    period: 1,
    comment: [text(`memtrack: ${nameForPeople(dump)}`), text(COMMENT)],
    defaultSampleType: text("inuse_space"),
  });
  return gzipSync(profile.encode());
}
