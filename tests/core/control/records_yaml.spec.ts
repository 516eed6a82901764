// SPDX-License-Identifier: Apache-2.0
//
// Fields of records.yaml: which are memtrack's, and what is wrong with them.

import { LINE_WARNING, QUESTION_MAX } from "../../../assembly/abi";
import { answerNumber, answerSeverity } from "../../../assembly/base/answer";
import { input } from "../../../assembly/base/memory";
import { checkRecordsYaml } from "../../../assembly/control/records_yaml";
import { answered, freshControl, put } from "../support";

/** All that is said of a file: `line: text`, a line each. */
function said(file: string): string {
  const length = put(file);
  let all = "";
  let text = answered(checkRecordsYaml(length, 1));
  while (text != "") {
    expect(answerSeverity()).toBe(LINE_WARNING);
    all += answerNumber().toString() + ": " + text + "\n";
    text = answered(checkRecordsYaml(length, 0));
  }
  return all;
}

/** The same of fields of memtrack's. */
function ofFields(fields: string): string {
  return said("records:\n  plugin:\n    memtrack:\n      " + fields.split("\n").join("\n      ") + "\n");
}

const HEAP = "proxy.config.plugin.memtrack.heap";
const OUTPUT = "proxy.config.plugin.memtrack.output";
const LEVEL = "proxy.config.res_track_memory";
const UNTYPED = "4: " + HEAP + ': the server ignores "1", because it has no type; write heap: !!int 1\n';

describe("a field of memtrack's in records.yaml", () => {
  test("is right with the tag of its type", () => {
    freshControl();
    expect(ofFields("heap: !!int 1\noutput: !!str memtrack.out\nsites: !!int '4096' # many\nverify: !!bool 1")).toBe("");
    expect(ofFields('sites: !<tag:yaml.org,2002:int> "64"\nsample_interval: &a !!int 1K\noutput: !!str')).toBe("");
    expect(ofFields("heap: !!int\t1 \t\r\noutput: !!str a b # c")).toBe("");
  });

  test("is ignored by the server without a tag, or with another one", () => {
    freshControl();
    expect(ofFields("heap: 1")).toBe(UNTYPED);
    expect(ofFields("heap: 1 # on")).toBe(UNTYPED);
    expect(ofFields("heap: !int 1")).toBe(
      "4: " + HEAP + ': the server ignores "1", because it does not know the type !int; write heap: !!int 1\n',
    );
    expect(ofFields("'heap': '1'")).toBe(UNTYPED.replace("!!int 1", "!!int '1'"));
    expect(ofFields("output: logs/memtrack.out")).toBe(
      "4: " + OUTPUT + ': the server ignores "logs/memtrack.out", because it has no type; write output: !!str logs/memtrack.out\n',
    );
    expect(ofFields("heap: on")).toBe(
      "4: " + HEAP + ': the server ignores "on", because it has no type; write heap: !!int and a number in the range [0, 2]\n',
    );
    expect(ofFields("heap: 7").endsWith("!!int and a number in the range [0, 2]\n")).toBe(true);
    expect(ofFields("heap:").includes('ignores "", because')).toBe(true);
    expect(ofFields("heap: !!integer 1").includes("know the type !!integer;")).toBe(true);
  });

  test("of another type is reported with the type", () => {
    freshControl();
    expect(ofFields("heap: !!str 1")).toBe(
      "4: " + HEAP + ' is "1" (!!str), not of type !!int; the value is not used; write heap: !!int 1\n',
    );
    expect(ofFields("heap: !!float 1").includes("(!!float), not of type !!int")).toBe(true);
    expect(ofFields("output: !!int 5").includes("(!!int), not of type !!str")).toBe(true);
  });

  test("whose value is not a number is reported", () => {
    freshControl();
    expect(ofFields("heap: !!int yes")).toBe(
      "4: " +
        HEAP +
        ' is "yes" (!!int), not a number; the server reads only the digits that it begins with; ' +
        "write heap: !!int and a number in the range [0, 2]\n",
    );
    expect(ofFields("heap: !!int").includes('is "" (!!int), not a number')).toBe(true);
  });

  test("whose name is misspelt is reported with the nearest name", () => {
    freshControl();
    expect(ofFields("haep: !!int 1")).toBe(
      "4: there is no record proxy.config.plugin.memtrack.haep; the nearest name is " + HEAP + "\n",
    );
    expect(ofFields("heap:\n  enabled: 1").includes("no record " + HEAP + ".enabled; the nearest name is " + HEAP)).toBe(true);
    expect(said("records:\n  res_track_memroy: 2\n")).toBe(
      "2: there is no record proxy.config.res_track_memroy; the nearest name is " + LEVEL + "\n",
    );
    expect(said("records: { plugin: { memtracks: { heap: 1 } } }").endsWith("the nearest name is " + HEAP + "\n")).toBe(true);
  });

  test("below a second key `records` is reported: the server reads the first", () => {
    freshControl();
    expect(said("records:\n  a: 1\nrecords:\n  plugin.memtrack.heap: !!int 1\n")).toBe(
      "4: " + HEAP + ': the server ignores "1", because it is below a second "records:"; move it below the first\n',
    );
    expect(said("records:\n  a: 1\n---\nrecords:\n  plugin.memtrack.heap: !!int 1\n")).toBe("");
  });

  test("in a wrong place is reported", () => {
    freshControl();
    expect(said("records:\n  cache:\n    plugin:\n      memtrack: {heap: !!int 1}\n")).toBe(
      "4: there is no record proxy.config.cache.plugin.memtrack.heap; the nearest name is " + HEAP + "\n",
    );
    expect(said("records:\n  proxy.config.plugin.memtrack.heap: !!int 1\n").includes("proxy.config.proxy.config.plugin")).toBe(
      true,
    );
    expect(said("plugin:\n  memtrack:\n    heap: !!int 1\n").startsWith("3: there is no record plugin.memtrack.heap;")).toBe(true);
    expect(said("records.plugin.memtrack.heap: !!int 1").startsWith("1: there is no record records.plugin")).toBe(true);
  });
});

describe("a field of the server's that memtrack uses", () => {
  test("needs no tag", () => {
    freshControl();
    expect(said("records:\n  res_track_memory: 2\n  dump_mem_info_frequency: 3600\n")).toBe("");
    expect(said("records: {res_track_memory: !!str '1', dump_mem_info_frequency: 1K}")).toBe("");
  });

  test("with an invalid value is reported with what the server uses", () => {
    freshControl();
    const range = ", not a number in the range [0, 2]; the server uses its default, 0\n";
    expect(said("records:\n  res_track_memory: 3\n")).toBe("2: " + LEVEL + ' is "3"' + range);
    expect(said("records:\n  res_track_memory: full # all\n")).toBe("2: " + LEVEL + ' is "full"' + range);
    expect(said("records:\n  res_track_memory:\n")).toBe("2: " + LEVEL + ' is ""' + range);
    expect(said("records:\n  dump_mem_info_frequency: 1h\n")).toBe(
      '2: proxy.config.dump_mem_info_frequency is "1h", not a number; the range is [0, 2147483647]; ' +
        "the server reads only the digits that it begins with\n",
    );
  });
});

describe("YAML", () => {
  test("of every form leads to the same field", () => {
    freshControl();
    const wrong = UNTYPED.slice(3);
    expect(said("records:\n  plugin.memtrack.heap: 1\n")).toBe("2: " + wrong.replace("write heap", "write plugin.memtrack.heap"));
    expect(said("records: {plugin: {memtrack: {heap: 1}}}")).toBe("1: " + wrong);
    expect(said("{records: {plugin: {memtrack: {heap: 1}}}}\n")).toBe("1: " + wrong);
    expect(said('"records":\n    plugin:\n\n    # own\n     memtrack:\n').length).toBe(0);
    expect(said("\xef\xbb\xbf").length).toBe(0);
    expect(said("---\nrecords:\r\n  plugin:  # p\r\n    memtrack: {\r\n      sites: !!int 64, # a\r\n  heap: 1 }\r\n")).toBe(
      "6: " + wrong,
    );
    expect(said("records:\n  plugin:\n    memtrack:\n      { 'heap':1, x: [a, '}'] }\n").startsWith("4: " + wrong)).toBe(true);
    expect(said("%YAML 1.2\n---\nrecords: {plugin: {memtrack: {heap: 1}}}")).toBe("");
    expect(said("---\nrecords:\n  plugin:\n---\nrecords:\n  plugin:\n    memtrack:\n      heap: 1\n...\n")).toBe("8: " + wrong);
  });

  test("around a field does not matter", () => {
    freshControl();
    const after = "  plugin:\n    memtrack:\n      heap: 1\n";
    const texts = [
      "  a: |\n    memtrack:\n      heap: 1\n\n   x\n",
      "  a: >-\n\n    plugin: b\n",
      "  a:\n  - b: 1\n    c: 2\n  - d\n",
      "  a:\n    - b\n    - [c, d]\n",
      "  a: [b, {c: d},\n    e]\n",
      "  a: one\n    two\n",
      "  a:\n    one: 1\n  b:\n    one\n",
      '  a: "x\n    y: z"\n',
      "  a: 'it''s: so'  # here\n",
      "  a: http://b#c\n",
      "  a: *b\n",
      "  a: &b {c: d, e: }\n",
      '  a: {b: *c, d: {}, e: \'f\', g: "\\"h"}\n',
      "  a:\n  b: ~\n",
      "  # heap\n\n  \n",
    ];
    for (let i = 0; i < texts.length; ++i) {
      const lines = texts[i].split("\n").length + 3;
      const text = said("records:\n" + texts[i] + after);
      expect(text).toBe(lines.toString() + UNTYPED.slice(1), texts[i]);
    }
  });

  test("that is not understood ends the check", () => {
    freshControl();
    const after = "  plugin:\n    memtrack:\n      heap: 1\n";
    const texts = [
      "  a: b: c\n",
      "  ? a\n  : b\n",
      "  a: {b: c\n",
      "  a: [b\n",
      "  a: 'b\n",
      "  a: 'b' c\n",
      "  a: @b\n",
      "  a: {b: c d: e}\n",
      "  a: {b: {c: d} e: f}\n",
      "\ta: b\n",
      "  a: b\n c: d\n",
      "  a\n",
      "    a:\n   b: c\n",
      "  : b\n",
      "  a: { }}\n",
      "  a: !!int'1'\n",
      "  a: &b|\n",
    ];
    for (let i = 0; i < texts.length; ++i) expect(said("records:\n" + texts[i] + after)).toBe("", texts[i]);
    expect(said("records:\n" + after + "  a: b: c\n")).toBe("4" + UNTYPED.slice(1));
  });

  test("of values that are not simple is not judged", () => {
    freshControl();
    expect(ofFields("heap: |\n  1")).toBe("");
    expect(ofFields("heap: *one")).toBe("");
    expect(ofFields("heap: [1]")).toBe("");
    expect(ofFields("heap: 1\n  2")).toBe("");
    expect(ofFields('heap: "\\x31"')).toBe("");
    expect(ofFields("output: 'a''b'")).toBe("");
    expect(ofFields("heap:\n  !!int 1")).toBe("");
    expect(ofFields("heap: !!int\n  1")).toBe("");
    expect(ofFields("heap: # on\n  \t1")).toBe("");
    expect(ofFields("heap: 1\n  \t2")).toBe("");
  });

  test("of any depth and length stays within its tables", () => {
    freshControl();
    expect(said("records: " + "{a: ".repeat(1000))).toBe("");
    expect(said("records:\n  " + "k".repeat(600) + ": 1\n")).toBe("");
    expect(said("records:\n  plugin.memtrack." + "k".repeat(400) + ": 1\n").includes("k".repeat(70) + "; the nearest")).toBe(true);
    const line = "  plugin.memtrack.heap: 1\n";
    const long = "records:\n" + line.repeat(3000);
    const lines = said(long).split("\n").length - 1;
    expect(lines).toBe((QUESTION_MAX - 9) / line.length);
    memory.fill(input, 0x7b, QUESTION_MAX);
    expect(checkRecordsYaml(u64.MAX_VALUE, 1)).toBe(0);
  });

  test("is shown without characters that a terminal obeys", () => {
    freshControl();
    const text = said("records:\n  plugin.memtrack.heap: \x1b[31m\n");
    expect(text.includes('ignores "?[31m", because')).toBe(true, text);
  });
});
