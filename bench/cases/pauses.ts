// SPDX-License-Identifier: Apache-2.0
//
// The longest allocations while something happens that they might wait for: other threads' new sites, the copying of all names, a full
// table. The longest of all includes the threads' waits for a processor: the bare allocator shows those.

import { figure, type Figure } from "../figure.ts";
import { Rounds, run, type Run } from "../native.ts";

const THREADS = 8;
const SITES = 4096;
const CASES = {
  nothing: "known sites",
  sites: "new sites",
  copies: "new sites during dumps",
  full: "new sites, half too many",
};
const COLUMNS = ["median", "one in 1,000", "longest"];

export async function pauses({ quick, rounds, progress }: Run): Promise<Figure[]> {
  const measured = new Rounds();
  for (let round = 0; round < rounds; ++round) {
    for (const what of Object.keys(CASES)) {
      progress(`pauses: ${what}, round ${round + 1} of ${rounds}`);
      const lines = await run("pauses", { what, threads: THREADS, sites: (quick ? SITES / 8 : SITES) / THREADS });
      for (const [who, ...numbers] of lines) numbers.forEach((ns, column) => measured.add(`${what} ${who} ${column}`, ns));
    }
  }
  return Object.entries(CASES).flatMap(([what, name]) =>
    ["bare", "ours"].flatMap((who) =>
      COLUMNS.map((column, index) => {
        const us = measured.of(`${what} ${who} ${index}`).map((ns) => ns / 1000);
        return figure({ group: "pauses", name, what: `${who}, ${column}`, unit: "µs" }, us);
      }),
    ),
  );
}
