// SPDX-License-Identifier: Apache-2.0
//
// The Modules section of a dump, as written by the core.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as abi from "../../../assembly/abi.ts";
import { parseDumps } from "../../../harness/dump.ts";
import { handmadeDump, modulesSection } from "../../../harness/handmade.ts";
import { Host } from "../../../harness/host.ts";
import { loadCore } from "../../../host/node/core/module.ts";
import { modulesIn, type Module } from "../../../host/node/read/modules.ts";
import { Parser } from "../../../host/node/read/parse.ts";
import { Sites } from "../../../host/node/read/sites.ts";

function modulesOf(text: Buffer | string): Module[] {
  let modules: Module[] = [];
  const parser = new Parser(new Sites(), (dump) => {
    assert.equal(dump.state, "complete");
    modules = modulesIn(dump.sections);
  });
  parser.push(Buffer.from(text));
  parser.end();
  assert.equal(parser.counts.foreign, 0);
  return modules;
}

const ID = "0123456789abcdef0123456789abcdef01234567";

describe("modules", () => {
  test("are read as the core writes them, by the command and by the tests' strict parser", () => {
    const host = new Host(loadCore(), abi.SITES_MIN);
    const shard = host.addShard();
    const owner = host.registry.registerOwner("foo.so(remap)#2");
    assert.ok(host.registry.registerFile("core", ID, "/usr/bin/traffic_server", abi.OWNER_CORE));
    assert.ok(host.registry.registerFile("foo.so(remap)#2", "", "/opt/a | b/foo.so", owner));
    assert.ok(host.registry.registerFile("unnamed.so", ID, "/opt/unnamed.so", abi.OWNER_NONE));
    host.recordAlloc(shard, abi.CLASS_TSAPI, 0x1000n, "foo.so(remap)#2 handler (foo.c:1)", 0, 10n, owner);
    const text = host.dump({ time: 0n, level: 1, armed: 1n });
    const [core, foo] = [
      { name: "core", path: "/usr/bin/traffic_server" },
      { name: "foo.so(remap)#2", path: "/opt/a | b/foo.so" },
    ];
    assert.deepEqual(modulesOf(text), [
      { ...core, buildId: ID },
      { ...foo, buildId: undefined },
    ]);
    const [strict] = parseDumps(text.toString());
    assert.deepEqual(strict!.foreign, []);
    assert.deepEqual(strict!.modules, [
      { ...core, buildId: ID },
      { ...foo, buildId: "-" },
    ]);
  });

  test("may have a name with spaces, and a path without its beginning", () => {
    const section = modulesSection([
      [ID, "my plug-in.so /opt/my plug-in.so"],
      ["-", "deep.so ...folder/deep.so"],
      ["what?", "odd.so /odd.so"],
      [ID, "nothing"],
    ]);
    assert.deepEqual(modulesOf(handmadeDump({ rows: [], sections: section })), [
      { name: "my plug-in.so", buildId: ID, path: "/opt/my plug-in.so" },
      { name: "deep.so", buildId: undefined, path: "...folder/deep.so" },
      { name: "odd.so", buildId: undefined, path: "/odd.so" },
    ]);
  });

  test("are empty in a dump without the section", () => {
    assert.deepEqual(modulesOf(handmadeDump({ rows: [] })), []);
  });
});
