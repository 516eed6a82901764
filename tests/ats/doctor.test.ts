// SPDX-License-Identifier: Apache-2.0
//
// On real servers: the findings of memtrack doctor for a stock server, for a server with memtrack.so, and for faulty configurations.

import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import { installedServer } from "../../harness/server.ts";
import type { Finding } from "../../host/node/doctor/finding.ts";
import { PLUGIN } from "../../tools/build.ts";
import { fixture, memtrack } from "../support/command.ts";

const { bin, version } = installedServer();
/** The server's programs are on the PATH. */
const ENV = { PATH: `${bin}:${process.env.PATH}` };

async function findings(...argv: string[]): Promise<Finding[]> {
  const { code, out, err } = await memtrack(["doctor", "--json", ...argv], { env: ENV });
  assert.equal(code, 0, err);
  return (JSON.parse(out) as { findings: Finding[] }).findings;
}

const problems = (found: Finding[]): string[] => found.filter(({ state }) => state === "problem").map(({ what }) => what);

function assertHas(found: Finding[], state: Finding["state"], what: RegExp, fix?: RegExp): void {
  const match = found.find((finding) => finding.state === state && what.test(finding.what));
  assert.ok(match, `${state} ${what} in\n${found.map((finding) => `${finding.state} ${finding.what}`).join("\n")}`);
  if (fix) assert.match(match.fix ?? "", fix);
}

describe("a server", () => {
  test("with memtrack.so first, at level 2: no problem", async () => {
    const ats = await Ats.start({ level: 2, plugins: [PLUGIN], records: { "proxy.config.dump_mem_info_frequency": 3600 } });
    try {
      const dump = await ats.dump();
      const argv = ["--run-root", ats.runRootPath];
      const found = await findings(...argv);
      assert.deepEqual(problems(found), []);
      assertHas(found, "ok", new RegExp(`^Traffic Server ${version.replaceAll(".", "\\.")}, which memtrack\\.so knows`));
      assertHas(found, "ok", /plugin\.config loads memtrack\.so first/);
      assertHas(found, "ok", /memtrack\.so has the same core as this command/);
      assertHas(found, "ok", new RegExp(`the last dump is memtrack's dump ${dump.number} of`));
      for (const hook of ["iobuffer", "openssl", "plugins", "buffers"])
        assertHas(found, "ok", new RegExp(`hook ${hook}: installed`));
      assertHas(found, "note", /malloc and operator new of plugins are not tracked/, /memtrack\.heap 1/);
      const text = await memtrack(["doctor", ...argv, "--fail-on", "problem"], { env: ENV });
      assert.equal(text.code, 0);
      assert.match(text.out, /\nnothing stands in the way\n$/);
    } finally {
      await ats.stop();
    }
  });

  test("without memtrack.so, at level 2: why OpenSSL is 0", async () => {
    const ats = await Ats.start({ level: 2 });
    try {
      const from = ats.sizeOf(ats.trafficOutPath);
      ats.signal("SIGUSR1");
      await ats.waitFor(ats.trafficOutPath, /SSL Allocated Memory[^\n]*\n-[-|]+\n/, { from });
      const argv = ["--run-root", ats.runRootPath];
      const found = await findings(...argv);
      assertHas(found, "problem", /plugin\.config does not load memtrack\.so/, /put the line `memtrack\.so` first in /);
      assertHas(found, "problem", /it says 0 for SSL Allocated Memory, as it always does/, /load memtrack\.so/);
      assertHas(found, "note", /the last dump is the built-in tracker's/);
      assert.equal((await memtrack(["doctor", ...argv, "--fail-on", "problem"], { env: ENV })).code, 1);
    } finally {
      await ats.stop();
    }
  });
});

describe("a configuration in folders", () => {
  let folder: string;
  let argv: string[];
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "memtrack-doctor-"));
    for (const name of ["etc", "plugins"]) mkdirSync(join(folder, name));
    argv = ["--config", join(folder, "etc"), "--plugins", join(folder, "plugins"), "--log", join(folder, "traffic.out")];
  });
  after(() => rmSync(folder, { recursive: true }));

  function configure(plugin: string, records: string, log: string | undefined): void {
    writeFileSync(join(folder, "etc", "plugin.config"), plugin);
    writeFileSync(join(folder, "etc", "records.config"), records);
    rmSync(join(folder, "traffic.out"), { force: true });
    if (log !== undefined) writeFileSync(join(folder, "traffic.out"), log);
  }

  const LEVEL = (level: number | string) => `CONFIG proxy.config.res_track_memory INT ${level}\n`;
  const capture = (name: string): string => readFileSync(fixture(name), "utf8");

  test("the plugin's line is missing, not first, doubled, with arguments, or without its file", async () => {
    configure("# memtrack.so\nother.so\n", LEVEL(1), undefined);
    assertHas(await findings(...argv), "problem", /does not load memtrack\.so/);
    configure("other.so x\nmemtrack.so --level 2\n memtrack.so\n", LEVEL(1), undefined);
    const found = await findings(...argv);
    assertHas(found, "problem", /memtrack\.so is line 2 of plugin\.config/, /make it the first line/);
    assertHas(found, "problem", /loads memtrack\.so twice/);
    assertHas(found, "problem", /takes no arguments: "memtrack\.so --level 2"/);
    assertHas(found, "problem", /there is no .*plugins\/memtrack\.so/, /npm run install:ats/);
    writeFileSync(join(folder, "plugins", "memtrack.so"), "an old one");
    assertHas(await findings(...argv), "note", /has another core than this command/);
  });

  test("records are out of range, off, at level 1, or without dumps", async () => {
    configure("memtrack.so\n", LEVEL("three") + "CONFIG proxy.config.plugin.memtrack.sites INT 5\n", undefined);
    let found = await findings(...argv);
    assertHas(
      found,
      "problem",
      /res_track_memory: value "three" is not in the range \[0, 2\]/,
      /config set proxy\.config\.res_track_memory 2/,
    );
    assertHas(found, "problem", /memtrack\.sites: value "5" is not in the range \[64, 65408\]/);
    configure("memtrack.so\n", "", undefined);
    found = await findings(...argv);
    assertHas(found, "problem", /res_track_memory is 0: nothing is tracked/, /traffic_ctl config set/);
    assertHas(found, "note", /dump_mem_info_frequency is 0/);
    configure("memtrack.so\n", LEVEL(1) + "CONFIG proxy.config.plugin.memtrack.sample_interval INT 0\n", undefined);
    assertHas(await findings(...argv), "note", /sample_interval is 0: dumps say nothing of growth/);
    assertHas(await findings(...argv), "note", /IOBuffers are tracked, OpenSSL is not/);
    assertHas(await findings(...argv), "problem", /there is no .*traffic\.out yet$/, /plugin msg memtrack dump/);
  });

  test("the last dump is missing, is the built-in tracker's, has refused hooks, lost events, or another level", async () => {
    configure("memtrack.so\n", LEVEL(2), "[Nov 22] started\n");
    assertHas(await findings(...argv), "problem", /holds no dump yet/, /kill -USR1/);
    configure("memtrack.so\n", LEVEL(2), capture("stock-level2.out"));
    assertHas(await findings(...argv), "problem", /the last dump is the built-in tracker's/, /restart the server/);
    const refused = 'memtrack hook=openssl state=refused reason="no place holds \x1b[31mthe three pointers"\n';
    const text = capture("memtrack-level1.out").replace(/(memtrack format=.*)lost=0(.*)\n/g, `$1lost=7$2\n${refused}`);
    configure("memtrack.so\n", LEVEL(2), text);
    const found = await findings(...argv);
    assertHas(found, "problem", /hook openssl: refused, because no place holds \\x1b\[31mthe three pointers/);
    assertHas(found, "problem", /7 events were lost/);
    assertHas(found, "note", /it was made at level 1, and proxy\.config\.res_track_memory is 2 now/);
  });

  test("records.yaml of version 10 is read", async () => {
    configure("memtrack.so\n", "", undefined);
    rmSync(join(folder, "etc", "records.config"));
    writeFileSync(join(folder, "etc", "records.yaml"), "records:\n  dump_mem_info_frequency: 600\n  res_track_memory: 2\n");
    const found = await findings(...argv);
    assertHas(found, "ok", /res_track_memory is 2/);
    assertHas(found, "ok", /a dump is written every 10 min/);
  });

  test("without Traffic Server: an error, with the options to use", async () => {
    const { out } = await memtrack(["doctor", "--json"], { env: { PATH: folder } });
    const found = (JSON.parse(out) as { findings: Finding[] }).findings;
    assertHas(found, "problem", /there is no traffic_layout on the PATH/, /--config \/etc\/trafficserver --log/);
    appendFileSync(join(folder, "traffic.out"), capture("memtrack-level2.out"));
    const named = await memtrack(["doctor", "--json", ...argv], { env: { PATH: folder } });
    assertHas((JSON.parse(named.out) as { findings: Finding[] }).findings, "ok", /the last dump is memtrack's dump 4/);
  });
});
