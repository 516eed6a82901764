// SPDX-License-Identifier: Apache-2.0
//
// Reads the ages that a dump says of its sites: section `Ages of what is alive`, a line for each site and span of time. Dumps of a
// server that has taken no samples, and those of older versions, have none.

import { columnsIn, type Section } from "./dump.ts";

/** What is alive of a site and was allocated in one span of time, exactly. */
export interface Age {
  /** Seconds before the dump. */
  olderThan: number;
  /** Undefined where the server did not say since when it counts. */
  youngerThan: number | undefined;
  alive: number;
  /** Of objects, which have no size, 0. */
  bytes: number;
}

const COLUMNS = ["Older than", "Younger than", "Alive", "Size In-use", "Kind", "Location"] as const;

/** The ages of each site that the section has, by ageKey(), the youngest first. */
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

/** A site's name in that section. @param kind the class, or of objects the kind */
export function ageKey(kind: string, location: string): string {
  return `${kind} ${location}`;
}
