// SPDX-License-Identifier: Apache-2.0
//
// Reads the ages of sites in a dump: section `Ages of what is alive`, a line for each site and time span. The section is missing if
// the server has taken no samples, and in dumps of older versions.

import { columnsIn, type Section } from "./dump.ts";

/** Live memory of a site that was allocated in a time span, exactly. */
export interface Age {
  /** Seconds before the dump. */
  olderThan: number;
  /** Undefined if the start of counting is unknown. */
  youngerThan: number | undefined;
  alive: number;
  /** 0 for objects, which have no size. */
  bytes: number;
}

const COLUMNS = ["Older than", "Younger than", "Alive", "Size In-use", "Kind", "Location"] as const;

/** The ages of each site in the section, by ageKey(), youngest first. */
export function agesIn(sections: readonly Section[]): Map<string, Age[]> {
  const ages = new Map<string, Age[]>();
  for (const section of sections) {
    const columns = columnsIn(section, "ages", COLUMNS);
    if (!columns) continue;
    for (const row of section.rows) {
      const [olderThan, youngerThan, alive, bytes, kind, location] = columns.map((column) => row[column]);
      const age: Age = {
        olderThan: Number(olderThan),
        youngerThan: youngerThan === "-" ? undefined : Number(youngerThan),
        alive: Number(alive),
        bytes: Number(bytes),
      };
      if (![age.olderThan, age.youngerThan ?? 0, age.alive, age.bytes].every(Number.isSafeInteger)) continue;
      const key = ageKey(kind!, location!);
      ages.set(key, [...(ages.get(key) ?? []), age]);
    }
  }
  return ages;
}

/** Name of a site in that section. @param kind the class, or for objects the kind */
export function ageKey(kind: string, location: string): string {
  return `${kind} ${location}`;
}
