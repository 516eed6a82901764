// SPDX-License-Identifier: Apache-2.0
//
// The files that memtrack doctor reads, without a server (tests/ats/doctor.test.ts covers servers).

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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

  /** The findings for these records, in either version's file. */
  async function lookAt(name: "records.config" | "records.yaml", records: string, log = ""): Promise<string[]> {
    for (const other of ["records.config", "records.yaml"]) rmSync(join(folder, "etc", other), { force: true });
    writeFileSync(join(folder, "etc", name), records);
    writeFileSync(join(folder, "traffic.out"), log);
    const argv = ["--config", join(folder, "etc"), "--plugins", folder, "--log", join(folder, "traffic.out")];
    const { code, out, err } = await memtrack(["doctor", "--json", ...argv], { env: { PATH: folder } });
    assert.equal(code, 0, err);
    return (JSON.parse(out) as { findings: Finding[] }).findings.map(({ state, what }) => `${state}: ${what}`);
  }

  test("reads numbers as the server does, and ignores what follows the digits", async () => {
    const records = `CONFIG ${TRACK} INT 2 # both\nCONFIG proxy.config.dump_mem_info_frequency INT 600  # often\n`;
    const found = await look(`${records}CONFIG proxy.config.plugin.memtrack.sample_interval INT 0 # none\n`);
    assert.ok(found.includes(`ok: ${TRACK} is 2`), found.join("\n"));
    assert.ok(found.includes("ok: a dump is written every 10 min"), found.join("\n"));
    assert.ok(found.some((text) => /^note: .*sample_interval is 0/.test(text)));
    assert.doesNotMatch(found.join("\n"), /NaN|not in the range/);
    const wrong = await look(`CONFIG ${TRACK} INT three\n`);
    assert.ok(wrong.includes(`problem: ${TRACK}: value "three" is not in the range [0, 2]`), wrong.join("\n"));
    assert.ok(wrong.includes(`problem: ${TRACK} is 0: nothing is tracked`), wrong.join("\n"));
  });

  test("reports a level set at run time, which is in the last dump and in no file", async () => {
    const records = `CONFIG ${TRACK} INT 0\n`;
    const found = await look(records, handmadeDump({ level: 2, rows: [] }));
    const says = found.filter((text) => /at level 2,|nothing is tracked|res_track/.test(text));
    const note =
      "tracking is on at level 2, set at run time; records.config says 0, which counts after the next reload of a changed file";
    assert.deepEqual(says, [`note: ${note}`]);
    const off = await look(records, handmadeDump({ level: 0, rows: [] }));
    assert.ok(off.includes(`problem: ${TRACK} is 0: nothing is tracked`), off.join("\n"));
  });

  const ACCEPT = "proxy.config.plugin.memtrack.accept";
  const SEARCH = "proxy.config.plugin.memtrack.search_cpu";

  test("names bad patterns of accepted rows, and those that no row matches", async () => {
    const rows = ["memory/plugin/foo.so get<int, long> (foo.c:8)", "memory/plugin/foo.so old (foo.c:9) [retired]"].map(
      (location) => ({
        ...{ location, allocs: 3, frees: 1, inUse: 100 },
      }),
    );
    const dump = handmadeDump({ rows });
    const about = async (value: string): Promise<string[]> =>
      (await look(`CONFIG ${ACCEPT} STRING ${value}\n`, dump)).filter((line) => line.includes(ACCEPT));
    assert.deepEqual(await about("foo.so get<int* long>, foo.so, c:9) [retired]"), [
      `ok: ${ACCEPT}: 3 patterns with rows in the last dump`,
    ]);
    assert.deepEqual(await about("NULL"), []);
    assert.deepEqual(await about("Foo.so, foo.so old"), [
      `note: ${ACCEPT}: no row of the last dump has a name that contains "Foo.so"`,
      `ok: ${ACCEPT}: 1 pattern with rows in the last dump`,
    ]);
    assert.deepEqual(await about("foo.so, *"), [
      `problem: ${ACCEPT} is "foo.so, *": pattern 2 is not used: it matches every row`,
      `ok: ${ACCEPT}: 1 pattern with rows in the last dump`,
    ]);
    const long = (await about("x".repeat(300)))[0]!;
    assert.match(long, /^problem: .*: pattern 1 is not used: it has more than 256 bytes$/);
    const many = (await about(`${"foo.so,".repeat(600)}foo.so`))[0]!;
    assert.match(many, /^problem: .*: pattern 586 is not used: the patterns have more than 4095 bytes$/);
  });

  test("says what keeps the search for references from its work", async () => {
    const about = async (value: string, dump = ""): Promise<string[]> =>
      (await look(`CONFIG ${SEARCH} INT ${value}\n`, dump)).filter((line) => /search|forbids/.test(line));
    assert.deepEqual(await about("5"), []);
    assert.deepEqual(await about("0"), [
      `note: ${SEARCH} is 0: memory is not searched for references, so no leak is proved, and no holder is known`,
    ]);
    assert.deepEqual(await about("101"), [`problem: ${SEARCH}: value "101" is not in the range [0, 100]`]);
    assert.deepEqual(await about("-1"), [`problem: ${SEARCH}: value "-1" is not in the range [0, 100]`]);
    const dump = handmadeDump({ rows: [] }).replace(" lost=0", " lost=0 memory-reader=none");
    assert.match(
      (await about("5", dump)).join(),
      /^problem: the system forbids the server to read its own memory .* proves nothing$/,
    );
    assert.deepEqual(await about("5", dump.replace("reader=none", "reader=pipe")), []);
  });

  test("uses the last of two lines for a record, and advises to keep one", async () => {
    const found = await look(`CONFIG ${TRACK} INT 0\nCONFIG proxy.config.other INT 1\nCONFIG ${TRACK} INT 2\n`);
    assert.ok(
      found.includes(`note: records.config has 2 lines for ${TRACK}: the server takes the last one, "2"`),
      found.join("\n"),
    );
    assert.ok(found.includes(`ok: ${TRACK} is 2`), found.join("\n"));
    assert.equal(found.filter((line) => /lines for/.test(line)).length, 1);
  });

  test("reports a problem if the last dump reports limits that were reached", async () => {
    const text = handmadeDump({ level: 2, rows: [] });
    const found = await look(`CONFIG ${TRACK} INT 2\n`, text.replace("lost=0", "lost=0 exhausted=thunks:12,owners:1"));
    assert.ok(found.includes("problem: limits of memtrack are reached: thunks (12 times), owners (once)"), found.join("\n"));
    const none = await look(`CONFIG ${TRACK} INT 2\n`, text.replace("lost=0", "lost=0 exhausted=-"));
    assert.doesNotMatch(none.join("\n"), /limits/);
  });

  test("ignores keys with memtrack's names elsewhere in records.yaml", async () => {
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
    const wrong = found.filter((line) => /not in the range/.test(line));
    assert.deepEqual(wrong, ['problem: proxy.config.plugin.memtrack.sites: value "5" is not in the range [64, 65408]']);
    assert.ok(found.includes(`ok: ${TRACK} is 2`), found.join("\n"));
    assert.ok(found.includes("ok: a dump is written every 10 min"), found.join("\n"));
  });

  test("reports what the server ignores in records.yaml, with the line that would be right", async () => {
    const text = [
      "records:",
      "  res_track_memory: 3",
      "  plugin:",
      "    memtrack:",
      "      heap: 1",
      "      sites: !!int 64",
      "      output: own.out",
      "  plugin.memtrack.sample_interval: 0",
    ].join("\n");
    const file = join(folder, "etc", "records.yaml");
    const found = await lookAt("records.yaml", text);
    const says = found.filter((line) => line.includes(file));
    assert.deepEqual(says, [
      `problem: ${file}:2: ${TRACK} is "3", not a number in the range [0, 2]; the server uses its default, 0`,
      `problem: ${file}:5: proxy.config.plugin.memtrack.heap: the server ignores "1", because it has no type`,
      `problem: ${file}:7: proxy.config.plugin.memtrack.output: the server ignores "own.out", because it has no type`,
      `problem: ${file}:8: proxy.config.plugin.memtrack.sample_interval: the server ignores "0", because it has no type`,
    ]);
    assert.ok(found.includes(`problem: ${TRACK} is 0: nothing is tracked`), found.join("\n"));
    assert.doesNotMatch(found.join("\n"), /sample_interval is 0|not in the range/);
    const argv = ["--config", join(folder, "etc"), "--plugins", folder, "--log", join(folder, "traffic.out")];
    const { out } = await memtrack(["doctor", ...argv], { env: { PATH: folder } });
    assert.match(out, /heap: the server ignores "1".*\n *-> write heap: !!int 1\n/);
  });

  test("takes the last of equal keys in records.yaml, as the server does", async () => {
    const found = await lookAt("records.yaml", "records:\n  res_track_memory: 0\n  res_track_memory: 2\n");
    assert.ok(found.includes(`ok: ${TRACK} is 2`), found.join("\n"));
  });

  test("asks the program of the run root for the version, and knows what has changed in 10", async () => {
    const root = mkdtempSync(join(folder, "ten-"));
    for (const name of ["bin", "etc", "log"]) mkdirSync(join(root, name));
    const paths = { SYSCONFDIR: "etc", LOGDIR: "log", PLUGINDIR: "bin" };
    const lines = Object.entries(paths).map(([key, path]) => `echo '${key}: ${join(root, path)}'`);
    const layout = `#!/bin/sh\n${lines.join("\n")}\necho 'traffic-server: 10.2.0'\n`;
    writeFileSync(join(root, "bin", "traffic_layout"), layout, { mode: 0o755 });
    writeFileSync(join(root, "runroot.yaml"), `prefix: ${root}\nbindir: ${join(root, "bin")}\n`);
    writeFileSync(join(root, "etc", "plugin.config"), "memtrack.so\n");
    writeFileSync(join(root, "etc", "records.yaml"), "records: { res_track_memory: 2 }\n");
    writeFileSync(join(root, "etc", "records.config"), "");
    const argv = ["doctor", "--json", "--run-root", join(root, "runroot.yaml")];
    const look = async (...more: string[]): Promise<Finding[]> => {
      const { out, err, code } = await memtrack([...argv, ...more], { env: { PATH: "/nonexistent:/bin" } });
      assert.equal(code, 0, err);
      return (JSON.parse(out) as { findings: Finding[] }).findings;
    };
    const found = await look();
    const whats = found.map(({ state, what }) => `${state}: ${what}`);
    assert.ok(whats.includes("ok: Traffic Server 10.2.0, which memtrack.so knows"), whats.join("\n"));
    assert.ok(
      whats.includes(`problem: there is a records.config in ${join(root, "etc")}: Traffic Server 10 does not start with it`),
    );
    assert.ok(whats.includes(`ok: ${TRACK} is 2`), whats.join("\n"));
    const none = found.find(({ what }) => /traffic\.out/.test(what));
    assert.match(none?.fix ?? "", /`plugin\.memtrack\.output: !!str memtrack\.out` below `records:` in records\.yaml/);
    const bound = join(root, "log", "bound.out");
    writeFileSync(bound, handmadeDump({ level: 2, rows: [] }));
    writeFileSync(join(root, "service"), `TS_DAEMON_ARGS="--bind_stderr ${bound}"\n`);
    const ofService = (await look("--service", join(root, "service"))).map(({ what }) => what).join("\n");
    assert.match(ofService, /dumps go to .*bound\.out: TS_DAEMON_ARGS in /);
  });

  test("reports an invalid records.yaml", async () => {
    const found = await lookAt("records.yaml", "records: [\n  res_track_memory: 2\n");
    assert.ok(
      found.some((line) => /^problem: .*records\.yaml is not valid YAML: .* at line \d/.test(line)),
      found.join("\n"),
    );
    for (const text of ["", "records:", "records: 7", "- a", "records: { plugin: { memtrack: [1] } }"]) {
      assert.ok((await lookAt("records.yaml", text)).includes(`problem: ${TRACK} is 0: nothing is tracked`), text);
    }
  });

  describe("the destination of dumps", () => {
    const OUTPUT = "proxy.config.plugin.memtrack.output";
    const dump = handmadeDump({ level: 2, rows: [] });
    let logs: string;
    before(() => {
      logs = join(folder, "log");
      for (const name of ["log", "bin"]) mkdirSync(join(folder, name));
      // A stand-in for the server's traffic_layout.
      const layout = `#!/bin/sh\necho 'SYSCONFDIR: ${join(folder, "etc")}'\necho 'LOGDIR: ${logs}'\necho 'PLUGINDIR: ${folder}'\n`;
      writeFileSync(join(folder, "bin", "traffic_layout"), layout, { mode: 0o755 });
      rmSync(join(folder, "etc", "records.yaml"), { force: true });
    });

    /** The findings about the destination, for a service with these arguments. */
    async function found(args: string | undefined, output?: string): Promise<Finding[]> {
      const record = output === undefined ? "" : `CONFIG ${OUTPUT} STRING ${output}\n`;
      writeFileSync(join(folder, "etc", "records.config"), `CONFIG ${TRACK} INT 2\n${record}`);
      const service = join(folder, "service");
      rmSync(service, { force: true });
      if (args !== undefined) writeFileSync(service, args);
      const { code, out, err } = await memtrack(["doctor", "--json", "--service", service], {
        env: { PATH: `${join(folder, "bin")}:${process.env.PATH}` },
      });
      assert.equal(code, 0, err);
      const { findings } = JSON.parse(out) as { findings: Finding[] };
      return findings.filter(({ what }) => /traffic\.out|dumps go|for dumps|last dump|own\.out/.test(what));
    }
    const texts = (findings: Finding[]): string[] => findings.map(({ state, what }) => `${state}: ${what}`);

    test("is the journal if no file is configured: a problem, with the setting to change", async () => {
      const [only, ...others] = await found('# TM_DAEMON_ARGS="--bind_stderr /no"\nTM_DAEMON_ARGS="--nosyslog"\n');
      assert.deepEqual(others, []);
      assert.equal(only?.state, "problem");
      assert.match(
        only.what,
        /there is no .*\/log\/traffic\.out: dumps go to the service's journal, because TM_DAEMON_ARGS in .*service has no --bind_stderr and .*output is empty/,
      );
      assert.match(only.fix ?? "", /config set .*output memtrack\.out.*STRING memtrack\.out.*journalctl -u trafficserver -o cat/);
      assert.doesNotMatch(only.fix ?? "", /run this as root/);
      assert.match(
        texts(await found(undefined)).join("\n"),
        /^problem: there is no .*: dumps go to the server's standard error[^\n]*$/,
      );
    });

    test("is the file in the service's arguments, else that of the record, relative to the log folder", async () => {
      const bound = join(folder, "bound.out");
      const args = `TM_DAEMON_ARGS="--bind_stdout ${bound} --bind_stderr ${bound}"\n`;
      const [restart, ...others] = await found(args);
      assert.match(restart?.what ?? "", /binds .*bound\.out for dumps, but there is no such file/);
      assert.deepEqual(others, []);
      writeFileSync(bound, dump);
      assert.match(
        texts(await found(args)).join("\n"),
        /^ok: dumps go to .*bound\.out: TM_DAEMON_ARGS in .*\nok: the last dump is memtrack's/,
      );
      assert.match(texts(await found(args, "NULL")).join("\n"), /bound\.out: TM_DAEMON_ARGS/);
      const [goes, missing] = await found(args, "own.out");
      assert.equal(goes?.what, `dumps go to ${join(logs, "own.out")}: ${OUTPUT} names it`);
      assert.equal(missing?.what, `there is no ${join(logs, "own.out")} yet`);
      assert.match(missing.fix ?? "", /plugin msg memtrack dump.*see diags\.log/);
      writeFileSync(join(logs, "own.out"), dump);
      assert.match(texts(await found(undefined, join(logs, "own.out"))).join("\n"), /ok: the last dump is memtrack's/);
      rmSync(join(logs, "own.out"));
      mkdirSync(join(logs, "own.out"));
      assert.match(texts(await found(undefined, "own.out")).join("\n"), /problem: .*own\.out is not a regular file/);
      writeFileSync(join(logs, "traffic.out"), dump);
      assert.match(texts(await found("")).join("\n"), /^ok: the last dump is memtrack's/);
    });
  });

  test("distinguishes a folder without permission from a missing file", { skip: process.getuid?.() === 0 }, async () => {
    const closed = join(folder, "closed");
    mkdirSync(closed);
    writeFileSync(join(closed, "traffic.out"), "");
    chmodSync(closed, 0o000);
    const argv = ["--config", join(folder, "etc"), "--plugins", folder, "--log", join(closed, "traffic.out")];
    const { out } = await memtrack(["doctor", "--json", ...argv], { env: { PATH: folder } });
    chmodSync(closed, 0o700);
    const [finding] = (JSON.parse(out) as { findings: Finding[] }).findings.filter(({ what }) => /traffic\.out/.test(what));
    assert.match(finding?.what ?? "", /cannot be read$/);
    assert.match(finding?.fix ?? "", /run this as root/);
  });

  test("reports a missing runroot.yaml as an error, and does not use the system's server instead", async () => {
    const path = join(folder, "no", "runroot.yaml");
    const { code, out, err } = await memtrack(["doctor", "--run-root", path]);
    assert.deepEqual([code, out], [2, ""]);
    assert.equal(err, `memtrack: there is no file ${path}: --run-root is the path of a runroot.yaml\n`);
  });
});
