// SPDX-License-Identifier: Apache-2.0
//
// What memtrack doctor reads from files, on no server (tests/ats/doctor.test.ts has those).

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { handmadeDump } from "../../../harness/handmade.ts";
import type { Finding } from "../../../host/node/doctor/finding.ts";
import { memtrack } from "../../support/command.ts";

const TRACK = "proxy.config.res_track_memory";

describe("memtrack doctor", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "memtrack-doctor-"));
    mkdirSync(join(folder, "etc"));
    writeFileSync(join(folder, "etc", "plugin.config"), "memtrack.so\n");
  });
  after(() => rmSync(folder, { recursive: true }));

  async function look(records: string, log = ""): Promise<string[]> {
    writeFileSync(join(folder, "etc", "records.config"), records);
    writeFileSync(join(folder, "traffic.out"), log);
    const argv = ["--config", join(folder, "etc"), "--plugins", folder, "--log", join(folder, "traffic.out")];
    const { code, out, err } = await memtrack(["doctor", "--json", ...argv], { env: { PATH: folder } });
    assert.equal(code, 0, err);
    return (JSON.parse(out) as { findings: Finding[] }).findings.map(({ state, what }) => `${state}: ${what}`);
  }

  test("reads numbers as the server does: what follows the digits does not count", async () => {
    const records = `CONFIG ${TRACK} INT 2 # both\nCONFIG proxy.config.dump_mem_info_frequency INT 600  # often\n`;
    const found = await look(`${records}CONFIG proxy.config.plugin.memtrack.sample_interval INT 0 # none\n`);
    assert.ok(found.includes(`ok: ${TRACK} is 2`), found.join("\n"));
    assert.ok(found.includes("ok: a dump is written every 10 min"), found.join("\n"));
    assert.ok(found.some((text) => /^note: .*sample_interval is 0/.test(text)));
    assert.doesNotMatch(found.join("\n"), /NaN|allowed are/);
    const wrong = await look(`CONFIG ${TRACK} INT three\n`);
    assert.ok(wrong.includes(`problem: ${TRACK} is "three", allowed are 0 to 2`), wrong.join("\n"));
    assert.ok(wrong.includes(`problem: ${TRACK} is 0: nothing is tracked`), wrong.join("\n"));
  });

  test("a level that was set at run time is in the last dump, and in no file", async () => {
    const records = `CONFIG ${TRACK} INT 0\n`;
    const found = await look(records, handmadeDump({ level: 2, rows: [] }));
    const says = found.filter((text) => /at level 2,|nothing is tracked|res_track/.test(text));
    const note =
      "tracking is on at level 2, set at run time; records.config says 0, which counts after the next reload of a changed file";
    assert.deepEqual(says, [`note: ${note}`]);
    const off = await look(records, handmadeDump({ level: 0, rows: [] }));
    assert.ok(off.includes(`problem: ${TRACK} is 0: nothing is tracked`), off.join("\n"));
  });

  test("a runroot.yaml that is not there is an error: the system's server is another", async () => {
    const path = join(folder, "no", "runroot.yaml");
    const { code, out, err } = await memtrack(["doctor", "--run-root", path]);
    assert.deepEqual([code, out], [2, ""]);
    assert.equal(err, `memtrack: there is no file ${path}: --run-root is the path of a runroot.yaml\n`);
  });
});
