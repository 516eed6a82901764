// SPDX-License-Identifier: Apache-2.0
//
// On a real server: the search for references tells lost blocks from held ones, says what holds them, and accuses nobody whose references
// it cannot see. tests/plugins/searched.cc has a site for each way.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { buildCorpus, corpus } from "../support/corpus.ts";
import { searchStatus, type Searched } from "../support/search_status.ts";

const HEAP = "proxy.config.plugin.memtrack.heap";
const INTERVAL = "proxy.config.plugin.memtrack.sample_interval";
const SHARE = "proxy.config.plugin.memtrack.search_cpu";
/** Passes after which a block without a reference is lost. */
const PASSES = 21;
const FOUND_MS = 90_000;

let origin: Origin;

before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

function start(ways: string[], records: Record<string, number> = {}): Promise<Ats> {
  return Ats.start({
    level: 2,
    ctl: true,
    plugins: [PLUGIN, `${corpus("searched")} ${ways.join(" ")}`],
    origin: origin.url,
    records: { [HEAP]: 1, [INTERVAL]: 1, [SHARE]: 25, "proxy.config.http.cache.http": 0, ...records },
  });
}

/** Rows of a function of the plugin. */
const rowsOf = (rows: Searched[], way: string) => rows.filter(({ location }) => location.includes(`searched.so ${way} (`));

/** Sends a few requests a second until the rows are as wanted. */
async function until(ats: Ats, isSo: (rows: Searched[]) => boolean, perTurn = 4): Promise<Searched[]> {
  for (const end = Date.now() + FOUND_MS; ; await pause(500)) {
    const { rows, text } = await searchStatus(ats);
    if (isSo(rows)) return rows;
    assert.ok(Date.now() < end, text);
    if (perTurn) await requests(ats.httpUrl, perTurn);
  }
}

/** Requests in several epochs: each lasts a second at least. */
async function allocate(ats: Ats, epochs = 5, count = 30): Promise<void> {
  for (let epoch = 0; epoch < epochs; ++epoch) {
    await requests(ats.httpUrl, count);
    const from = ats.sizeOf(ats.diagsPath);
    await ats.ctl("plugin", "msg", "memtrack", "status");
    const said = await ats.waitFor(ats.diagsPath, /(\d+) samples? so far/, { from });
    const samples = Number(/(\d+) samples? so far/.exec(said)![1]);
    for (;;) {
      const now = ats.sizeOf(ats.diagsPath);
      await ats.ctl("plugin", "msg", "memtrack", "status");
      const text = await ats.waitFor(ats.diagsPath, /(\d+) samples? so far/, { from: now });
      if (Number(/(\d+) samples? so far/.exec(text)![1]) > samples + 1) break;
      await pause(200);
    }
  }
}

/**
 * By way: what the text of the holder contains. On two servers, because one site whose blocks refer to each other is looked at as a whole at
 * a time.
 */
const HOLDERS: Record<string, RegExp>[] = [
  {
    hold_vector: /searched\.so in_vector \(\.bss\)/,
    hold_list: /searched\.so (in_list \(\.bss\)|hold_list \(.*\))$/, // its head, or a node of it
    hold_table: /searched\.so in_table \(\.bss\)/,
    hold_deque: /^searched\.so hold_deque \(.*\) <- searched\.so in_deque \(\.bss\)$/,
    hold_data: /^TSCont searched\.so hold_data \(searched\.cc:\d+\) <- heap of the server$/, // a queue of events
    hold_user_arg: /^(traffic_server|libts\w+\.so[.\d]*) (\S.* )?\(\.bss\)$/, // Debian's server has no symbols of its variables
    hold_local: /^thread-local memory of thread holds-in-local$/,
    hold_key: /^thread-local memory of thread holds-in-key$/,
    hold_early: /^heap of the server$/, // what the plugin's constructors allocate has no tag
    hold_nanbox: /^searched\.so in_boxes \(\.bss\)$/,
    hold_stack: /^stack of thread holds-in-stack$/,
    hold_tagged: /searched\.so in_tagged \(\.bss\)/,
    hold_middle: /searched\.so in_middle \(\.bss\)/,
  },
  {
    hold_map: /searched\.so in_map \(\.bss\)/,
    hold_pool: /searched\.so (in_pool \(\.bss\)|hold_pool \(.*\))$/,
    hold_lru: /searched\.so in_lru \(\.bss\)/,
    hold_giant: /^searched\.so make_giant \(.*\)$/,
  },
];

/** The functions of ways that allocate in threads of their own. */
const THREADS: Record<string, string> = {
  hold_local: "wait_with_locals",
  hold_key: "wait_with_key",
  hold_stack: "wait_with",
  hide_registers: "wait_with_registers",
};

const isHeldRightly = (row: Searched) => row.lost === 0 && row.probably === 0 && row.held + row.unsure > 0 && !row.isBlind;

for (const holders of HOLDERS) {
  const ways = Object.keys(holders);
  describe(`what is held, by ${ways.map((way) => way.replace("hold_", "")).join(", ")}`, () => {
    let ats: Ats;
    let rows: Searched[];
    before(async () => {
      ats = await start(ways);
      assert.ok(!ats.isSearching(), "nothing is to be watched");
      await allocate(ats);
      await ats.ctl("plugin", "msg", "memtrack", "search searched.so");
      const isKnown = (all: Searched[]) =>
        all.some(({ passes }) => passes > PASSES + 4) &&
        ways.every((way) => rowsOf(all, THREADS[way] ?? way).some((row) => holders[way]!.test(row.holder)));
      rows = await until(ats, isKnown, 0).catch(() => searchStatus(ats).then((last) => last.rows)); // the tests say what is missing
    });
    after(() => ats.stop());

    for (const way of ways) {
      test(`${way}: is called so, and the chain ends where it is held`, () => {
        const all = rowsOf(rows, THREADS[way] ?? way);
        assert.ok(all.length > 0, way);
        for (const row of all) assert.ok(isHeldRightly(row), JSON.stringify(row));
        assert.ok(
          all.some((row) => holders[way]!.test(row.holder)),
          JSON.stringify(all),
        );
      });
    }
  });
}

const IN_DOCUMENTS = /searched\.so in_documents \(\.bss\)$/;

describe("a ring, buffers, documents, and what moves", () => {
  let ats: Ats;
  let rows: Searched[];
  before(async () => {
    ats = await start(["lose_ring", "lose_partly", "hold_moving", "hold_documents"]);
    await allocate(ats);
    await ats.ctl("plugin", "msg", "memtrack", "search searched.so");
    const isKnown = (all: Searched[]) =>
      rowsOf(all, "lose_ring").every(({ watched, lost, unsure }) => lost + unsure === watched && watched > 0) &&
      rowsOf(all, "lose_partly").some(({ lost }) => lost >= 32) &&
      rowsOf(all, "hold_documents").every(({ holder }) => IN_DOCUMENTS.test(holder));
    rows = await until(ats, isKnown).catch(() => searchStatus(ats).then((last) => last.rows)); // the tests say what is missing
  });
  after(() => ats.stop());

  test("lose_ring: its nodes are lost, or unsure by a stale word, and never held", () => {
    const ring = rowsOf(rows, "lose_ring");
    assert.ok(ring.some(({ blocks }) => blocks > 99_000));
    for (const { held, watched, lost, unsure, holder } of ring) {
      assert.deepEqual([held, holder, lost + unsure], [0, "", watched], JSON.stringify(ring));
    }
  });

  test("lose_partly: of buffers that hold old words, one in 1,000 is lost, and found", () => {
    const [buffers] = rowsOf(rows, "lose_partly");
    assert.ok(buffers && buffers.lost >= 32 && !buffers.isBlind, JSON.stringify(buffers));
  });

  test("hold_moving: a pointer that moves as fast as it can is held", () => {
    const [moving] = rowsOf(rows, "move_without_end");
    assert.ok(moving && moving.lost === 0 && !moving.isBlind, JSON.stringify(moving));
    assert.match(moving.holder, /searched\.so move_without_end::places \(\.bss\)$/);
  });

  test("hold_documents: a library's blocks are held by the plugin's variable", () => {
    const documents = rowsOf(rows, "hold_documents");
    assert.ok(documents.length > 1);
    for (const row of documents) assert.ok(isHeldRightly(row), JSON.stringify(row));
    assert.ok(
      documents.every(({ holder }) => IN_DOCUMENTS.test(holder)),
      JSON.stringify(documents),
    );
  });
});

describe("what is lost or hidden", () => {
  const HIDDEN = [
    "hide_xor",
    "hide_xor_list",
    "hide_lightuserdata",
    "hide_compressed",
    "hide_epoll",
    "hide_timer",
    "hide_aio",
    ...(process.arch === "x64" ? ["hide_registers"] : []),
  ];
  const LOST = ["lose", "lose_cycle", "lose_data"];
  /** Whether a function was called a leak because its blocks are lost. */
  const isAccused = (ats: Ats, functions: string) =>
    new RegExp(`searched\\.so (${functions}) \\(.* blocks lost \\(`).test(readFileSync(ats.diagsPath, "utf8"));
  let ats: Ats;
  before(async () => {
    ats = await start([...LOST, ...HIDDEN, "hide_register", "hold_file"]);
    await allocate(ats);
    await ats.ctl("plugin", "msg", "memtrack", "search searched.so");
  });
  after(() => ats.stop());

  test("is called lost where nothing refers to it, and makes the search blind once a block is released that seemed so", async () => {
    const isFound = (all: Searched[]) =>
      LOST.every((way) => rowsOf(all, way).some(({ lost, held, watched }) => lost >= 40 && held <= watched / 8)) &&
      rowsOf(all, "lose_data").every(({ lost }) => lost >= 40) &&
      rowsOf(all, "hold_file").every(({ passes }) => passes > PASSES) &&
      HIDDEN.every((way) => rowsOf(all, THREADS[way] ?? way).some(({ isBlind }) => isBlind));
    const rows = await until(ats, isFound, 2);
    assert.ok(
      rowsOf(rows, "lose").every(({ isBlind }) => !isBlind),
      JSON.stringify(rowsOf(rows, "lose")),
    );
    for (const row of rowsOf(rows, "hold_file")) assert.ok(row.lost === 0 && !row.isBlind, JSON.stringify(row));
    const [kept] = rowsOf(rows, "wait_with_register");
    assert.ok(kept && kept.watched <= 1, "one block, whatever it seems to be: that is no growth");
  });

  test("is accused where it is lost, and never where it is hidden", async () => {
    await until(ats, () => isAccused(ats, "lose"));
    assert.ok(!isAccused(ats, "hide_\\w+|wait_with_registers?|hold_file"));
  });

  test("is searched by a thread that ends with the level or its share, and begins anew with them", async () => {
    assert.ok(ats.isSearching());
    const gone = async () => {
      for (const end = Date.now() + FOUND_MS; ats.isSearching(); await pause(100)) assert.ok(Date.now() < end);
    };
    await ats.ctl("plugin", "msg", "memtrack", "arm 0");
    await gone();
    await ats.ctl("plugin", "msg", "memtrack", "arm 2");
    await allocate(ats, 3);
    await until(ats, (all) => rowsOf(all, "lose").some(({ lost }) => lost >= 20));
    await ats.ctl("config", "set", SHARE, "0");
    await gone();
  });
});

describe("a million blocks that refer to one another", () => {
  test("are held by the one variable that has the first", async () => {
    const ats = await start(["hold_million"]);
    try {
      await allocate(ats, 2, 2);
      await ats.ctl("plugin", "msg", "memtrack", "search searched.so");
      const isFound = (all: Searched[]) =>
        rowsOf(all, "hold_million").some(({ holder }) => /searched\.so in_long_list \(\.bss\)/.test(holder));
      const rows = await until(ats, isFound, 0);
      for (const row of rowsOf(rows, "hold_million")) assert.ok(isHeldRightly(row), JSON.stringify(row));
    } finally {
      await ats.stop();
    }
  });
});
