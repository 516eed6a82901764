// SPDX-License-Identifier: Apache-2.0
//
// A real server in whose start one call of memtrack.so fails (tests/native/fault.c, preloaded): it starts, serves, and one line says
// what memtrack does not do. Then the same with a call of the search for references. MEMTRACK_FAULT_STARTS=n: the first n calls of each
// place, with each error.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import { mixed } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { BUILD, PLUGIN, TOP } from "../../tools/build.ts";
import { buildCorpus, corpus } from "../support/corpus.ts";
import { choose, makeList, readList, type Fault, type Place } from "../support/faults.ts";
import { searchStatus } from "../support/search_status.ts";

const CALLS = Number(process.env.MEMTRACK_FAULT_STARTS ?? 1);
const REQUESTS = 20;

/** In the quick form: a fault of each kind whose reaction the native tests cannot show without the server, and some others. */
const QUICK = /^(mmap|mprotect|fopen|open|process_vm_writev|__register_atfork|pthread_key_create|dlopen)$/;

const QUICK_OF_SEARCH = /^(mmap|pthread_create|open)$/;

let origin: Origin;
let folder: string;
let library: string;
before(async () => {
  buildCorpus();
  const made = spawnSync("make", ["-s", "-C", join(TOP, "tests", "native"), "faults"], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stdout + made.stderr);
  origin = await Origin.start();
  folder = mkdtempSync(join(tmpdir(), "memtrack-faults-"));
  chmodSync(folder, 0o755);
  library = join(folder, "fault.so"); // where the server's user can read it
  copyFileSync(join(BUILD, "native-plain", "fault.so"), library);
});
after(async () => {
  await origin.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Start {
  /** What memtrack says in diags.log, without its date. */
  lines: string[];
  places: Place[];
}

/** Complete passes of the search, after which its calls have been made. */
const PASSES = 3;
const SEARCHED_MS = 30_000;

async function search(ats: Ats): Promise<void> {
  await ats.ctl("plugin", "msg", "memtrack", "search innocent");
  for (const end = Date.now() + SEARCHED_MS; ; await pause(100)) {
    const { complete, text } = await searchStatus(ats);
    if (complete >= PASSES) return;
    assert.ok(Date.now() < end, text);
  }
}

async function start(fault?: Fault, body: (ats: Ats) => Promise<void> = async () => {}): Promise<Start> {
  const list = join(folder, "list");
  makeList(list);
  chmodSync(list, 0o666);
  const env = { LD_PRELOAD: library, MEMTRACK_FAULT_LIST: list, MEMTRACK_FAULT: fault?.wish ?? "" };
  const plugins = [PLUGIN, corpus("innocent_tsapi")];
  const records = {
    "proxy.config.plugin.memtrack.heap": 1,
    "proxy.config.plugin.memtrack.sample_interval": 1,
    "proxy.config.plugin.memtrack.search_cpu": 100,
  };
  const ats = await Ats.start({ level: 2, ctl: body === search, origin: origin.url, plugins, env, records });
  try {
    assert.deepEqual(await mixed(ats, REQUESTS), { requests: REQUESTS, errors: 0 });
    await body(ats);
    assert.ok(ats.alive());
    const said = ats.diags().match(/(?<=\[memtrack\] )(?!searched: |search for references: |level ).*/g) ?? [];
    return { lines: said.map((line) => line.replaceAll(ats.folder, "FOLDER")), places: readList(list) };
  } finally {
    await ats.stop();
  }
}

describe("a call of the server's start that fails", () => {
  test("each", async (context) => {
    const usual = await start();
    assert.ok(
      usual.lines.some((line) => line.includes("plugins installed") && line.includes("heap installed")),
      usual.lines.join("\n"),
    );
    const places = usual.places.filter((place) => CALLS > 1 || QUICK.test(place.function));
    for (const fault of choose(places, CALLS)) {
      await context.test(fault.name, async () => {
        const { lines, places } = await start(fault);
        assert.ok(
          places.some(({ failed }) => failed === 1),
          "the call was made",
        );
        const beyond = lines.filter((line) => !usual.lines.includes(line) && !/replaces the built-in memory tracker/.test(line));
        assert.ok(beyond.length <= 1, beyond.join("\n"));
        const state = (all: string[]) => all.find((line) => line.includes("replaces the built-in memory tracker"));
        assert.ok(state(lines) === state(usual.lines) || beyond.length === 1, `${state(lines)} without a line that says why`);
      });
    }
  });
});

describe("a call of the search that fails", () => {
  test("each", async (context) => {
    const without = new Set((await start()).places.map(({ function: name, offset }) => `${name} ${offset}`));
    const usual = await start(undefined, search);
    const places = usual.places.filter(({ function: name, offset }) => !without.has(`${name} ${offset}`));
    assert.ok(
      ["mincore", "mmap", "open", "pthread_create"].every((name) => places.some((place) => place.function === name)),
      places.map((place) => place.function).join(" "),
    );
    for (const fault of choose(
      places.filter((place) => CALLS > 1 || QUICK_OF_SEARCH.test(place.function)),
      CALLS,
    )) {
      await context.test(fault.name, async () => {
        const { lines, places } = await start(fault, search);
        assert.ok(
          places.some(({ failed }) => failed === 1),
          "the call was made",
        );
        const beyond = lines.filter((line) => !usual.lines.includes(line) && !/replaces the built-in memory tracker/.test(line));
        assert.ok(beyond.length <= 1, beyond.join("\n"));
      });
    }
  });
});
