// SPDX-License-Identifier: Apache-2.0
//
// On a real server: call stacks of rows that are watched name who forgets memory, behind functions that allocate for others, and the
// counts of the rows stay exact.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";
import { Ats, type AtsOptions } from "../../harness/ats.ts";
import { parseDumps, type Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { memtrack } from "../support/command.ts";
import { assertHolds, assertSound, buildCorpus, corpus, expectedOf, SOURCES } from "../support/corpus.ts";

const DEADLINE_MS = 60_000;

let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

interface Stack {
  samples: number;
  alive: number | undefined;
  share: number | undefined;
  row: string;
  calls: string[];
}

/** The stacks in a dump, in its order. */
function stacksOf({ text }: Dump): Stack[] {
  const section =
    text
      .split("\n\n")
      .find((part) => part.startsWith("Stacks:"))
      ?.split("\n") ?? [];
  const stacks: Stack[] = [];
  for (const line of section.slice(3)) {
    const [, samples = "", , , alive = "", share = "", name = ""] = line.split(" | ").map((cell) => cell.trimEnd());
    const number = (cell: string) => (cell.trim() === "-" ? undefined : Number(cell));
    if (!name.startsWith("  "))
      stacks.push({ samples: Number(samples), alive: number(alive), share: number(share), row: name, calls: [] });
    else stacks.at(-1)!.calls.push(name.trim());
  }
  return stacks;
}

async function withServer(options: AtsOptions, body: (ats: Ats) => Promise<void>): Promise<void> {
  const records = { "proxy.config.plugin.memtrack.heap": 1, "proxy.config.plugin.memtrack.sample_interval": 1 };
  const ats = await Ats.start({ level: 1, ctl: true, origin: origin.url, ...options, records: { ...records, ...options.records } });
  try {
    await body(ats);
  } finally {
    await ats.stop();
  }
}

/** Sends requests until a dump is as it should be. Returns it, and the number of requests. */
async function traffic(ats: Ats, isDone: (dump: Dump) => boolean, path = "/size/1000"): Promise<{ dump: Dump; count: number }> {
  for (let count = 0, end = Date.now() + DEADLINE_MS; ;) {
    assert.equal((await requests(ats.httpUrl, 20, { paths: [path] })).errors, 0);
    count += 20;
    const dump = await ats.dump();
    if (isDone(dump)) return { dump, count };
    assert.ok(Date.now() < end, dump.text);
  }
}

const ofRow = (dump: Dump, part: RegExp): Stack[] => stacksOf(dump).filter(({ row }) => part.test(row));
const samplesOf = (stacks: Stack[]): number => stacks.reduce((sum, { samples }) => sum + samples, 0);
/** The names of the calls, without file and line. */
const names = ({ calls }: Stack): string[] => calls.map((call) => call.replace(/ \([^()]*\)$/, ""));

describe("a plugin that leaks behind functions that allocate for others", () => {
  let dump: Dump;
  let count: number;
  const file = (): string => join(ats.folder, "log", "traffic.out");
  let ats: Ats;
  let folded: string;
  let profile: string;
  before(async () => {
    await withServer({ plugins: [PLUGIN, corpus("leak_stacks"), corpus("innocent_heap")] }, async (server) => {
      ats = server;
      await ats.ctl("plugin", "msg", "memtrack", "search leak_stacks");
      // What is forgotten outweighs what is remembered for a moment once there are samples enough.
      const isDone = (dump: Dump) =>
        [/make_record/, / fill /, /forgets_items/, /make_cont/].every((row) => samplesOf(ofRow(dump, row)) >= 30) &&
        ofRow(dump, / make_record \(/).filter(({ alive }) => alive === 100).length === 3 &&
        [/ fill \(/, / make_cont \(/].every((row) => ofRow(dump, row)[0]?.alive === 100);
      ({ dump, count } = await traffic(ats, isDone));
      folded = (await memtrack(["folded", file(), "--value", "inuse_objects", "--owner", "leak_stacks.so"])).out;
      await memtrack(["pprof", file(), "-o", join(ats.folder, "heap.pb.gz")]);
      profile = gunzipSync(readFileSync(join(ats.folder, "heap.pb.gz"))).toString("latin1");
    });
  });

  test("has exact rows, and so has its neighbour", () => {
    assertSound(dump);
    assertHolds(dump, "leak_stacks.so", expectedOf("leak_stacks", { transaction: count, once: 1 }));
    assertHolds(dump, "innocent_heap.so", expectedOf("innocent_heap", { transaction: count, once: 1 }));
  });

  test("has stacks of no other row", () => {
    assert.ok(stacksOf(dump).every(({ row }) => row.startsWith("memory/plugin/leak_stacks.so ")));
  });

  test("a function that allocates for others: its first stacks are those of the three that forget", () => {
    const stacks = ofRow(dump, / make_record \(/);
    const callers = stacks.map((stack) => names(stack).slice(1, 3).join(" < ")).sort();
    assert.deepEqual(
      callers.map((caller) => caller.replaceAll("leak_stacks.so ", "")),
      ["behave::{lambda}::operator() < behave", "forgets < behave", "forgets < descend"],
    );
    for (const { alive } of stacks) assert.equal(alive, 100);
    const shares = stacks.reduce((sum, { share }) => sum + share!, 0);
    assert.ok(shares > 80, `${shares} %`);
  });

  test("std::string: the stack of what is forgotten comes before that of what is not", () => {
    const [first, second] = ofRow(dump, / fill \(/);
    assert.equal(names(first!)[1], "leak_stacks.so forgets_text");
    assert.equal(first!.alive, 100);
    assert.equal(names(second!)[1], "leak_stacks.so remembers_text");
    assert.ok(second!.alive! < 20 && second!.share! < 20, JSON.stringify(second));
  });

  test("an object of the API: the stack of what is forgotten comes before that of what is destroyed", () => {
    const [first, second] = ofRow(dump, / make_cont \(/);
    assert.equal(names(first!)[1], "leak_stacks.so forgets_cont");
    assert.equal(first!.alive, 100);
    assert.equal(names(second!)[1], "leak_stacks.so remembers_cont");
    assert.ok(second!.alive! < 20 && second!.share! < 20, JSON.stringify(second));
  });

  test("std::vector: the plugin's call, and who called it", () => {
    for (const stack of ofRow(dump, / forgets_items \(/)) {
      assert.deepEqual(names(stack).slice(0, 2), ["leak_stacks.so forgets_items", "leak_stacks.so behave"]);
    }
  });

  test("calls lead into the server; memtrack's own are left out", () => {
    const stack = ofRow(dump, / make_record \(/).find((each) => names(each)[2] === "leak_stacks.so behave")!;
    assert.ok(
      names(stack).some((call) => /^traffic_server /.test(call)),
      stack.calls.join("\n"),
    );
    assert.ok(!stacksOf(dump).some(({ calls }) => calls.some((call) => call.startsWith("memtrack"))));
  });

  test("a recursion is one call, and the stack is cut", () => {
    const stack = ofRow(dump, / make_record \(/).find((each) => names(each)[2] === "leak_stacks.so descend")!;
    assert.equal(stack.calls.at(-1), "... more calls");
    assert.ok(stack.calls.length <= 6, stack.calls.join("\n"));
  });

  test("memtrack folded and memtrack pprof have the calls, and the sums of the rows", () => {
    const alive = dump.heap.rows
      .filter(({ location }) => location.startsWith("memory/plugin/leak_stacks.so "))
      .reduce((sum, row) => sum + row.allocs - row.frees, 0);
    const lines = folded.split("\n").filter((line) => line.startsWith("leak_stacks.so;heap;"));
    assert.equal(
      lines.reduce((sum, line) => sum + Number(line.replace(/^.* /, "")), 0),
      alive,
    );
    assert.ok(
      lines.some((line) =>
        /;leak_stacks\.so behave \(.*?\);leak_stacks\.so forgets \(.*?\);memory\/plugin\/leak_stacks\.so make_record/.test(line),
      ),
      folded,
    );
    for (const name of ["leak_stacks.so forgets", "leak_stacks.so behave"]) assert.ok(profile.includes(name));
  });
});

describe("a plugin whose functions are inlined into one another", () => {
  const NAME = "leak_inlined_stacks";
  const source = readFileSync(join(SOURCES, `${NAME}.cc`), "utf8").split("\n");
  /** A function, and the line with a mark. */
  const at = (mark: string, name = mark.replace(/^.* in /, "")): string => {
    const isMarked = (line: string): boolean => line.endsWith(`// ${mark}`) || line.includes(`// ${mark}: `);
    return `${NAME}.so ${name} (${NAME}.cc:${source.findIndex(isMarked) + 1})`;
  };
  const made = `${at("SITE make_item", "make_item")} [inlined]`;
  const kept = `${at("call in keep_item")} [inlined]`;
  const handler = at("SITE TSPluginInit", "corpus_handler");
  const handled = (name: string): string[] => [`${at(`${name} in behave`)} [inlined]`, handler];
  /** The calls of each stack in the plugin. */
  const own = (dump: Dump): string[] => stacksOf(dump).map(({ calls }) => calls.filter((call) => call.startsWith(NAME)).join("\n"));
  const isDone = (dump: Dump): boolean =>
    samplesOf(stacksOf(dump)) >= 60 && new Set(own(dump)).size === 3 && !/unloaded module/.test(dump.text);

  test("has a line for each function, and so have memtrack folded and memtrack pprof", async () => {
    await withServer({ plugins: [PLUGIN, corpus(NAME)] }, async (ats) => {
      await ats.ctl("plugin", "msg", "memtrack", `search ${NAME}`);
      const { dump, count } = await traffic(ats, isDone);
      assertSound(dump);
      assertHolds(dump, `${NAME}.so`, expectedOf(NAME, { transaction: count, once: 1 }));
      const lambda = `${at("call in forgets_each::{lambda}::operator()")} [inlined]`;
      assert.deepEqual(
        own(dump).sort(),
        [
          [made, kept, at("call in forgets"), ...handled("forgets")],
          [made, kept, lambda, at("call in forgets_each"), ...handled("forgets_each")],
          [made, at("call in remembers"), ...handled("remembers")],
        ]
          .map((calls) => calls.join("\n"))
          .sort(),
      );
      const file = join(ats.folder, "log", "traffic.out");
      const { out } = await memtrack(["folded", file, "--owner", `${NAME}.so`]);
      const plain = (call: string): string => call.replace(/ \[inlined\]$/, "");
      const above = [handler, plain(handled("forgets")[0]!), at("call in forgets"), plain(kept)].join(";");
      assert.ok(out.includes(`;${above};memory/plugin/${plain(made)} `), out);
      assert.doesNotMatch(out, /\[inlined\]/);
      await memtrack(["pprof", file, "-o", join(ats.folder, "heap.pb.gz")]);
      const {
        location,
        function: functions,
        stringTable,
      } = Profile.decode(gunzipSync(readFileSync(join(ats.folder, "heap.pb.gz"))));
      const nameOf = (id: number | bigint): string => stringTable.strings[Number(functions.find((each) => each.id === id)!.name)]!;
      const lines = location.map(({ line }) =>
        line.map(({ functionId }) => nameOf(functionId).replace(`${NAME}.so `, "")).join(" < "),
      );
      assert.ok(lines.includes("make_item < keep_item < forgets"), lines.join("\n"));
      assert.ok(lines.includes("behave < corpus_handler"), lines.join("\n"));
    });
  });

  test("without debug information: memtrack symbolize gives the same", async () => {
    const folder = mkdtempSync(join(tmpdir(), "memtrack-stacks-"));
    chmodSync(folder, 0o755);
    try {
      const stripped = join(folder, `${NAME}.so`);
      execFileSync("strip", ["-o", stripped, corpus(NAME)]);
      chmodSync(stripped, 0o755);
      const dumps: Dump[] = [];
      for (const plugin of [corpus(NAME), stripped]) {
        await withServer({ plugins: [PLUGIN, plugin] }, async (ats) => {
          await ats.ctl("plugin", "msg", "memtrack", `search ${NAME}`);
          dumps.push((await traffic(ats, isDone)).dump);
        });
      }
      const [named, bare] = dumps;
      assert.doesNotMatch(own(bare!).join("\n"), /inlined\]/);
      rmSync(stripped);
      mkdirSync(join(folder, "debug"));
      copyFileSync(corpus(NAME), join(folder, "debug", `${NAME}.so`));
      const { out, err } = await memtrack(["symbolize", "--debug-dir", join(folder, "debug")], { stdin: bare!.text });
      const [symbolized] = parseDumps(out);
      assert.ok(symbolized, err);
      // Whose lambda it is that gcc has inlined, eu-addr2line does not say.
      const known = own(named!).map((calls) => calls.replaceAll("forgets_each::{lambda}::", ""));
      assert.deepEqual([...new Set(own(symbolized))].sort(), [...new Set(known)].sort());
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("a plugin without unwind tables: the walk ends in it, and says so", async () => {
  await withServer({ plugins: [PLUGIN, corpus("leak_stacks_bare")] }, async (ats) => {
    await ats.ctl("plugin", "msg", "memtrack", "search leak_stacks_bare");
    const { dump } = await traffic(ats, (dump) => samplesOf(ofRow(dump, /make_record/)) >= 10);
    const [stack] = ofRow(dump, /make_record/);
    assert.deepEqual(names(stack!), ["leak_stacks_bare.so make_record", "... no unwind tables from here on"]);
    assertSound(dump);
  });
});

test("calls of a plugin that is unloaded keep their names", async () => {
  const remap = [`map /a/ ${origin.url} @plugin=${corpus("remap_leak")}`];
  await withServer({ plugins: [PLUGIN], remap }, async (ats) => {
    await ats.ctl("plugin", "msg", "memtrack", "search remap_leak");
    const row = (owner: string) => new RegExp(`^memory/plugin/${owner} behave .*$`);
    const path = "/a/size/1000";
    await traffic(ats, (dump) => samplesOf(ofRow(dump, row("remap_leak.so"))) >= 10, path);
    for (let load = 2; load <= 4; ++load) {
      // Sampled last, and not yet named when the module is unloaded.
      assert.equal((await requests(ats.httpUrl, 20, { paths: [path] })).errors, 0);
      const from = ats.sizeOf(ats.diagsPath);
      const time = 1_700_000_000 + load;
      utimesSync(join(ats.folder, "plugins", "remap_leak.so"), time, time); // otherwise the server keeps the module
      appendFileSync(join(ats.folder, "etc", "remap.config"), "# changed\n");
      await ats.ctl("config", "reload");
      await ats.waitFor(ats.diagsPath, /remap\.config finished loading/, { from, timeoutMs: 30_000 });
      const { dump } = await traffic(ats, (dump) => samplesOf(ofRow(dump, row(`remap_leak.so#${load}`))) >= 10, path);
      assert.doesNotMatch(dump.text, /unloaded module/);
      const [stack] = ofRow(dump, row("remap_leak.so"));
      assert.match(stack!.row, / \[retired\]$/);
      assert.deepEqual(names(stack!).slice(0, 2), ["remap_leak.so behave", "remap_leak.so TSRemapDoRemap"]);
    }
  });
});
