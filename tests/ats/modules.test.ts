// SPDX-License-Identifier: Apache-2.0
//
// On a real server: the Modules section has the build ids that readelf prints and the paths of the configuration; a call in a library has
// the name of the library's exported function. The plugin is the server's compress.so, which passes its own allocator to zlib.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { Origin } from "../../harness/origin.ts";
import { bundled, lacksPlugins } from "../../harness/plugins.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertSound, buildCorpus, corpus, rowsOfOwner, settled } from "../support/corpus.ts";

const COMPRESS = bundled("compress");

/** The build id of a file; "-" if it has none. */
function buildIdOf(path: string): string {
  return /Build ID: ([0-9a-f]+)/.exec(execFileSync("readelf", ["-n", path], { encoding: "utf8" }))?.[1] ?? "-";
}

/** Requests a text that the server compresses. */
function compressed(ats: Ats): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "Accept-Encoding": "gzip" };
    const request = http.get(new URL("/size/50000?type=text/plain", ats.httpUrl), { agent: false, headers }, (response) => {
      response.resume();
      response.on("end", () => (response.headers["content-encoding"] === "gzip" ? resolve() : reject(new Error("not compressed"))));
    });
    request.on("error", reject);
  });
}

describe("modules", { skip: lacksPlugins("compress") }, () => {
  let origin: Origin;
  let folder: string;
  let ats: Ats;
  let dump: Dump;
  let libraries: Map<string, string>;
  before(async () => {
    buildCorpus();
    origin = await Origin.start();
    folder = mkdtempSync(join(tmpdir(), "memtrack-modules-"));
    chmodSync(folder, 0o755);
    const config = join(folder, "compress.config");
    writeFileSync(config, "enabled true\ncache false\nsupported-algorithms gzip\ncompressible-content-type text/*\n");
    ats = await Ats.start({
      level: 2,
      records: { "proxy.config.plugin.memtrack.heap": 1 },
      plugins: [PLUGIN, `${COMPRESS} ${config}`],
      remap: [`map /a0/ ${origin.url} @plugin=${corpus("remap_leak")}`],
      origin: origin.url,
    });
    for (let i = 0; i < 3; ++i) await compressed(ats);
    dump = await settled(ats);
    const maps = readFileSync(`/proc/${ats.pid}/maps`, "utf8").matchAll(/ r-xp .* (\/\S+\/([^/\s]+))$/gm);
    libraries = new Map([...maps].map(([, path, name]) => [name!, path!]));
  });
  after(async () => {
    await ats.stop();
    await origin.stop();
    rmSync(folder, { recursive: true });
  });

  const moduleOf = (name: string) => dump.modules.find((module) => module.name === name);

  test("are the server and the owners of rows, each with its build id", () => {
    assertSound(dump);
    const server = realpathSync(`/proc/${ats.pid}/exe`);
    assert.deepEqual(moduleOf("core"), { name: "core", buildId: buildIdOf(server), path: server });
    const compress = join(ats.folder, "plugins", "compress.so");
    assert.deepEqual(moduleOf("compress.so"), { name: "compress.so", buildId: buildIdOf(compress), path: compress });
    assert.match(moduleOf("core")!.buildId, /^[0-9a-f]{40}$/);
  });

  test("of remap.config have the path in remap.config, not that of the server's copy", () => {
    const path = join(ats.folder, "plugins", "remap_leak.so");
    assert.deepEqual(moduleOf("remap_leak.so"), { name: "remap_leak.so", buildId: buildIdOf(path), path });
  });

  test("include the libraries in locations, and no others", () => {
    assert.deepEqual(
      dump.modules.map(({ name }) => name).filter((name) => !["core", "compress.so", "remap_leak.so"].includes(name)),
      ["libz.so.1"],
    );
    const [name, path] = [...libraries].find(([file]) => file.startsWith("libz.so"))!;
    const found = moduleOf("libz.so.1")!;
    assert.equal(realpathSync(found.path), path, name);
    assert.equal(found.buildId, buildIdOf(path));
  });

  test("give the calls in a library the names of its exported functions", () => {
    const locations = rowsOfOwner(dump, "compress.so").map(({ location }) => location);
    const ofLibrary = locations.filter((location) => location.includes("libz"));
    assert.ok(ofLibrary.length > 0, locations.join("\n"));
    for (const location of ofLibrary)
      assert.match(location, /^memory\/plugin\/libz\.so\.1 deflate\w+\+0x[0-9a-f]+ \[via compress\.so\]$/);
  });
});
