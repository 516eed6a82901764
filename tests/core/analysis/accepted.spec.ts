// SPDX-License-Identifier: Apache-2.0
//
// Accepted growth: no suspect until it changes.

import { CLASS_HEAP, FACT_LEVEL, LINE_NOTE, LINE_WARNING, VERDICT_ACCEPTED, VERDICT_LEAK } from "../../../assembly/abi";
import { acceptedCount, acceptPatterns, acceptRows, unacceptRows } from "../../../assembly/analysis/accepted";
import { rankedCount } from "../../../assembly/analysis/ranking";
import { judgeAll, sample } from "../../../assembly/analysis/sample";
import { rankSuspects } from "../../../assembly/analysis/urgency";
import { isSuspect, verdictOf } from "../../../assembly/analysis/verdict";
import { answerSeverity } from "../../../assembly/base/answer";
import { forgetAll } from "../../../assembly/index";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { applyBaseline } from "../../../assembly/model/model";
import { nextWarning } from "../../../assembly/report/warning";
import { output } from "../../../assembly/base/memory";
import { addAlloc, siteAt } from "../../../assembly/shard/site";
import { collect, fresh, owner, pluginSite, put, rendered, textFrom } from "../support";

let now: u64 = 0;
let transactions: u64 = 0;
let row: u32 = 0;
/** Lines that were due. */
let lines: string = "";

function begin(): u32 {
  fresh();
  acceptPatterns(0);
  now = 1000;
  transactions = 0;
  lines = "";
  row = pluginSite(CLASS_HEAP, "foo.so handler (foo.c:88)", owner("foo.so"));
  setHeaderNumber(FACT_LEVEL, 2);
  return row;
}

/** Takes samples, with so many allocations and transactions in each. */
function pass(samples: u32, allocs: u32, requests: u64 = 10_000): void {
  for (let i: u32 = 0; i < samples; ++i) {
    now += 10;
    transactions += requests;
    for (let n: u32 = 0; n < allocs; ++n) addAlloc(siteAt(row), 1024);
    collect();
    applyBaseline();
    sample(now, transactions);
    for (let length = nextWarning(); length; length = nextWarning()) lines += textFrom(output, length) + "\n";
  }
}

function message(pattern: string): string {
  return textFrom(output, acceptRows(put(pattern)));
}

function withdraw(pattern: string): string {
  return textFrom(output, unacceptRows(put(pattern)));
}

describe("accepted growth", () => {
  test("by a message is no suspect, and says so", () => {
    begin();
    pass(120, 4);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    expect(lines.includes("new suspect: memory/plugin/foo.so handler (foo.c:88): ")).toBe(true, lines);
    expect(message("foo.so handler")).toBe(
      'accepted: 1 row, "foo.so handler"; suspects among them: 1; until the next start, or for longer in proxy.config.plugin.memtrack.accept',
    );
    expect(answerSeverity()).toBe(LINE_NOTE);
    expect(verdictOf(row)).toBe(VERDICT_ACCEPTED);
    expect(rankSuspects()).toBe(0);
    lines = "";
    pass(400, 4);
    expect(lines).toBe("");
    expect(rankSuspects()).toBe(0);
    const text = rendered();
    expect(text.includes("\naccepted | ")).toBe(true, text);
    expect(text.includes("no suspect so far, 1 accepted; ")).toBe(true, text);
    expect(text.includes("\nSuspects: 0 with")).toBe(true, text);
  });

  test("by the record begins with the verdict", () => {
    begin();
    acceptPatterns(put("bar.so, foo.so*foo.c"));
    pass(150, 4);
    expect(verdictOf(row)).toBe(VERDICT_ACCEPTED);
    expect(acceptedCount()).toBe(1);
    expect(lines).toBe("");
    acceptPatterns(put("bar.so"));
    pass(1, 4);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    expect(lines.includes("new suspect: ")).toBe(true, lines);
  });

  test("is a suspect when it doubles, until it is accepted again", () => {
    begin();
    acceptPatterns(put("foo.so"));
    pass(150, 4);
    pass(200, 5);
    expect(verdictOf(row)).toBe(VERDICT_ACCEPTED);
    pass(200, 12);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    expect(lines.startsWith("accepted growth has changed: memory/plugin/foo.so handler (foo.c:88): ")).toBe(true, lines);
    expect(lines.includes(", changed since it was accepted at +1.4 MiB/h")).toBe(true, lines);
    message("foo.so handler");
    pass(200, 12);
    expect(verdictOf(row)).toBe(VERDICT_ACCEPTED);
    expect(isSuspect(row)).toBe(false);
  });

  test("does not change with the traffic", () => {
    begin();
    acceptPatterns(put("foo.so"));
    pass(150, 4);
    pass(300, 12, 30_000); // three times as many transactions
    expect(verdictOf(row)).toBe(VERDICT_ACCEPTED);
    pass(300, 4, 1000); // a night, in which a timer goes on
    expect(verdictOf(row)).toBe(VERDICT_ACCEPTED);
  });

  test("is a suspect when it resumes after a rest", () => {
    begin();
    acceptPatterns(put("foo.so"));
    pass(150, 4);
    expect(verdictOf(row)).toBe(VERDICT_ACCEPTED);
    pass(400, 0);
    expect(verdictOf(row) == VERDICT_ACCEPTED).toBe(false);
    expect(lines).toBe("");
    pass(400, 4);
    judgeAll();
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    expect(lines.includes("accepted growth has changed: ")).toBe(true, lines);
  });

  test("of an owner, and of memory in no row, is named like a row", () => {
    begin();
    pass(150, 4);
    expect(message("foo.so").startsWith('accepted: 2 rows, "foo.so"; ')).toBe(true);
    rankSuspects();
    expect(rankedCount()).toBe(0);
  });

  test("needs a row of that name", () => {
    begin();
    pass(100, 4);
    expect(message("Foo.so")).toBe(
      'accept: none of 1 row has a name that contains "Foo.so"; take a part of a name in the column Location of a dump; upper and lower ' +
        "case differ, * stands for anything",
    );
    expect(answerSeverity()).toBe(LINE_WARNING);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
  });

  test("is withdrawn by a message with its pattern", () => {
    begin();
    pass(120, 4);
    message("bar.so");
    message("handler");
    message("foo.so");
    expect(verdictOf(row)).toBe(VERDICT_ACCEPTED);
    expect(withdraw("foo.so handler")).toBe(
      'unaccept: no message has accepted "foo.so handler"; accepted by messages: handler,foo.so; to end what ' +
        "proxy.config.plugin.memtrack.accept accepts, take it out of the record",
    );
    expect(answerSeverity()).toBe(LINE_WARNING);
    expect(withdraw("handler")).toBe('withdrawn: "handler"; no longer accepted: 0 rows');
    expect(verdictOf(row)).toBe(VERDICT_ACCEPTED);
    expect(withdraw("foo.so").startsWith('withdrawn: "foo.so"; no longer accepted: ')).toBe(true);
    expect(answerSeverity()).toBe(LINE_NOTE);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
    expect(rankSuspects()).toBe(1);
    expect(withdraw("foo.so").includes("; accepted by messages: nothing; ")).toBe(true);
    pass(1, 4);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
  });

  test("by a message with a comma is of rows with all of it", () => {
    begin();
    pass(120, 4);
    row = pluginSite(CLASS_HEAP, "bar.so get<int, long> (b.cc:8)", owner("bar.so"));
    pass(120, 4);
    expect(message("get<int, long>").startsWith('accepted: 1 row, "get<int* long>"')).toBe(true);
    expect(acceptedCount()).toBe(1);
    pass(1, 4);
    expect(acceptedCount()).toBe(1);
    expect(withdraw("get<int, long>").endsWith("no longer accepted: 1 row")).toBe(true);
  });

  test("ends with a reset, if it was by a message", () => {
    begin();
    pass(100, 4);
    message("foo.so");
    forgetAll();
    pass(150, 4);
    expect(verdictOf(row)).toBe(VERDICT_LEAK);
  });
});
