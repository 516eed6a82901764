// SPDX-License-Identifier: Apache-2.0
//
// On a real server: a feature that cannot work is reported in one line, and the server continues to serve.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats, type AtsOptions } from "../../harness/ats.ts";
import { handshakes, mixed } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { installedServer } from "../../harness/server.ts";
import { PLUGIN } from "../../tools/build.ts";

let origin: Origin;
let scratch: string;
before(async () => {
  origin = await Origin.start();
  scratch = mkdtempSync(join(tmpdir(), "memtrack-hostile-"));
  chmodSync(scratch, 0o755);
});
after(async () => {
  await origin.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** Starts a server, sends requests, and returns memtrack's lines in diags.log. */
async function said(options: AtsOptions, check?: (ats: Ats) => Promise<void>): Promise<string[]> {
  const ats = await Ats.start({ plugins: [PLUGIN], origin: origin.url, ...options });
  try {
    assert.deepEqual(await mixed(ats, 300), { requests: 300, errors: 0 });
    await check?.(ats);
    assert.ok(ats.alive());
    return ats
      .diags()
      .split("\n")
      .filter((line) => line.includes("[memtrack]"));
  } finally {
    await ats.stop();
  }
}

function assertOne(lines: string[], pattern: RegExp): void {
  assert.equal(lines.filter((line) => pattern.test(line)).length, 1, `${pattern} in\n${lines.join("\n")}`);
}

/** What a server makes of values of its own record depends on the file: from records.yaml it takes no value that is out of range. */
const OF_THE_SERVER: Record<string, [value: string, line: RegExp][]> = {
  "records.config": [
    ["3", /res_track_memory: value 3 is out of range \[0, 2\]; using 2/],
    ["-1", /res_track_memory: value -1 is out of range \[0, 2\]; using 0/],
    [
      "full",
      /records\.config:\d+: proxy\.config\.res_track_memory is "full" .*not a number; the range is \[0, 2\]; the server reads it as 0$/,
    ],
    ["2 # all", /res_track_memory is "2 # all" \(INT\), not a number; .*; the server reads it as 2$/],
  ],
  "records.yaml": ["3", "-1", "full"].map((value) => [
    value,
    new RegExp(
      `records\\.yaml:\\d+: proxy\\.config\\.res_track_memory is "${value}" .*not a number in the range \\[0, 2\\]; .*default, 0`,
    ),
  ]),
};

describe("values out of range", () => {
  const cases: [name: string, value: string, line: RegExp][] = [
    ...OF_THE_SERVER[installedServer().recordsFile]!.map(([value, line]): [string, string, RegExp] => [
      "proxy.config.res_track_memory",
      value,
      line,
    ]),
    ["proxy.config.dump_mem_info_frequency", "4294967299", /: value 4294967299 is out of range \[0, 2147483647\]; using 3$/],
    ["proxy.config.dump_mem_info_frequency", "-5", /dump_mem_info_frequency: value -5 is out of range \[0, \d+\]; using 0/],
    ["proxy.config.dump_mem_info_frequency", "soon", /dump_mem_info_frequency is "soon" .*not a number/],
    ["proxy.config.plugin.memtrack.sites", "0", /memtrack\.sites: value 0 is out of range \[64, 65408\]; using 4096/],
    ["proxy.config.plugin.memtrack.sites", "7", /memtrack\.sites: value 7 is out of range \[64, 65408\]; using 4096/],
    [
      "proxy.config.plugin.memtrack.sites",
      "1000000000",
      /memtrack\.sites: value 1000000000 is out of range \[64, 65408\]; using 4096/,
    ],
    ["proxy.config.plugin.memtrack.verify", "2", /memtrack\.verify: value 2 is out of range \[0, 1\]; using 0/],
  ];
  for (const [name, value, line] of cases) {
    test(`${name} ${value}: one line with the value, the range and the value in use`, async () => {
      const lines = await said({ invalidRecords: { [name]: { type: "INT", text: value } } }, async (ats) => {
        const dump = await ats.dump();
        assert.match(dump.header.get("sites")!, /\/4096$/);
      });
      assertOne(lines, line);
    });
  }
});

describe("plugin.config", () => {
  test("an unknown argument is named and ignored", async () => {
    assertOne(await said({ plugins: [`${PLUGIN} --verbose`] }), /unknown argument "--verbose" in plugin\.config ignored/);
  });

  test("a second line of memtrack.so is reported and does nothing", async () => {
    const lines = await said({ level: 1, plugins: [PLUGIN, PLUGIN] }, async (ats) => {
      assert.equal((await ats.dump()).header.get("iobuffer"), "installed");
    });
    assertOne(lines, /plugin\.config loads memtrack\.so twice/);
  });

  test("a second memtrack under another name detects the first, and does nothing", async () => {
    const copy = join(scratch, "memtrack-copy.so");
    copyFileSync(PLUGIN, copy);
    const lines = await said({ level: 1, plugins: [PLUGIN, copy] }, async (ats) => {
      const dump = await ats.dump();
      assert.ok(dump.iobuffer.rows.length > 3);
    });
    assertOne(lines, /already redirected, to .*memtrack\.so.*the server is not affected/);
  });
});

/** Copies those of the server's own files that have a text, and puts another of the same length in its place. */
function changed(name: string, from: string, to: string): Pick<AtsOptions, "serverPath" | "env"> {
  const { bin, lib } = installedServer();
  const folder = join(scratch, name);
  mkdirSync(folder);
  const program = join(bin, "traffic_server");
  const libraries = readdirSync(lib).flatMap((file) => (/^libts\w+\.so(\.\d+)?$/.test(file) ? [join(lib, file)] : []));
  const containing = [program, ...libraries].filter((path) => {
    const text = readFileSync(path).toString("latin1");
    if (!text.includes(from)) return false;
    writeFileSync(join(folder, basename(path)), Buffer.from(text.replaceAll(from, to), "latin1"), { mode: 0o755 });
    return true;
  });
  assert.ok(containing.length, `${program} or a library has ${from}`);
  // A program that is not changed stays where it is.
  const serverPath = containing.includes(program) ? join(folder, basename(program)) : program;
  return { serverPath, env: { LD_LIBRARY_PATH: folder } };
}

describe("an unsupported server", () => {
  // The same real server, which reports another version.
  test("of another version: one log line, and the built-in tracker as without memtrack", async () => {
    const { version } = installedServer();
    const server = changed("version", `${version}\0`, `${"11.0000".slice(0, version.length)}\0`);
    const lines = await said({ level: 1, ...server, plugins: [`${PLUGIN} --argument`] }, async (ats) => {
      const at = ats.sizeOf(ats.trafficOutPath);
      ats.signal("SIGUSR1");
      await ats.waitFor(ats.trafficOutPath, /memory\/IOBuffer\/.*\n[^]*TOTAL/, { from: at });
      assert.doesNotMatch(ats.trafficOut(), /^memtrack/m);
    });
    assert.equal(lines.length, 1, lines.join("\n"));
    assertOne(
      lines,
      /unsupported Traffic Server version 11\.0+ \(supported: 9\.2\.x.*\); memtrack is disabled, the server is not affected$/,
    );
  });

  // The same real server, in which ResourceTracker::increment has another name. The dynamic symbol hash (h * 33 + c) is the same
  // for "me" and "nD", so the loader finds it under the new name as it did under the old one.
  test("without libtscore's symbols: the log line names the missing symbol, and the server is not changed", async () => {
    const server = changed("renamed", "_ZN15ResourceTracker9incrementEPKcl", "_ZN15ResourceTracker9increnDntEPKcl");
    const lines = await said({ level: 1, ...server }, async (ats) => {
      // The built-in tracker writes the dump, as without memtrack.
      const at = ats.sizeOf(ats.trafficOutPath);
      ats.signal("SIGUSR1");
      await ats.waitFor(ats.trafficOutPath, /memory\/IOBuffer\/.*\n[^]*TOTAL/, { from: at });
      assert.doesNotMatch(ats.trafficOut(), /^memtrack/m);
    });
    assertOne(
      lines,
      /IOBuffers cannot be tracked: symbol _ZN15ResourceTracker9incrementEPKcl not found.*the server is not affected/,
    );
  });

  // A library loaded before libcrypto, with its own CRYPTO_get_mem_functions.
  for (const [what, body, line] of [
    [
      "functions stored nowhere in libcrypto",
      "*m = (void *)main_of_server(); *r = (void *)((char *)*m + 1); *f = (void *)((char *)*m + 2);",
      /OpenSSL memory cannot be tracked at level 2: libcrypto's three memory functions are stored in 0 places \(expected 1\)/,
    ],
    [
      "functions of another library",
      "*m = (void *)CRYPTO_get_mem_functions; *r = *m; *f = *m;",
      /OpenSSL memory cannot be tracked at level 2: CRYPTO_malloc is set to a function of .*preload/,
    ],
  ] as const) {
    test(`an OpenSSL with ${what}: not tracked, with the reason; level 1 continues`, async () => {
      const source = `
        #include <sys/auxv.h>
        static void *main_of_server(void) { return (void *)getauxval(AT_ENTRY); }
        void CRYPTO_get_mem_functions(void **m, void **r, void **f) { (void)main_of_server; ${body} }`;
      const library = join(scratch, `preload-${what.length}.so`);
      execFileSync("gcc", ["-shared", "-fPIC", "-x", "c", "-o", library, "-"], { input: source });
      const lines = await said({ level: 2, env: { LD_PRELOAD: library } }, async (ats) => {
        assert.equal((await handshakes(ats.tlsPort, 50)).errors, 0);
        const dump = await ats.dump();
        assert.equal(dump.header.get("iobuffer"), "installed");
        assert.equal(dump.header.get("openssl"), "refused");
        assert.ok(dump.notes.some((note) => note.get("hook") === "openssl" && note.get("reason")!.length > 20));
        assert.ok(dump.iobuffer.rows.length > 3);
        assert.equal(dump.summary!.current, 0);
      });
      assertOne(lines, line);
    });
  }

  const root = process.getuid?.() === 0;
  test("an unwritable traffic.out: reported once, and the next dump is complete", { skip: !root }, async () => {
    const folder = join(scratch, "full");
    mkdirSync(join(folder, "log"), { recursive: true });
    // A node of its own: the server sets the mode of its log, and through a link it would set that of /dev/full.
    execFileSync("mknod", [join(folder, "log", "traffic.out"), "c", "1", "7"]);
    const lines = await said({ level: 1, folder }, async (ats) => {
      ats.signal("SIGUSR1");
      await ats.waitFor(ats.diagsPath, /could not be written to the server's standard error: No space left on device/);
      rmSync(ats.trafficOutPath);
      ats.signal("SIGUSR2"); // sent by log rotation: the server opens its files again
      await ats.waitFor(ats.diagsPath, /Reseated/);
      const dump = await ats.dump();
      assert.equal(dump.number, 2);
      assert.ok(dump.iobuffer.rows.some((row) => row.allocs >= 100));
    });
    assertOne(lines, /could not be written to the server's standard error/);
  });
});
