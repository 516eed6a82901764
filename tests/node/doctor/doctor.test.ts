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

  function look(records: string, log = ""): Promise<string[]> {
    return lookAt("records.config", records, log);
  }

  /** What is found with these records, of the one version or the other. */
  async function lookAt(name: "records.config" | "records.yaml", records: string, log = ""): Promise<string[]> {
    for (const other of ["records.config", "records.yaml"]) rmSync(join(folder, "etc", other), { force: true });
    writeFileSync(join(folder, "etc", name), records);
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

  test("limits that the last dump says are reached are a problem", async () => {
    const text = handmadeDump({ level: 2, rows: [] });
    const found = await look(`CONFIG ${TRACK} INT 2\n`, text.replace("lost=0", "lost=0 exhausted=thunks:12,owners:1"));
    assert.ok(found.includes("problem: limits of memtrack are reached: thunks (12 times), owners (once)"), found.join("\n"));
    const none = await look(`CONFIG ${TRACK} INT 2\n`, text.replace("lost=0", "lost=0 exhausted=-"));
    assert.doesNotMatch(none.join("\n"), /limits/);
  });

  test("in records.yaml a key of the same name elsewhere is not memtrack's", async () => {
    const text = [
      "records:",
      "  res_track_memory: 2 # both",
      "  dump_mem_info_frequency: 600",
      "  ssl:",
      "    client:",
      "      verify:",
      "        server:",
      "          policy: ENFORCED",
      "  cache:",
      "    sites: 3",
      "  plugin:",
      "    memtrack: { sites: !!int 5, heap: !!int 1 }",
    ].join("\n");
    const found = await lookAt("records.yaml", text);
    const wrong = found.filter((line) => /allowed are/.test(line));
    assert.deepEqual(wrong, ['problem: proxy.config.plugin.memtrack.sites is "5", allowed are 64 to 65520']);
    assert.ok(found.includes(`ok: ${TRACK} is 2`), found.join("\n"));
    assert.ok(found.includes("ok: a dump is written every 10 min"), found.join("\n"));
  });

  test("a records.yaml that is none is said to be none", async () => {
    const found = await lookAt("records.yaml", "records: [\n  res_track_memory: 2\n");
    assert.ok(
      found.some((line) => /^problem: .*records\.yaml is not valid YAML: .* at line \d/.test(line)),
      found.join("\n"),
    );
    for (const text of ["", "records:", "records: 7", "- a", "records: { plugin: { memtrack: [1] } }"]) {
      assert.ok((await lookAt("records.yaml", text)).includes(`problem: ${TRACK} is 0: nothing is tracked`), text);
    }
  });

  test("a runroot.yaml that is not there is an error: the system's server is another", async () => {
    const path = join(folder, "no", "runroot.yaml");
    const { code, out, err } = await memtrack(["doctor", "--run-root", path]);
    assert.deepEqual([code, out], [2, ""]);
    assert.equal(err, `memtrack: there is no file ${path}: --run-root is the path of a runroot.yaml\n`);
  });
});
