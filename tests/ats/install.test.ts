// SPDX-License-Identifier: Apache-2.0
//
// `npm run install:ats` into a folder tree like that of an installed Traffic Server.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { PLUGIN, TOP } from "../../tools/build.ts";

describe("npm run install:ats", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "memtrack-install-"));
    for (const name of ["bin", "etc", "log", "plugins"]) mkdirSync(join(folder, name));
    makeLayout("records.config");
  });
  after(() => rmSync(folder, { recursive: true }));

  /** A stand-in for traffic_layout: of 9.2 with records.config, of 10 with records.yaml. */
  function makeLayout(records: string): void {
    const layout = { SYSCONFDIR: "etc", LOGDIR: "log", PLUGINDIR: "plugins" };
    const files = { "plugin.config": "etc/plugin.config", [records]: `etc/${records}` };
    const lines = Object.entries({ ...layout, ...files }).map(([key, path]) => `echo '${key}: ${join(folder, path)}'`);
    writeFileSync(join(folder, "bin", "traffic_layout"), `#!/bin/sh\n${lines.join("\n")}\n`, { mode: 0o755 });
  }

  function install(): { status: number | null; out: string; err: string } {
    const env = { ...process.env, PATH: `${join(folder, "bin")}:${process.env.PATH}` };
    const args = ["--import", "tsx", join(TOP, "tools", "install-ats.ts")];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: TOP, env, encoding: "utf8" });
    return { status, out: stdout, err: stderr };
  }

  test("copies the plugin, and names the lines to change, to append, and to keep", () => {
    const config = "#\nCONFIG proxy.config.res_track_memory INT 0\n  CONFIG proxy.config.dump_mem_info_frequency INT 600\n";
    writeFileSync(join(folder, "etc", "plugin.config"), "# none\nother.so\n");
    writeFileSync(join(folder, "etc", "records.config"), config);
    const { status, out, err } = install();
    assert.equal(status, 0, err);
    const target = join(folder, "plugins", "memtrack.so");
    assert.ok(readFileSync(target).equals(readFileSync(PLUGIN)));
    assert.equal(statSync(target).mode & 0o777, 0o644);
    assert.match(out, /insert as the first line: memtrack\.so\n/);
    assert.match(out, /change line 2 to: CONFIG proxy\.config\.res_track_memory INT 2\n/);
    assert.match(out, /line 3 stays: CONFIG proxy\.config\.dump_mem_info_frequency INT 600\n/);
    // It does not edit files itself.
    assert.equal(readFileSync(join(folder, "etc", "records.config"), "utf8"), config);
  });

  test("advises a file for dumps only if dumps have none", () => {
    const append = /append: CONFIG proxy\.config\.plugin\.memtrack\.output STRING memtrack\.out/;
    writeFileSync(join(folder, "etc", "plugin.config"), "memtrack.so\n");
    writeFileSync(join(folder, "log", "traffic.out"), "");
    const { out } = install();
    assert.doesNotMatch(out, append);
    assert.match(out, /memtrack\.so is the first line/);
    rmSync(join(folder, "log", "traffic.out"));
    writeFileSync(join(folder, "etc", "records.config"), "CONFIG proxy.config.plugin.memtrack.output STRING own.out\n");
    assert.doesNotMatch(install().out, append);
  });

  test("on Traffic Server 10, names the lines of records.yaml", () => {
    makeLayout("records.yaml");
    rmSync(join(folder, "etc", "records.config"), { force: true });
    writeFileSync(join(folder, "etc", "records.yaml"), "records:\n  dump_mem_info_frequency: 600\n  res_track_memory: 0\n");
    const { out } = install();
    assert.match(out, /change line 3 to: {3}res_track_memory: 2\n/);
    assert.match(out, /line 2 stays: dump_mem_info_frequency: 600\n/);
    assert.match(out, /below `records:` insert: {3}plugin\.memtrack\.output: !!str memtrack\.out\n/);
    assert.doesNotMatch(out, /records\.config|traffic_ctl server restart/);
    rmSync(join(folder, "etc", "records.yaml"));
    const empty = install().out;
    assert.match(empty, /append: records:\n *below `records:` insert: {3}res_track_memory: 2\n/);
    makeLayout("records.config");
  });

  test("prints the command to run if the folder is not writable", { skip: process.getuid?.() === 0 }, () => {
    chmodSync(join(folder, "plugins"), 0o555);
    const { status, err } = install();
    chmodSync(join(folder, "plugins"), 0o755);
    assert.equal(status, 1);
    assert.match(err, /no permission to write .*\n {2}sudo install -m 0644 /);
  });
});
