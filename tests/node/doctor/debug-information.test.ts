// SPDX-License-Identifier: Apache-2.0
//
// The doctor names the modules without debug information, and the way to get it.

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { checkDebugInformation } from "../../../host/node/doctor/debug-information.ts";
import type { Finding } from "../../../host/node/doctor/finding.ts";
import { selectDump } from "../../../host/node/read/select.ts";
import { Sites } from "../../../host/node/read/sites.ts";
import { elf } from "../../support/elf.ts";

const WITH = "11".repeat(20);
const WITHOUT = "22".repeat(20);

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), "memtrack-doctor-"))));
after(() => rmSync(folder, { recursive: true }));

async function findings(modules: [id: string, name: string][], packageManager = "exit 1"): Promise<Finding[]> {
  const rows = modules.map(([id, name]) => `${id} | ${name} ${join(folder, name === "core" ? "traffic_server" : name)}`);
  const head =
    "Modules: files that the rows above name\nBuild id                                 | Module\n-----------------|------";
  const text = `memtrack format=2 dump=1 time=2026-11-27T10:00:00Z level=1\n\n${head}\n${rows.join("\n")}\n\nmemtrack end dump=1 rows=0\n`;
  const path = join(folder, "memtrack.out");
  writeFileSync(path, text);
  const bin = join(folder, "dpkg-query");
  writeFileSync(bin, `#!/bin/sh\n${packageManager}\n`);
  chmodSync(bin, 0o755);
  const { dump } = await selectDump(path, new Sites(), Readable.from([]));
  return checkDebugInformation(dump, { PATH: folder });
}

test("modules without debug information are named once, with the call or the package that has it", async () => {
  writeFileSync(join(folder, "with.so"), elf(WITH, [[".debug_info", 1]]));
  writeFileSync(join(folder, "without.so"), elf(WITHOUT, []));
  writeFileSync(join(folder, "traffic_server"), elf(WITHOUT, [[".symtab", 2]]));
  assert.deepEqual(await findings([[WITH, "with.so"]]), [
    { state: "ok", what: "every module that the last dump names has debug information" },
  ]);
  const [finding, ...more] = await findings([
    [WITH, "with.so"],
    [WITHOUT, "core"],
    [WITHOUT, "without.so"],
  ]);
  assert.deepEqual(more, []);
  assert.equal(finding!.state, "note");
  assert.equal(finding!.what, "without debug information, so their rows have no lines: traffic_server, without.so");
  assert.match(finding!.fix!, new RegExp(`^debuginfod-find debuginfo ${WITHOUT}, `));
  const [packaged] = await findings([[WITHOUT, "without.so"]], 'echo "trafficserver:amd64: $2"');
  assert.match(packaged!.fix!, /^install trafficserver-dbgsym /);
  const [unknown] = await findings([["-".padEnd(40), "without.so"]]);
  assert.match(unknown!.fix!, /^compile them with -g, and link them with --build-id/);
});

test("a dump without modules says nothing", async () => {
  assert.deepEqual(await findings([]), []);
});
