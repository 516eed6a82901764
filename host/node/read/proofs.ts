// SPDX-License-Identifier: Apache-2.0
//
// What the search for references found of the rows that it watched, as the section `Search` of a dump says.

import { ageKey } from "./ages.ts";
import { columnsIn, type Section } from "./dump.ts";

/** By the key of their row (keyOfRow() in stacks.ts): how many blocks of it are lost, at least; of rows with lost blocks only. */
export function lostIn(sections: readonly Section[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const section of sections) {
    const columns = columnsIn(section, "search", ["At least", "Kind", "Location"]);
    for (const row of columns ? section.rows : []) {
      const [least, kind = "", location = ""] = columns!.map((column) => row[column]);
      if (Number(least) > 0) found.set(ageKey(kind, location), Number(least));
    }
  }
  return found;
}
