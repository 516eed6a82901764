// SPDX-License-Identifier: Apache-2.0
//
// On a real server, with `heap` 2: the server's own heap has rows by the function that calls, leaks of the server among them; what plugins
// and the API have stands in the same rows as with `heap` 1; little of an idle server is not accounted; and the record can be changed
// under load.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { SERVER_HEAP_PART, SERVER_HEAP_TITLE, OLDER_PART } from "../../format/format.ts";
import { parseAnalysis } from "../../harness/analysis.ts";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertHolds, assertSound, buildCorpus, corpus, expectedOf, rowsOf, rowsOfOwner } from "../support/corpus.ts";
import { fixedIn } from "../support/fixed.ts";
import { assertGrown, grown } from "../support/grown.ts";
import { exchange, request, silent, tally, withTrailers, type Stub } from "../support/stubs.ts";

const HEAP = "proxy.config.plugin.memtrack.heap";
/** A call of the server, or of a library, that is charged to the server. */
const CORE = /^memory\/core\/(?:traffic_server|lib[\w.+-]+)(?: |\+0x)/;
/** Memory that the server takes while a plugin's code runs. */
const VIA = /^memory\/plugin\/(?:traffic_server|libts\w+\.so[.\d]*)(?: .*|\+0x[\da-f]+(?: \(below .*\))?) \[via /;
const TRANSACTIONS = 60;
const EVENTS = 20;

/** Blocks by each way that the server or a library takes part in: none of them may be in two rows. */
const LEAKS = [
  ..."leak_malloc leak_new leak_map leak_strdup leak_realloc leak_openssl_truth leak_tsmalloc leak_tsrealloc leak_tsstrdup".split(
    " ",
  ),
  ..."leak_strings leak_others leak_held leak_tsmbuffer leak_tscont leak_tsiobuffer leak_handles".split(" "),
].filter((name) => !name.endsWith("truth"));
const INNOCENTS =
  "innocent_cpp innocent_heap innocent_strings innocent_objects innocent_others innocent_tsapi innocent_torture".split(" ");

let origin: Origin;
let mute: Stub;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
  mute = await silent();
});
after(async () => {
  await mute.stop();
  await origin.stop();
});

/** A part of resident memory by the beginning of its name. */
function part(dump: Dump, name: string): number | undefined {
  return parseAnalysis(dump.text).parts.find(({ what }) => what.startsWith(name))?.bytes;
}

/** The dump without what the server holds on a plugin's behalf: as with `heap` 1. */
function ofPluginsAlone(dump: Dump): Dump {
  return { ...dump, heap: { ...dump.heap, rows: dump.heap.rows.filter(({ location }) => !VIA.test(location)) } };
}

/** A dump when every row holds what it held: the server itself allocates and releases all the time. */
function quiet(ats: Ats): Promise<Dump> {
  return ats.settledDump((dump) =>
    rowsOf(dump)
      .filter(({ held }) => held !== 0)
      .map(({ class: cls, location, held }) => [cls, location, held]),
  );
}

/** A quiet dump that was measured; the first second's is not. */
async function measured(ats: Ats): Promise<Dump> {
  for (const end = Date.now() + 20_000; ;) {
    const dump = await quiet(ats);
    if (part(dump, "not accounted") !== undefined) return dump;
    assert.ok(Date.now() < end, dump.text);
  }
}

describe("an idle server", () => {
  let dump: Dump;
  before(async () => {
    const ats = await Ats.start({
      level: 2,
      origin: origin.url,
      plugins: [PLUGIN],
      records: { [HEAP]: 2, "proxy.config.plugin.memtrack.sample_interval": 1 },
    });
    try {
      dump = await measured(ats);
    } finally {
      await ats.stop();
    }
  });

  test("has a valid dump, whose title says that the server's rows are there", () => {
    assertSound(dump);
    assert.equal(dump.header.get("server-heap"), "installed");
    assert.ok(dump.text.includes(`\nHeap memory of plugins${SERVER_HEAP_TITLE}\n`), dump.text);
  });

  test("has less than a quarter that is not accounted", (t) => {
    const share = part(dump, "not accounted")! / part(dump, "resident")!;
    t.diagnostic(`${Math.round(share * 100)} % not accounted`);
    assert.ok(share < 0.25, dump.text);
    assert.ok(part(dump, SERVER_HEAP_PART)! > 0 && part(dump, OLDER_PART)! > 0, dump.text);
  });

  test("has parts that add up to resident memory", () => {
    const parts = parseAnalysis(dump.text).parts.filter(({ what }) => !what.startsWith("limit"));
    const [resident, ...rest] = parts;
    for (const { bytes, what } of rest) assert.ok(bytes === undefined || bytes >= 0, what);
    const sign = (what: string) => (what.startsWith("tracked, but not resident") ? -1 : 1);
    assert.equal(
      rest.reduce((sum, { what, bytes }) => sum + sign(what) * (bytes ?? 0), 0),
      resident!.bytes,
      dump.text,
    );
  });

  test("names the functions, and never one that allocates for others", () => {
    const rows = dump.heap.rows.filter(({ location }) => !VIA.test(location));
    for (const { location } of rows) assert.match(location, CORE);
    const named = rows.filter(({ location }) => / [\w:~<>.]+\+0x|\.cc:\d+\)/.test(location));
    assert.ok(named.length > rows.length / 2, `${named.length} of ${rows.length} rows have a function`);
    const wrappers = / (?:ats_\w*alloc|ats_memalign|_xstrdup|ats_stringdup|operator new|std::|CRYPTO_|ink_freelist)/;
    assert.deepEqual(
      rows.filter(({ location }) => wrappers.test(location)).map(({ location }) => location),
      [],
    );
    const builds = dump.modules.map(({ name }) => name);
    assert.ok(builds.includes("core"), dump.text);
  });
});

describe("plugins", () => {
  let dump: Dump;
  before(async () => {
    const ats = await Ats.start({
      level: 2,
      origin: origin.url,
      plugins: [PLUGIN, ...[...LEAKS, ...INNOCENTS].map(corpus)],
      records: { [HEAP]: 2 },
    });
    try {
      assert.deepEqual(await requests(ats.httpUrl, TRANSACTIONS), { requests: TRANSACTIONS, errors: 0 });
      dump = await quiet(ats);
    } finally {
      await ats.stop();
    }
  });

  test("get a valid dump, in which nothing is damaged", () => {
    assertSound(dump);
    assert.equal(dump.header.get("damaged"), "0");
    assert.equal(dump.header.get("twice"), "0");
  });

  for (const name of [...LEAKS, ...INNOCENTS])
    test(`${name}: its rows are those of heap 1`, () =>
      assertHolds(ofPluginsAlone(dump), `${name}.so`, expectedOf(name, { transaction: TRANSACTIONS, once: 1 })));

  test("have no second row for what the API's rows have", () => {
    const rows = rowsOfOwner(dump, "leak_held.so").filter(({ location }) => VIA.test(location));
    // What remains is what TSPluginRegister() keeps.
    assert.deepEqual(
      rows.filter(({ allocs }) => allocs > 1),
      [],
    );
  });
});

describe("leaks of the server", () => {
  let ats: Ats;
  before(async () => {
    ats = await Ats.start({
      level: 2,
      threads: 1,
      origin: origin.url,
      plugins: [PLUGIN],
      remap: [`map /mute/ ${mute.url}`],
      records: {
        [HEAP]: 2,
        "proxy.config.http.keep_alive_enabled_out": 0,
        "proxy.config.http.transaction_no_activity_timeout_in": 2,
      },
    });
  });
  after(() => ats.stop());

  /** What so many events keep, after some that are not counted. */
  async function keptBy(cause: (count: number) => Promise<void>) {
    await cause(EVENTS);
    const first = await quiet(ats);
    await cause(EVENTS);
    const last = await quiet(ats);
    assertSound(last);
    return grown(first, last);
  }

  test(
    "an HTTP/2 request with a trailer loses its headers (#11064): a row of core, a block each",
    { skip: fixedIn("10.0.0") },
    async () => {
      const rows = await keptBy((count) => withTrailers(ats.httpsUrl, "/echo", count));
      const location = /^memory\/core\/traffic_server.*Http2/; // the function, or where it has no symbol the one above it
      assertGrown(rows, "core", EVENTS, [{ class: "heap", location, alive: 1, frees: undefined }]);
      assert.ok(rows[0]!.bytes! > 7000 * EVENTS, JSON.stringify(rows));
    },
  );

  test("a POST that stalls loses a buffer: its row alone", { skip: fixedIn("9.2.15", "10.2.0") }, async () => {
    const rows = await keptBy(async (count) => {
      const post = `${request("POST /mute/ HTTP/1.1", "Content-Length: 100000")}abc`;
      const all = await Promise.all(Array.from({ length: count }, () => exchange({ port: ats.httpPort }, post)));
      assert.deepEqual(tally(all), { 408: count });
    });
    assert.ok(rows.length > 0);
    for (const row of rows) assert.equal(row.class, "iobuffer", JSON.stringify(rows));
  });

  test("requests without a leak keep nothing", async () => {
    const rows = await keptBy(async (count) => void (await requests(ats.httpUrl, 10 * count)));
    assert.deepEqual(rows, []);
  });
});

test("changed under load: the rows of plugins stay exact, and those of the server add up", async () => {
  const names = ["leak_tsmalloc", "leak_tsstrdup", "leak_others"];
  const ats = await Ats.start({
    level: 2,
    ctl: true,
    origin: origin.url,
    plugins: [PLUGIN, ...names.map(corpus)],
    records: { [HEAP]: 1 },
  });
  let sent = 0;
  try {
    for (const heap of [2, 0, 2]) {
      const from = ats.sizeOf(ats.diagsPath);
      let over = false;
      const said = new RegExp(`memtrack\\.heap is now ${heap}`);
      // The server tells a changed record within ten seconds, and in the first ones after its start not at all.
      const changed = ats.waitFor(ats.diagsPath, said, { from, timeoutMs: 40_000 }).finally(() => (over = true));
      const set = (async () => {
        while (!over) await ats.ctl("config", "set", HEAP, String(heap)).catch(() => undefined);
      })();
      while (!over) {
        assert.deepEqual(await requests(ats.httpUrl, 100), { requests: 100, errors: 0 });
        sent += 100;
      }
      await Promise.all([changed, set]);
    }
    const dump = await quiet(ats);
    assertSound(dump);
    assert.equal(dump.header.get("server-heap"), "installed");
    for (const name of names) {
      const rows = expectedOf(name, { transaction: sent, once: 1 }).filter((row) => row.class !== "heap");
      const alone = ofPluginsAlone(dump);
      const others = { ...alone, heap: { ...alone.heap, rows: [] } };
      assertHolds(others, `${name}.so`, rows);
    }
  } finally {
    await ats.stop();
  }
});
