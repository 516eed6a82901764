// SPDX-License-Identifier: Apache-2.0
//
// On a real server: memory that plugins map is in rows of the calls that mapped it, what of it is resident, and explains the growth of
// the process: mmap for each request, a table of a Lua state, stacks of threads that nobody joins. Threads that are joined or detached
// hold nothing. (plugins.test.ts compares leak_mapped.c with its marks.)

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { lacksPlugins } from "../../harness/plugins.ts";
import { installedServer } from "../../harness/server.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertSound, buildCorpus, corpus, ownerOf, settled, SOURCES } from "../support/corpus.ts";

const HEAP = "proxy.config.plugin.memtrack.heap";
const INTERVAL = "proxy.config.plugin.memtrack.sample_interval";
const MIB = 1 << 20;
const MAPPED = 119;
const THREADS = 4000;
/** What the C library leaves of the stack of a thread that has ended (PTHREAD_STACK_MIN), with its page of thread-local variables. */
const [STACK_LEAST, STACK_MOST] = [16 * 1024, 40 * 1024];
const LUA_MIB = 209;

const SCRIPT = `
local kept = {}
function do_remap()
  for i = 1, 4096 do kept[#kept + 1] = {i} end
  io.stderr:write("lua: ", tostring(kept), " ", math.floor(collectgarbage("count") * 1024), "\\n")
  return 0
end
`;

let origin: Origin;
let ats: Ats;

before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

async function marked(name: string): Promise<void> {
  const from = ats.sizeOf(ats.diagsPath);
  await ats.ctl("plugin", "msg", "memtrack", `mark ${name}`);
  await ats.waitFor(ats.diagsPath, new RegExp(`baseline ${name} (?:is set|is replaced|)`), { from });
}

/** Growth of resident memory since the last mark, in bytes, and the share that rows explain. */
function grown(dump: Dump): { coverage: number } {
  const [, share] = / coverage (\d+) %/.exec(dump.summaryLines[1]!) ?? [];
  assert.ok(share, dump.text);
  return { coverage: Number(share) };
}

/** The row of the line of keeps_threads.cc with this comment. */
function rowOf(dump: Dump, name: string) {
  const line =
    1 +
    readFileSync(join(SOURCES, "keeps_threads.cc"), "utf8")
      .split("\n")
      .findIndex((text) => text.endsWith(`// ${name}`));
  const location = `memory/plugin/keeps_threads.so ${name} (keeps_threads.cc:${line})`;
  const row = dump.mapped.rows.find((row) => row.location === location);
  assert.ok(row, `${location}\n${dump.text}`);
  return { ...row, span: dump.spans.find((span) => span.location === location) };
}

const mappedBy = (dump: Dump, owner: string) =>
  dump.mapped.rows.filter(({ location }) => ownerOf(location) === owner).reduce((sum, row) => sum + row.inUse, 0);

async function load(count: number, path: string): Promise<void> {
  const done = await requests(ats.httpUrl, count, { paths: [path] });
  assert.equal(done.requests + done.errors, count);
}

describe("mapped memory", () => {
  before(async () => {
    ats = await Ats.start({
      level: 2,
      ctl: true,
      plugins: [PLUGIN, corpus("keeps_threads")],
      origin: origin.url,
      records: { [HEAP]: 1, [INTERVAL]: 1, "proxy.config.http.cache.http": 0 },
    });
  });
  after(() => ats.stop());

  test("threads that are joined or detached, however they end, hold nothing", async () => {
    await load(200, "/threads/end");
    const dump = await ats.settledDump((dump) => dump.mapped);
    assertSound(dump);
    assert.equal(mappedBy(dump, "keeps_threads.so"), 0, dump.text);
    const counts = dump.mapped.rows.map(({ allocs, frees }) => [allocs, frees]);
    assert.equal(
      counts.reduce((sum, [allocs]) => sum + allocs!, 0),
      200 * 9,
      dump.text,
    );
    for (const [allocs, frees] of counts) assert.equal(allocs, frees, dump.text);
  });

  test("a stack of the plugin's own memory is in the row of that memory", async () => {
    await load(10, "/threads/own");
    const row = rowOf(await settled(ats), "own");
    assert.deepEqual([row.allocs, row.frees, row.span!.mapped], [10, 0, 10 * 256 * 1024]);
    assert.ok(row.inUse >= 10 * 12 * 1024 && row.inUse <= 10 * 64 * 1024, `${row.inUse}`);
  });

  test("threads that nobody joins are in the row of the call that created them, and cover the growth", async () => {
    await load(100, "/threads/keep");
    await marked("threads");
    await load(THREADS, "/threads/keep");
    await load(100, "/threads/cxx");
    await load(50, "/threads/wait");
    const dump = await settled(ats);
    assertSound(dump);
    for (const [name, count] of [
      ["keep", 100 + THREADS],
      ["keep_cxx", 100],
      ["wait_for_ever", 50],
    ] as const) {
      const row = rowOf(dump, name);
      assert.deepEqual([row.allocs, row.frees], [count, 0]);
      assert.ok(row.inUse >= count * STACK_LEAST && row.inUse <= count * STACK_MOST, `${row.inUse / count} bytes per thread`);
      assert.equal(row.span!.ranges, count);
    }
    assert.ok(grown(dump).coverage >= 90, dump.text);
  });
});

describe("mapped memory that grows", () => {
  test("with each request is in the row of the call, to the byte, and covers the growth", async () => {
    ats = await Ats.start({
      level: 2,
      ctl: true,
      plugins: [PLUGIN, `${corpus("mapper")} map ${MIB}`],
      origin: origin.url,
      records: { [HEAP]: 1, [INTERVAL]: 1, "proxy.config.http.cache.http": 0 },
    });
    try {
      await load(20, "/size/100");
      await marked("before");
      await load(MAPPED, "/size/100");
      const dump = await settled(ats);
      assertSound(dump);
      const [row, ...more] = dump.mapped.rows.filter(({ location }) => ownerOf(location) === "mapper.so");
      assert.deepEqual([row!.allocs, row!.frees, row!.inUse, more.length], [MAPPED + 20, 0, (MAPPED + 20) * MIB, 0], dump.text);
      assert.match(row!.location, /^memory\/plugin\/mapper\.so take \(mapper\.c:\d+\)$/);
      assert.ok(grown(dump).coverage >= 90, dump.text);
    } finally {
      await ats.stop();
    }
  });

  test("as the table of a Lua state is tslua.so's", { skip: lacksPlugins("tslua") }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "memtrack-files-"));
    const script = join(folder, "grow.lua");
    chmodSync(folder, 0o755);
    writeFileSync(script, SCRIPT, { mode: 0o644 });
    const plugin = join(installedServer().plugins, "tslua.so");
    ats = await Ats.start({
      level: 2,
      ctl: true,
      plugins: [PLUGIN],
      remap: [`map /lua ${origin.url} @plugin=${plugin} @pparam=--states=1 @pparam=${script}`],
      origin: origin.url,
      records: { [HEAP]: 1, [INTERVAL]: 1, "proxy.config.http.cache.http": 0 },
    });
    try {
      await load(2, "/lua/grow");
      await marked("before");
      // The plugin has many states: the last word of each.
      const said = () => {
        const words = [...readFileSync(ats.trafficOutPath, "utf8").matchAll(/^lua: (.*) (\d+)$/gm)];
        const last = new Map(words.map(([, state, bytes]) => [state, Number(bytes)]));
        return [...last.values()].reduce((sum, bytes) => sum + bytes, 0);
      };
      const least = said();
      for (let sent = 0; said() - least < LUA_MIB * MIB; sent += 20) {
        assert.ok(sent < 20_000 && said() > 0, readFileSync(ats.trafficOutPath, "utf8").slice(-1000));
        await load(20, "/lua/grow");
      }
      const dump = await settled(ats);
      assertSound(dump);
      const tracked = mappedBy(dump, "tslua.so");
      assert.ok(tracked >= said() * 0.98 && tracked <= said() * 1.3, `${tracked} of ${said()}\n${dump.text}`);
      assert.ok(grown(dump).coverage >= 90, dump.text);
    } finally {
      await ats.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
