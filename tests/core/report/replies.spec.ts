// SPDX-License-Identifier: Apache-2.0
//
// Replies to plugin messages about the analysis.

import {
  BASELINE_BY_USER,
  CLASS_HEAP,
  CLASS_IOBUFFER,
  FINDING_BLOCKS,
  FINDING_CHAIN,
  FINDING_LOST,
  FINDING_PASSES,
  FINDING_PROBABLY,
  FINDING_SITE,
  FINDING_SIZE,
  FINDING_UNSURE,
  FINDING_WATCHED,
  GAP_NONE,
  GAP_REGIONS,
  GAP_START,
  GAP_SWAP,
  GAP_TRAP,
  GAP_UNREAD,
  LINE_NOTE,
  LINE_WARNING,
} from "../../../assembly/abi";
import { markBlind, takeFindings } from "../../../assembly/model/findings";
import { baselineNamed, markBaseline } from "../../../assembly/analysis/baseline";
import { reloaded } from "../../../assembly/analysis/reloads";
import { isWatching } from "../../../assembly/analysis/watch_list";
import { answerSeverity } from "../../../assembly/base/answer";
import { gapNotice } from "../../../assembly/report/gap";
import {
  answerSearch,
  beginSearchedRows,
  denyBaseline,
  writeSearchedRow,
  writeSearchStatus,
  writeStatus,
} from "../../../assembly/report/replies";
import { forgetAll, sample } from "../../../assembly/analysis/sample";
import { input, output } from "../../../assembly/base/memory";
import { applyBaseline, arm } from "../../../assembly/model/model";
import { addAlloc, siteAt } from "../../../assembly/shard/site";
import { collect, fresh, owner, pluginSite, put, settleOne, site, textFrom } from "../support";

function status(level: u32, interval: u64, suspects: u64): string {
  return textFrom(output, writeStatus(level, interval, suspects));
}

function deny(name: string): string {
  const length = put(name);
  expect(baselineNamed(length)).toBe(-1);
  return textFrom(output, denyBaseline(length));
}

describe("the status", () => {
  test("contains the level, samples, suspects and baselines", () => {
    fresh();
    expect(status(0, 0, 0)).toBe(
      "level 0, sampling is off; 0 samples so far, 0 configuration reloads, 0 suspects; baselines: arming",
    );
    collect();
    applyBaseline();
    for (let now: u64 = 10; now <= 30; now += 10) sample(now, 0);
    markBaseline(put("before"), 30, 0, BASELINE_BY_USER);
    reloaded(31);
    expect(status(2, 10, 4)).toBe(
      "level 2, a sample every 10 s; 3 samples so far, 1 configuration reload, 4 suspects; baselines: before, arming",
    );
    forgetAll();
    expect(status(2, 3600, 0)).toBe(
      "level 2, a sample every 3600 s; 0 samples so far, 0 configuration reloads, 0 suspects; baselines: arming",
    );
  });
});

function searchStatus(percent: u32, sites: u32, passes: u64): string {
  return textFrom(output, writeSearchStatus(percent, sites, passes, passes - passes / 4, 340 << 20, 1500));
}

describe("the status of the search", () => {
  test("contains the sites, the passes and what the last one read", () => {
    fresh();
    expect(searchStatus(5, 0, 0)).toBe("search for references: 0 sites watched, 0 of 0 passes so far were complete");
    expect(searchStatus(5, 1, 4)).toBe(
      "search for references: 1 site watched, 3 of 4 passes so far were complete; the last one read 340 MiB in 1500 ms",
    );
    expect(searchStatus(0, 2, 0)).toBe("search for references: off, 2 sites watched, 0 of 0 passes so far were complete");
  });

  test("says why no pass is complete, and a line for the log says it once", () => {
    fresh();
    const why = "the search for references proves nothing: the process has too many mappings";
    for (let i = 0; i < 19; ++i) expect(gapNotice(GAP_REGIONS)).toBe(0);
    expect(gapNotice(GAP_NONE)).toBe(0);
    for (let i = 0; i < 19; ++i) expect(gapNotice(i % 2 ? GAP_UNREAD : GAP_REGIONS)).toBe(0);
    expect(searchStatus(5, 1, 0)).toBe("search for references: 1 site watched, 0 of 0 passes so far were complete");
    expect(textFrom(output, gapNotice(GAP_REGIONS))).toBe(why);
    expect(gapNotice(GAP_REGIONS)).toBe(0);
    expect(searchStatus(5, 1, 0)).toBe("search for references: 1 site watched, 0 of 0 passes so far were complete; " + why);
    expect(textFrom(output, gapNotice(GAP_SWAP)).includes(" proves nothing: pages of the process go to the swap")).toBe(true);
    expect(gapNotice(GAP_NONE)).toBe(0);
    for (let i = 0; i < 30; ++i) expect(gapNotice(GAP_REGIONS)).toBe(0);
    expect(gapNotice(GAP_NONE)).toBe(0);
    expect(searchStatus(5, 1, 0)).toBe("search for references: 1 site watched, 0 of 0 passes so far were complete");
  });

  test("knows each reason, and a trap at once", () => {
    fresh();
    for (let gap = GAP_START; gap < GAP_TRAP; ++gap) {
      for (let i = 0; i < 20; ++i) gapNotice(gap);
      expect(searchStatus(5, 1, 0).includes("; the search for references proves nothing: ")).toBe(true);
      expect(searchStatus(5, 1, 0).includes("the core has trapped")).toBe(false);
      gapNotice(GAP_NONE);
    }
    expect(gapNotice(GAP_TRAP)).toBe(0);
    expect(searchStatus(5, 1, 0).includes("proves nothing: the core has trapped")).toBe(true);
    gapNotice(GAP_NONE);
  });

  test("has a line for each row that was searched", () => {
    fresh();
    const lost = pluginSite(CLASS_HEAP, "foo.so lose (foo.c:1)", owner("foo.so"));
    pluginSite(CLASS_HEAP, "foo.so keep (foo.c:2)", owner("foo.so"));
    arm(CLASS_HEAP);
    settleOne(lost, 500, 5000, 0, 0);
    beginSearchedRows();
    expect(writeSearchedRow()).toBe(0);
    memory.fill(input, 0, FINDING_SIZE);
    store<u32>(input, lost, FINDING_SITE);
    store<u32>(input, 28, FINDING_PASSES);
    store<u32>(input, 64, FINDING_WATCHED);
    store<u32>(input, 57, FINDING_LOST);
    store<u32>(input, 3, FINDING_PROBABLY);
    store<u32>(input, 4, FINDING_UNSURE);
    store<u64>(input, 500, FINDING_BLOCKS);
    expect(takeFindings(FINDING_CHAIN, 0)).toBe(0);
    beginSearchedRows();
    expect(textFrom(output, writeSearchedRow())).toBe(
      "searched: memory/plugin/foo.so lose (foo.c:1): 64 of 500 blocks watched, 57 lost, 3 probably, 0 held, 4 unsure, after 28 passes",
    );
    expect(writeSearchedRow()).toBe(0);
    markBlind(lost);
    beginSearchedRows();
    expect(textFrom(output, writeSearchedRow()).endsWith("after 28 passes; the search is blind here")).toBe(true);
  });
});

function search(text: string, percent: u32 = 5): string {
  return textFrom(output, answerSearch(put(text), percent));
}

describe("a request to search", () => {
  test("is answered with the number of rows, or why there is none", () => {
    fresh();
    const row = pluginSite(CLASS_HEAP, "foo.so lose (foo.c:1)", owner("foo.so"));
    const buffer = site("memory/IOBuffer/HttpSM.cc:2");
    arm(CLASS_HEAP);
    expect(search("foo.so")).toBe('search: none of 0 rows has a name that contains "foo.so" so far; upper and lower case differ');
    addAlloc(siteAt(row), 1024);
    addAlloc(siteAt(buffer), 1024);
    collect();
    applyBaseline();
    expect(isWatching()).toBe(false);
    expect(search("foo.so")).toBe("search: 1 row from now on");
    expect(answerSeverity()).toBe(LINE_NOTE);
    expect(isWatching()).toBe(true);
    expect(search("")).toBe("search: 1 row from now on");
    expect(search("foo.so", 0)).toBe(
      "search: 1 row from now on; proxy.config.plugin.memtrack.search_cpu is 0: nothing is searched while it is",
    );
    expect(answerSeverity()).toBe(LINE_WARNING);
    expect(search("Foo.so\n")).toBe(
      'search: none of 2 rows has a name that contains "Foo.so?" so far; upper and lower case differ',
    );
    expect(search("HttpSM")).toBe(
      'search: none of 2 rows with known addresses has a name that contains "HttpSM"; IOBuffers and freelists cannot be searched',
    );
    search("foo.so");
    forgetAll();
    expect(isWatching()).toBe(false);
  });
});

describe("an unknown baseline", () => {
  test("is named, with a list of the existing baselines", () => {
    fresh();
    collect();
    applyBaseline();
    expect(deny("before")).toBe('no baseline is named "before"; baselines: arming');
    markBaseline(put("a"), 0, 0, BASELINE_BY_USER);
    markBaseline(put("b"), 0, 0, BASELINE_BY_USER);
    expect(deny("x".repeat(256))).toBe('no baseline is named "' + "x".repeat(64) + '"; baselines: b, a, arming');
  });
});
