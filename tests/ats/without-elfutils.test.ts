// SPDX-License-Identifier: Apache-2.0
//
// On a real server on a machine without elfutils: memtrack names plugins' sites as well as possible, and logs once which package to
// install.

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PLUGIN } from "../../tools/build.ts";
import { Ats } from "../../harness/ats.ts";
import { assertSound, buildCorpus, corpus, rowsOfOwner, settled } from "../support/corpus.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { installedServer } from "../../harness/server.ts";

const TRANSACTIONS = 50;

let folder: string;
let origin: Origin;
before(async () => {
  buildCorpus();
  origin = await Origin.start();
  // A library that the loader finds first but cannot load is not searched elsewhere.
  folder = mkdtempSync(join(tmpdir(), "memtrack-"));
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, "libdw.so.1"), "");
});
after(async () => {
  await origin.stop();
  rmSync(folder, { recursive: true });
});

test("without libdw the server serves, plugins' sites are addresses, and one line names the package to install", async () => {
  const ats = await Ats.start({
    level: 2,
    records: { "proxy.config.plugin.memtrack.heap": 1 },
    origin: origin.url,
    env: { LD_LIBRARY_PATH: folder },
    plugins: [PLUGIN, ...["leak_malloc", "leak_tsmalloc"].map(corpus)],
  });
  try {
    assert.deepEqual(await requests(ats.httpUrl, TRANSACTIONS, { paths: ["/size/1000"] }), { requests: TRANSACTIONS, errors: 0 });
    const dump = await settled(ats);
    assertSound(dump);
    for (const hook of ["iobuffer", "openssl", "plugins", "buffers", "heap"])
      assert.equal(dump.header.get(hook), "installed", hook);
    const held = (owner: string, location: RegExp) =>
      rowsOfOwner(dump, owner)
        .filter((row) => location.test(row.location))
        .map((row) => row.held)
        .sort((a, b) => a - b);
    const each = (...bytes: number[]) => bytes.map((size) => size * TRANSACTIONS);
    assert.deepEqual(held("leak_malloc.so", /^memory\/plugin\/leak_malloc\.so\+0x[0-9a-f]+$/), each(63, 300, 200_000), dump.text);
    // Where TSmalloc says its caller's line, that is still reported.
    const says = installedServer().cxxApi ? "" : String.raw` \(leak_tsmalloc\.c:\d+\)`;
    const path = new RegExp(String.raw`^memory/plugin/leak_tsmalloc\.so\+0x[0-9a-f]+${says}$`);
    assert.deepEqual(held("leak_tsmalloc.so", path), each(100, 5000), dump.text);
    // So is a function known to the loader because the plugin exports it.
    const init = dump.objects.filter(({ location }) => /^memory\/plugin\/leak_\w+\.so TSPluginInit\+0x[0-9a-f]+$/.test(location));
    assert.equal(init.length, 2, dump.text);

    const said = ats
      .diags()
      .split("\n")
      .filter((line) => /libdw/.test(line));
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(said[0]!, /WARNING: \[memtrack\] .*libdw\.so\.1: .*Install libdw1/);
  } finally {
    await ats.stop();
  }
});
