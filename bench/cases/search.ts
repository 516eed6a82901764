// SPDX-License-Identifier: Apache-2.0
//
// The speed of the search for references (assembly/search), end to end: a piece of memory is copied into the instance, and scanned there.
// Beside it memcpy, and LeakSanitizer on a heap with the same contents.

import { figure, paired, type Figure } from "../figure.ts";
import { Rounds, run, type Run } from "../native.ts";

const SITES = 50;
const WHAT = {
  memcpy: "memcpy in pieces",
  copy: "process_vm_writev in pieces",
  scan: "scan of a piece in the cache",
  search: "search, 3,200 blocks watched",
  holders: "search, 8,192 holders too",
  thorough: "search, unaligned words too",
  lsan: "LeakSanitizer, by the clock",
};

export async function search({ quick, rounds, progress }: Run): Promise<Figure[]> {
  const mb = quick ? 128 : 1024;
  progress(`search: ${mb} MiB`);
  const measured = new Rounds();
  for (const [word = "", speed] of await run("search", { mb, sites: SITES, rounds })) measured.add(word, speed);
  for (const [word = "", speed] of await run("lsan", { mb, rounds })) measured.add(word, speed);
  const about = { group: "search", name: `${mb} MiB, ${SITES} sites` };
  return [
    ...Object.entries(WHAT).map(([word, what]) => figure({ ...about, what, unit: "GB/s" }, measured.of(word))),
    paired({ ...about, what: "memcpy / search", unit: "x", budget: "search" }, measured.of("memcpy"), measured.of("search")),
    paired({ ...about, what: "search / LeakSanitizer", unit: "x" }, measured.of("search"), measured.of("lsan")),
  ];
}
