// SPDX-License-Identifier: Apache-2.0
//
// On real servers: dumps in the file set by proxy.config.plugin.memtrack.output, and elsewhere if that file cannot be used.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, closeSync, constants, copyFileSync, existsSync, mkdirSync, openSync } from "node:fs";
import { readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import { parseDumps, type Dump } from "../../harness/dump.ts";
import { installedServer } from "../../harness/server.ts";
import { PLUGIN } from "../../tools/build.ts";

/** A changed record takes up to 10 s to reach the server. */
const CHANGE_MS = 25_000;

const OUTPUT = "proxy.config.plugin.memtrack.output";
const STANDARD_ERROR = "dumps go to the server's standard error (traffic.out or the journal)";

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
const has =
  (what: string) =>
  (text: string): boolean =>
    text.includes(what);
const numbers = (text: string): number[] => parseDumps(text).map((dump) => dump.number);
const lines = (text: string, what: string): number => text.split("\n").filter((line) => line.includes(what)).length;

function assertWhole(dump: Dump): void {
  assert.deepEqual(dump.foreign, []);
  assert.ok(dump.iobuffer.rows.length > 0);
}

describe("the file for dumps", () => {
  let ats: Ats;
  let file: string;
  const aside: string[] = [];
  before(async () => {
    ats = await Ats.start({ level: 1, plugins: [PLUGIN], records: { [OUTPUT]: "memtrack.out" } });
    file = join(ats.folder, "log", "memtrack.out");
    await ats.waitFor(ats.diagsPath, has(`[memtrack] dumps go to ${file} (${OUTPUT})`));
  });
  after(() => ats.stop());

  /** Moves the file away, so that something else can take its path. */
  function moveAway(): void {
    if (!existsSync(file)) return;
    aside.push(`${file}.${aside.length + 1}`);
    renameSync(file, aside.at(-1)!);
  }

  /** The obstacle is reported once, dumps go to traffic.out meanwhile, and to the file again as soon as it can be used. */
  async function assertRefused(what: string): Promise<void> {
    const from = ats.sizeOf(ats.diagsPath);
    assertWhole(await ats.dump());
    assertWhole(await ats.dump());
    const said = textOf(ats.diagsPath).slice(from);
    assert.equal(lines(said, `${OUTPUT} is "memtrack.out": ${what}`), 1, said);
    assert.equal(lines(said, STANDARD_ERROR), 1, said);
    rmSync(file, { recursive: true, force: true });
    assertWhole(await ats.dump(file));
    assert.equal(lines(textOf(ats.diagsPath).slice(from), `dumps go to ${file}`), 1);
  }

  test("contains only the dumps, belongs to the server's user, and is readable by its group", async () => {
    const from = ats.sizeOf(ats.trafficOutPath);
    for (let i = 0; i < 3; ++i) assertWhole(await ats.dump(file));
    const others = textOf(ats.trafficOutPath).slice(from);
    assert.match(others, /Allocated.*In-Use/, "the server's own table of freelists stays where it is");
    assert.doesNotMatch(others, /memtrack format=|memtrack end/);
    const { mode, uid } = statSync(file);
    assert.equal(mode & 0o777, 0o640 & ~process.umask());
    assert.equal(uid, statSync(ats.diagsPath).uid);
  });

  test("is opened again after a rotation by rename or by copy, and after it was removed", async () => {
    const from = ats.sizeOf(ats.diagsPath);
    moveAway();
    assertWhole(await ats.dump(file));
    aside.push(`${file}.copy`);
    copyFileSync(file, aside.at(-1)!);
    truncateSync(file);
    assertWhole(await ats.dump(file));
    assert.match(textOf(file), /^\n?memtrack format=/, "no hole of zeros is before it");
    rmSync(file);
    assertWhole(await ats.dump(file));
    assert.doesNotMatch(textOf(ats.diagsPath).slice(from), new RegExp(OUTPUT), "nothing is to be said of it");
  });

  test("starts a new line after a truncated one", async () => {
    writeFileSync(file, "memtrack format=", { flag: "a" });
    const dump = await ats.dump(file);
    assertWhole(dump);
    assert.ok(textOf(file).includes(`memtrack format=\n${dump.text}`));
  });

  test("is not used if it is a FIFO, and the server does not wait for a reader", async () => {
    moveAway();
    execFileSync("mkfifo", ["-m", "666", file]);
    await assertRefused(`${file} is not a regular file`);
    moveAway();
    execFileSync("mkfifo", ["-m", "666", file]);
    const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      await assertRefused(`${file} is not a regular file`);
    } finally {
      closeSync(reader);
    }
  });

  test("is not used if it is a symbolic link", async () => {
    moveAway();
    const target = join(ats.folder, "log", "target");
    writeFileSync(target, "");
    chmodSync(target, 0o666);
    symlinkSync(target, file);
    await assertRefused(`${file} is a symbolic link`);
    assert.equal(textOf(target), "");
  });

  test("is not used if it is a folder", async () => {
    moveAway();
    mkdirSync(file);
    await assertRefused(`${file} is a folder`);
  });

  test("is not used without permission to write; the log line names its owner", { skip: process.getuid?.() !== 0 }, async () => {
    moveAway();
    writeFileSync(file, "", { mode: 0o600 });
    await assertRefused(`${file} cannot be opened: Permission denied`);
    assert.match(textOf(ats.diagsPath), /Permission denied; .*\. Allow the server's user to write to it/);
  });

  test(
    "is not used on a full disk: the dump is in traffic.out, and the next one in the file is complete",
    { skip: process.getuid?.() !== 0 },
    async () => {
      const folder = join(ats.folder, "log", "small");
      mkdirSync(folder);
      const { uid } = statSync(ats.diagsPath);
      // A disk with room for part of a dump.
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=8k,uid=${uid}`, "none", folder]);
      try {
        const small = join(folder, "memtrack.out");
        writeFileSync(small, "x".repeat(7000));
        chownSync(small, uid, uid);
        moveAway();
        // A bind mount puts the server's path on that disk, since a link would not be followed.
        writeFileSync(file, "");
        execFileSync("mount", ["--bind", small, file]);
        try {
          const from = ats.sizeOf(ats.diagsPath);
          const first = await ats.dump();
          assertWhole(first);
          assertWhole(await ats.dump());
          const said = textOf(ats.diagsPath).slice(from);
          assert.equal(lines(said, `${file} cannot be written: No space left on device`), 1, said);
          assert.match(said, /Free disk space; the next dump tries this file again/);
          assert.match(textOf(small), new RegExp(`x\\nmemtrack format=\\d+ dump=${first.number}\\b`));
          assert.deepEqual(numbers(textOf(small)), []);
          execFileSync("mount", ["-o", "remount,size=1m", folder]);
          const next = await ats.dump(file);
          assertWhole(next);
          assert.equal(next.number, first.number + 2);
        } finally {
          execFileSync("umount", [file]);
        }
      } finally {
        execFileSync("umount", [folder]);
      }
    },
  );

  test("has lost and repeated no dump after all of these tests", () => {
    const here = [...aside, file, ats.trafficOutPath].flatMap((path) => numbers(textOf(path)));
    assert.equal(new Set(here).size, here.length);
    assert.ok(here.length > 20);
    assert.ok(ats.alive());
  });
});

describe("the record", () => {
  test("takes effect at run time: a relative path, an absolute one, invalid ones, and empty again", async () => {
    const ats = await Ats.start({ level: 1, ctl: true, plugins: [PLUGIN] });
    const log = join(ats.folder, "log");
    const change = async (value: string, line: string): Promise<void> => {
      const from = ats.sizeOf(ats.diagsPath);
      await ats.ctl("config", "set", OUTPUT, value);
      await ats.waitFor(ats.diagsPath, has(`[memtrack] ${line}`), { from, timeoutMs: CHANGE_MS });
    };
    try {
      assert.doesNotMatch(ats.diags(), new RegExp(OUTPUT));
      assertWhole(await ats.dump());

      await change("own.out", `dumps go to ${log}/own.out (${OUTPUT})`);
      assert.equal(textOf(join(log, "own.out")), "", "it is there before the first dump");
      const own = await ats.dump(join(log, "own.out"));
      assertWhole(own);

      const far = join(ats.folder, "cache", "far.out");
      await change(far, `dumps go to ${far} (${OUTPUT})`);
      assertWhole(await ats.dump(far));
      assert.deepEqual(numbers(textOf(join(log, "own.out"))), [own.number]);
      // A dump requested by a message goes there too.
      await ats.ctl("plugin", "msg", "memtrack", "dump");
      await ats.nextDump({ path: far, from: 1, reason: "message" });

      await change("../etc/own.out", `${OUTPUT} is "../etc/own.out": a path with ".." is not used; ${STANDARD_ERROR}`);
      assertWhole(await ats.dump());
      await change("no/own.out", `${OUTPUT} is "no/own.out": ${log}/no/own.out cannot be opened: No such file or directory`);
      assertWhole(await ats.dump());
      await change(`${"x".repeat(300)}.out`, `${OUTPUT} is "xxx`);
      assertWhole(await ats.dump());

      await change("own.out", `dumps go to ${log}/own.out`);
      // records.config has this word for an empty value, which traffic_ctl does not accept.
      await change("NULL", `${STANDARD_ERROR}: ${OUTPUT} is empty`);
      const last = await ats.dump();
      assertWhole(last);
      assert.deepEqual(numbers(textOf(join(log, "own.out"))), [own.number]);
      const descriptors = execFileSync("ls", ["-l", `/proc/${ats.pid}/fd`], { encoding: "utf8" });
      assert.doesNotMatch(descriptors, /own\.out|far\.out/, "no file stays open");
    } finally {
      await ats.stop();
    }
  });

  test("with another type in the file of records is reported, and dumps go to traffic.out", async () => {
    const ats = await Ats.start({ level: 1, plugins: [PLUGIN], invalidRecords: { [OUTPUT]: { type: "INT", text: "5" } } });
    try {
      const [int, string] = installedServer().recordsFile === "records.yaml" ? ["!!int", "!!str"] : ["INT", "STRING"];
      await ats.waitFor(ats.diagsPath, has(`${OUTPUT} is "5" (${int}), not of type ${string}; the value is not used`));
      assertWhole(await ats.dump());
    } finally {
      await ats.stop();
    }
  });
});
