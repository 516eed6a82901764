// SPDX-License-Identifier: Apache-2.0
//
// On a real server: the memory of twenty libraries that plugins use. What a library allocates for a plugin stands in the plugin's line,
// as many blocks and bytes as a separate program counts, which every library calls instead of malloc(). What is dropped leaves nothing.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertSound, buildCorpus, corpus, corpusFolder, rowsOfOwner, settled } from "../support/corpus.ts";
import { databaseWithoutCountries } from "../support/mmdb.ts";

const COUNT = 100;
/** Each transaction makes and drops so many objects of each library. */
const TIMES = 20;

interface Kept {
  blocks: number;
  bytes: number;
}

/** The live blocks and bytes of each library, by the function that calls it. */
function keptIn(dump: Dump, plugin: string): Map<string, Kept> {
  const kept = new Map<string, Kept>();
  for (const row of rowsOfOwner(dump, `${plugin}.so`)) {
    const name = row.class === "heap" ? / (\w+?)_(?:make|allocate) \(libraries\.h:\d+\)/.exec(row.location)?.[1] : undefined;
    if (name === undefined) continue;
    const { blocks, bytes } = kept.get(name) ?? { blocks: 0, bytes: 0 };
    kept.set(name, { blocks: blocks + row.allocs - row.frees, bytes: bytes + row.held });
  }
  return kept;
}

describe("libraries that plugins use", () => {
  let origin: Origin;
  let folder: string;
  let database: string;
  before(async () => {
    buildCorpus();
    origin = await Origin.start();
    folder = mkdtempSync(join(tmpdir(), "memtrack-libraries-"));
    chmodSync(folder, 0o755);
    database = join(folder, "none.mmdb");
    writeFileSync(database, databaseWithoutCountries());
  });
  after(async () => {
    await origin.stop();
    rmSync(folder, { recursive: true });
  });

  const cases = [
    { heap: 1, tables: [], what: "as they are" },
    { heap: 1, tables: ["tables"], what: "given malloc() and free() from a table of a plugin" },
    { heap: 0, tables: ["tables"], what: "the same, while the heap is not tracked" },
  ];
  for (const { heap, tables, what } of cases) {
    test(`${what}: leaks have their rows, to the byte, and what is dropped leaves nothing`, async () => {
      const plugins = [
        PLUGIN,
        [corpus("innocent_libraries"), database, TIMES, ...tables].join(" "),
        `${corpus("leak_libraries")} ${database}`,
      ];
      const ats = await Ats.start({
        level: 2,
        records: { "proxy.config.plugin.memtrack.heap": heap },
        plugins,
        origin: origin.url,
      });
      try {
        // The first ones allocate permanent memory of the libraries.
        assert.deepEqual(await requests(ats.httpUrl, COUNT), { requests: COUNT, errors: 0 });
        const first = await settled(ats);
        assert.deepEqual(await requests(ats.httpUrl, COUNT), { requests: COUNT, errors: 0 });
        const dump = await settled(ats);
        assertSound(dump);
        assert.deepEqual(
          ats
            .trafficOut()
            .match(/innocent_libraries: .*|.*warning=.*/g)
            ?.slice(0, 3),
          undefined,
        );

        const truth = execFileSync(join(corpusFolder(), "libraries_truth"), [database, ...tables], { encoding: "utf8" });
        const lines = truth.trim().split("\n");
        assert.ok(lines.length >= 20);
        const [before, now] = [keptIn(first, "leak_libraries"), keptIn(dump, "leak_libraries")];
        const expected = lines.map((line) => {
          const [name, blocks, bytes] = line.split(" ");
          return [name, heap * COUNT * Number(blocks), heap * COUNT * Number(bytes)];
        });
        const grown = lines.map((line) => {
          const name = line.split(" ")[0]!;
          const [a, b] = [before, now].map((kept) => kept.get(name) ?? { blocks: 0, bytes: 0 }) as [Kept, Kept];
          return [name, b.blocks - a.blocks, b.bytes - a.bytes];
        });
        assert.deepEqual(grown, expected);

        const innocent = rowsOfOwner(dump, "innocent_libraries.so").filter((row) => row.class === "heap");
        const made = innocent.reduce((sum, row) => sum + row.allocs, 0);
        assert.ok(heap ? made > 1e6 : made === 0, `${made} blocks`);
        const held = rowsOfOwner(first, "innocent_libraries.so").map(({ location, held }) => [location, held]);
        assert.deepEqual(
          rowsOfOwner(dump, "innocent_libraries.so")
            .map(({ location, held }) => [location, held])
            .toSorted(),
          held.toSorted(),
        );
      } finally {
        await ats.stop();
      }
    });
  }
});
