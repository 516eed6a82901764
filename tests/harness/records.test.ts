// SPDX-License-Identifier: Apache-2.0
//
// The files of records of a private server, in both forms.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { recordsConfig, recordText, recordsYaml, type RecordText } from "../../harness/records.ts";

const RECORDS = new Map<string, RecordText>([
  ["proxy.config.res_track_memory", recordText(2)],
  ["proxy.config.http.server_ports", recordText("80:ip-in=127.0.0.1")],
  ["proxy.config.exec_thread.autoconfig", recordText(0)],
  ["proxy.config.exec_thread.autoconfig.scale", recordText(1.5)],
  ["proxy.config.plugin.memtrack.heap", recordText(1)],
  ["proxy.config.admin.user_id", recordText("#-1")],
  ["proxy.config.dump_mem_info_frequency", { type: "INT", text: "soon" }],
]);

test("records.config has a line for each, with its type", () => {
  assert.equal(
    recordsConfig(RECORDS),
    `CONFIG proxy.config.res_track_memory INT 2
CONFIG proxy.config.http.server_ports STRING 80:ip-in=127.0.0.1
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.autoconfig.scale FLOAT 1.5
CONFIG proxy.config.plugin.memtrack.heap INT 1
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.dump_mem_info_frequency INT soon
`,
  );
});

test("records.yaml has a tree with the type of each value as its tag, and version 10's names", () => {
  const text = recordsYaml(RECORDS);
  assert.equal(
    text,
    `records:
  res_track_memory: !!int 2
  http:
    server_ports: !!str "80:ip-in=127.0.0.1"
  exec_thread:
    autoconfig:
      enabled: !!int 0
      scale: !!float 1.5
  plugin:
    memtrack:
      heap: !!int 1
  admin:
    user_id: !!str "#-1"
  dump_mem_info_frequency: !!int soon
`,
  );
  const { exec_thread, plugin } = (parse(text) as { records: Record<string, unknown> }).records;
  assert.deepEqual([exec_thread, plugin], [{ autoconfig: { enabled: 0, scale: 1.5 } }, { memtrack: { heap: 1 } }]);
});

test("a name that records.yaml cannot hold is an error, which says so", () => {
  const both = new Map([
    ["proxy.config.http.x", recordText(1)],
    ["proxy.config.http.x.y", recordText(1)],
  ]);
  assert.throws(() => recordsYaml(both), /proxy\.config\.http\.x\.y: records\.yaml cannot have it beside a value of x/);
});
