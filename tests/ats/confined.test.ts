// SPDX-License-Identifier: Apache-2.0
//
// On a real server that runs as a hardened service or a container does (confine.c): what memtrack cannot do there it refuses in one
// line, and the server serves.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import { Ats } from "../../harness/ats.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { installedServer } from "../../harness/server.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertSound, buildCorpus, corpus, rowsOfOwner, settled } from "../support/corpus.ts";

const TRANSACTIONS = 20;

let folder: string;
let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
  folder = mkdtempSync(join(tmpdir(), "memtrack-confined-"));
  chmodSync(folder, 0o755);
  execFileSync("gcc", [
    "-O1",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-o",
    join(folder, "confine"),
    join(import.meta.dirname, "confine.c"),
  ]);
});
after(async () => {
  await origin.stop();
  rmSync(folder, { recursive: true });
});

type Way = "exec-gain" | "foreign-memory" | "proc";

/** Serves requests in a server so confined; the body sees it after that. */
async function confined(context: TestContext, how: Way, body: (ats: Ats) => Promise<void>): Promise<void> {
  const server = join(installedServer().bin, "traffic_server");
  const path = join(folder, how);
  writeFileSync(path, `#!/bin/sh\nexec ${folder}/confine ${how} ${server} "$@"\n`);
  chmodSync(path, 0o755);
  const tried = spawnSync(join(folder, "confine"), [how, "/bin/true"], { uid: 65534, gid: 65534, encoding: "utf8" });
  if (tried.status === 77) return context.skip(`this system does not allow it: ${tried.stderr.trim()}`);
  assert.equal(tried.status, 0, tried.stderr);
  const plugins = [PLUGIN, ...["leak_malloc", "leak_tsiobuffer"].map(corpus)];
  const records = { "proxy.config.plugin.memtrack.heap": 1 };
  const ats = await Ats.start({ level: 2, origin: origin.url, records, plugins, serverPath: path });
  try {
    assert.deepEqual(await requests(ats.httpUrl, TRANSACTIONS, { paths: ["/size/1000"] }), { requests: TRANSACTIONS, errors: 0 });
    await body(ats);
    assert.ok(ats.alive());
  } finally {
    await ats.stop();
  }
}

const said = (ats: Ats): string[] =>
  ats
    .diags()
    .split("\n")
    .filter((line) => /(ERROR|WARNING): \[memtrack\]/.test(line));

async function assertExact(ats: Ats): Promise<void> {
  const dump = await settled(ats);
  assertSound(dump);
  for (const hook of ["iobuffer", "openssl", "plugins", "buffers", "heap"]) assert.equal(dump.header.get(hook), "installed", hook);
  const held = (name: string, owner: string) =>
    rowsOfOwner(dump, owner)
      .filter((row) => row.class === name)
      .reduce((sum, row) => sum + row.held, 0);
  assert.equal(held("heap", "leak_malloc.so"), (63 + 300 + 200_000) * TRANSACTIONS, dump.text);
  assert.equal(held("iobuffer", "leak_tsiobuffer.so"), (32_768 + 2 * 2048) * TRANSACTIONS, dump.text);
  assert.deepEqual(said(ats), []);
}

describe("memtrack in a server", () => {
  test("without memory that becomes executable: everything is tracked", (context) => confined(context, "exec-gain", assertExact));

  test("without process_vm_readv and process_vm_writev: everything is tracked", (context) =>
    confined(context, "foreign-memory", assertExact));

  test("without /proc: one line says why it does nothing", (context) =>
    confined(context, "proc", async (ats) => {
      const lines = said(ats);
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(
        lines[0]!,
        /\/proc\/self\/(maps|mem): No such file or directory; memtrack is disabled, the server is not affected$/,
      );
    }));
});
