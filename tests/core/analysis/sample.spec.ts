// SPDX-License-Identifier: Apache-2.0
//
// Owners, baselines, ages, measures and the words of the sections, also with odd input from a host or a user.

import {
  BASELINE_BY_RELOAD,
  BASELINE_BY_START,
  BASELINE_BY_USER,
  BASELINE_BY_WARM_UP,
  BASELINE_NAME_MAX,
  BASELINES,
  CLASS_COUNT,
  CLASS_HEAP,
  CLASS_OBJECT,
  CLASS_OPENSSL,
  CLASS_TSAPI,
  FACT_LEVEL,
  KIND_MBUFFER,
  LINE_NOTE,
  LINE_WARNING,
  MEASURE_CGROUP,
  MEASURE_COUNT,
  MEASURE_INTERVAL,
  MEASURE_MAX_USAGE,
  MEASURE_NOW,
  MEASURE_RAM,
  MEASURE_RSS,
  MEASURE_RSS_FILES,
  NAME_VIA,
  OWNER_SERIES_MAX,
} from "../../../assembly/abi";
import { oldByCounters } from "../../../assembly/analysis/age";
import {
  allocsSince,
  ARMING,
  baselineNamed,
  changeSince,
  freesSince,
  listBaselines,
  markBaseline,
  usualBaseline,
  writeBaseline,
} from "../../../assembly/analysis/baseline";
import {
  entryAllocs,
  entryInUse,
  isCoreEntry,
  isUsedEntry,
  sumOwnerSeries,
  writeEntry,
} from "../../../assembly/analysis/owner_series";
import { sample } from "../../../assembly/analysis/sample";
import { rankedCount } from "../../../assembly/analysis/ranking";
import { rankSuspects } from "../../../assembly/analysis/urgency";
import { answerSeverity } from "../../../assembly/base/answer";
import { approxDuration, bytes, counted, duration, grouped } from "../../../assembly/base/humanize";
import { output, outputEnd, slots } from "../../../assembly/base/memory";
import { begin as write } from "../../../assembly/base/writer";
import { forgetAll } from "../../../assembly/index";
import { clearMeasures, headroom, limitMeasure, measured, setMeasure } from "../../../assembly/model/environment";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { ageOf } from "../../../assembly/model/history";
import { applyBaseline, arm, disarm } from "../../../assembly/model/model";
import { reclaim } from "../../../assembly/model/reclaim";
import { freeSite, register, retireOwner } from "../../../assembly/registry/registry";
import { trackedBytes } from "../../../assembly/analysis/resident";
import { nextWarning } from "../../../assembly/report/warning";
import { addAlloc, addFree, siteAt } from "../../../assembly/shard/site";
import {
  attributes,
  collect,
  fresh,
  opensslSite,
  owner,
  pluginSite,
  put,
  rendered,
  settleOne,
  site,
  textFrom,
  written,
} from "../support";

function mark(name: string, now: u64 = 0): string {
  return textFrom(output, markBaseline(put(name), now, 0, BASELINE_BY_USER));
}

function names(): string {
  return textFrom(output, listBaselines());
}

/** The severity of the line that is due after samples of a leak of 720 KiB an hour, on a machine with this much memory. */
function severityAfter(row: u32, from: u64, to: u64, memory: u64): u32 {
  for (let i = from; i < to; ++i) {
    settleOne(row, i * 2, i * 2048, 0, 0);
    setMeasure(MEASURE_RSS, 1 << 30);
    setMeasure(MEASURE_RAM, memory);
    sample(500 + i * 10, i * 1000);
  }
  return nextWarning() ? answerSeverity() : u32.MAX_VALUE;
}

/** The name of the default baseline after another baseline has been set. */
function usualAfter(name: string, by: u32): string {
  markBaseline(put(name), 10, 0, by);
  write(output, outputEnd);
  writeBaseline(usualBaseline());
  return written(output);
}

/** Allocates two more objects of 1,024 bytes. */
function grown(row: u32): void {
  addAlloc(siteAt(row), 1024);
  addAlloc(siteAt(row), 1024);
}

/** The name of the owner in an entry, after the sums. */
function followedBy(entry: u32): string {
  write(output, outputEnd);
  writeEntry(entry);
  return written(output);
}

describe("an owner", () => {
  test("has an entry when it has a row, and is the sum of its rows", () => {
    fresh();
    const foo = owner("foo.so");
    owner("idle.so");
    const a = pluginSite(CLASS_TSAPI, "a.c", foo, 1);
    const b = pluginSite(CLASS_HEAP, "b.c", foo, 2);
    const own = site("memory/IOBuffer/HttpSM.cc:6495");
    addAlloc(siteAt(a), 100);
    addAlloc(siteAt(b), 20);
    addAlloc(siteAt(own), 3);
    collect();
    applyBaseline();
    sumOwnerSeries();
    expect(isUsedEntry(0) && isUsedEntry(1) && !isUsedEntry(2)).toBe(true);
    const mine: u32 = followedBy(0) == "foo.so" ? 0 : 1;
    expect(followedBy(mine)).toBe("foo.so");
    expect(entryInUse(mine)).toBe(120);
    expect(entryAllocs(mine)).toBe(2);
    expect(isCoreEntry(1 - mine)).toBe(true);
    expect(entryInUse(1 - mine)).toBe(3);
  });

  test("is in (other owners) if all entries are taken", () => {
    fresh(128);
    for (let i: u32 = 0; i < OWNER_SERIES_MAX + 5; ++i)
      addAlloc(siteAt(pluginSite(CLASS_TSAPI, "a.c", owner(`p${i}.so`), i + 1)), 10);
    collect();
    applyBaseline();
    sumOwnerSeries();
    expect(followedBy(OWNER_SERIES_MAX - 1)).toBe("(other owners)");
    expect(entryInUse(OWNER_SERIES_MAX - 1)).toBe(60);
    expect(isUsedEntry(OWNER_SERIES_MAX)).toBe(false);
  });

  test("that is gone frees its entry, without its history", () => {
    fresh();
    const foo = owner("foo.so");
    const a = pluginSite(CLASS_TSAPI, "a.c", foo, 1);
    addAlloc(siteAt(a), 100);
    collect();
    applyBaseline();
    sample(10, 0);
    const entry: u32 = followedBy(0) == "foo.so" ? 0 : 1;
    expect(ageOf(slots + entry)).toBe(1);
    addFree(siteAt(a), 100);
    retireOwner(foo);
    collect(); // the next sums know that the module is gone
    collect();
    expect(reclaim(0)).toBe(a);
    freeSite(a);
    expect(ageOf(a)).toBe(0);
    collect();
    applyBaseline();
    sumOwnerSeries();
    expect(isUsedEntry(entry)).toBe(false);
    expect(ageOf(slots + entry)).toBe(0);
  });
});

describe("a baseline", () => {
  test("stores the counts of a row exactly", () => {
    fresh();
    const row = site("memory/IOBuffer/A.cc:1");
    settleOne(row, 1_000_000_007, 1 << 45, 999_999_937, 77);
    mark("before");
    settleOne(row, 1_000_000_009, (1 << 45) + 5, 999_999_940, 100);
    const slot = baselineNamed(put("before"));
    expect(changeSince(row, slot)).toBe(-18);
    expect(allocsSince(row, slot)).toBe(2);
    expect(freesSince(row, slot)).toBe(3);
    expect(changeSince(row, ARMING)).toBe((1 << 45) - 95);
  });

  test("is correct when counters pass 2^40", () => {
    fresh();
    const row = site("memory/IOBuffer/A.cc:1");
    settleOne(row, (1 << 40) - 1, 10, (1 << 40) - 2, 5);
    mark("m");
    settleOne(row, (1 << 40) + 4, 20, (1 << 40) + 1, 5);
    expect(allocsSince(row, 0)).toBe(5);
    expect(freesSince(row, 0)).toBe(3);
  });

  test("is zero for a row that came later", () => {
    fresh();
    mark("m");
    const row = site("memory/IOBuffer/A.cc:1");
    settleOne(row, 3, 300, 1, 100);
    expect(changeSince(row, 0)).toBe(200);
    expect(allocsSince(row, 0)).toBe(3);
  });

  test("replaces the oldest when all are taken, and reports it", () => {
    fresh();
    for (let i: u32 = 0; i < BASELINES; ++i) expect(mark(`m${i}`)).toBe(`baseline m${i} is set`);
    expect(mark("m0")).toBe("baseline m0 is replaced");
    expect(mark("more")).toBe("baseline more is set; m1, the oldest of 6, is removed");
    expect(names()).toBe("more, m0, m5, m4, m3, m2, arming");
    expect(baselineNamed(put("m1"))).toBe(-1);
    expect(baselineNamed(put("arming"))).toBe(ARMING);
  });

  test("is the default for dumps: the user's, else the end of the warm-up, else that of the start", () => {
    fresh();
    expect(usualBaseline()).toBe(ARMING);
    expect(usualAfter("start-up", BASELINE_BY_START)).toBe("start-up");
    expect(usualAfter("reload", BASELINE_BY_RELOAD)).toBe("start-up");
    expect(usualAfter("warm-up", BASELINE_BY_WARM_UP)).toBe("warm-up");
    expect(usualAfter("reload", BASELINE_BY_RELOAD)).toBe("warm-up");
    expect(usualAfter("mine", BASELINE_BY_USER)).toBe("mine");
    expect(usualAfter("warm-up", BASELINE_BY_WARM_UP)).toBe("mine");
    expect(usualAfter("other", BASELINE_BY_USER)).toBe("other");
    for (let i = 0; i < 6; ++i) usualAfter(`r${i}`, BASELINE_BY_RELOAD); // its slot is taken
    expect(usualAfter("reload", BASELINE_BY_RELOAD)).not.toBe("other");
    expect(usualAfter("warm-up", BASELINE_BY_WARM_UP)).toBe("warm-up");
  });

  test("has a name that cannot break a line or a column", () => {
    fresh();
    expect(mark('a b\n|,"\x1b')).toBe("baseline a?b????? is set");
    expect(mark("x".repeat(500))).toBe("baseline " + "x".repeat(BASELINE_NAME_MAX) + " is set");
    expect(mark("").startsWith("baseline mark is set; to give it a name, quote both words: traffic_ctl")).toBe(true);
    expect(mark("arming").endsWith("this name is reserved; choose another")).toBe(true);
    expect(baselineNamed(put("x".repeat(499))) >= 0).toBe(true);
    expect(baselineNamed(put("unknown"))).toBe(-1);
  });
});

describe("ages", () => {
  test("are bounds: memory allocated since a time cannot be older", () => {
    fresh();
    const row = site("memory/IOBuffer/A.cc:1");
    for (let i: u64 = 0; i < 100; ++i) {
      settleOne(row, 100 + i, 10000 + i * 10, 0, 0);
      sample(1000 + i * 10, 0);
    }
    // 10 bytes every 10 seconds for 1,000 seconds, in addition to 10,000 bytes from before.
    const old = oldByCounters(row, 600);
    assert(old <= 10990 - 600 && old >= 10990 - 900, old.toString());
    expect(oldByCounters(row, 990)).toBe(0);
    expect(oldByCounters(row, 100000)).toBe(0);
  });
});

describe("measures", () => {
  test("are unknown until they are set, and after they are withdrawn", () => {
    fresh();
    expect(measured(MEASURE_RSS)).toBe(false);
    expect(setMeasure(MEASURE_RSS, 0)).toBe(0);
    expect(measured(MEASURE_RSS)).toBe(true);
    clearMeasures();
    expect(measured(MEASURE_RSS)).toBe(false);
    expect(setMeasure(MEASURE_COUNT, 1)).toBe(-1);
    expect(setMeasure(u32.MAX_VALUE, 1)).toBe(-1);
  });

  test("of limits: the smallest one applies", () => {
    fresh();
    expect(limitMeasure()).toBe(MEASURE_COUNT);
    expect(headroom()).toBe(-1);
    setMeasure(MEASURE_RAM, 1000);
    setMeasure(MEASURE_MAX_USAGE, 0);
    setMeasure(MEASURE_CGROUP, 600);
    expect(limitMeasure()).toBe(MEASURE_CGROUP);
    setMeasure(MEASURE_RSS, 100);
    expect(headroom()).toBe(500);
    setMeasure(MEASURE_RSS, 700);
    expect(headroom()).toBe(0);
  });
});

describe("words", () => {
  test("express durations", () => {
    write(output, outputEnd);
    const all: u64[] = [0, 119, 120, 3599, 3600, 12000, 86400, 190800];
    for (let i = 0; i < all.length; ++i) {
      duration(all[i]);
      if (i < 2) approxDuration(all[i] + 60 * 5);
    }
    expect(written(output)).toBe("0 s5 min119 s6 min2 min59 min1 h3 h 20 min1 d2 d 5 h");
    write(output, outputEnd);
    approxDuration(u64.MAX_VALUE);
    approxDuration(86400 * 19);
    approxDuration(3600 * 30);
    approxDuration(60);
    expect(written(output)).toBe("584,942,417,355 years19 days30 hours1 min");
  });

  test("express bytes", () => {
    write(output, outputEnd);
    bytes(0);
    bytes(1023);
    bytes(1024);
    bytes(1258291);
    bytes(102348); // 99.949 KiB
    bytes(102349); // 99.9502 KiB
    bytes(1048524); // 1023.949 KiB
    bytes(1048525); // 1023.9502 KiB
    bytes((<u64>200) << 20);
    bytes(u64.MAX_VALUE);
    expect(written(output)).toBe("0 B1023 B1.0 KiB1.2 MiB99.9 KiB100 KiB1024 KiB1.0 MiB200 MiB16.0 EiB");
  });

  test("group thousands", () => {
    write(output, outputEnd);
    grouped(0);
    grouped(999);
    grouped(14210);
    grouped(1000001);
    grouped(u64.MAX_VALUE);
    expect(written(output)).toBe("099914,2101,000,00118,446,744,073,709,551,615");
    write(output, outputEnd);
    counted(0, " object");
    counted(1, " object");
    counted(1000, " object");
    expect(written(output)).toBe("0 objects1 object1,000 objects");
  });
});

describe("a leak", () => {
  test("is a suspect with its evidence, reported once, and again when it has doubled", () => {
    fresh();
    const leaky = site("memory/plugin/foo.so handler (foo.c:88)");
    setHeaderNumber(FACT_LEVEL, 1);
    for (let i: u64 = 0; i < 150; ++i) {
      settleOne(leaky, i * 2, i * 2048, 0, 0);
      sample(500 + i * 10, i * 1000);
    }
    expect(rankSuspects()).toBe(1);
    setMeasure(MEASURE_RSS, 1 << 30);
    setMeasure(MEASURE_RAM, 2 << 30);
    setMeasure(MEASURE_NOW, 1990);
    const text = rendered();
    expect(text.includes("memory/plugin/foo.so handler (foo.c:88): +720 KiB/h for 24 min, ")).toBe(true);
    expect(text.includes("298 allocated, 0 freed, 2,048 bytes per 1,000 transactions; memory limit in about 60 days")).toBe(true);
    expect(textFrom(output, nextWarning()).startsWith("new suspect: memory/plugin/foo.so handler (foo.c:88): +")).toBe(true);
    expect(nextWarning()).toBe(0);
    for (let i: u64 = 150; i < 320; ++i) {
      settleOne(leaky, i * 2, i * 2048, 0, 0);
      sample(500 + i * 10, i * 1000);
    }
    expect(textFrom(output, nextWarning()).startsWith("suspect has doubled: ")).toBe(true);
    expect(nextWarning()).toBe(0);
    forgetAll();
    expect(rankSuspects()).toBe(0);
  });

  test("in a class that is no longer tracked is no suspect, in no section, and has no past when the class is armed again", () => {
    fresh();
    setHeaderNumber(FACT_LEVEL, 1);
    const leaky = pluginSite(CLASS_TSAPI, "foo.so handler (foo.c:88)", owner("foo.so"));
    for (let i: u64 = 0; i < 150; ++i) {
      settleOne(leaky, i * 2, i * 2048, 0, 0);
      sample(500 + i * 10, i * 1000);
    }
    expect(rankSuspects()).toBe(1);
    expect(rendered().includes("foo.c:88")).toBe(true);
    expect(trackedBytes(CLASS_TSAPI)).toBe(149 * 2048);
    disarm(CLASS_TSAPI);
    expect(rankSuspects()).toBe(0);
    expect(nextWarning()).toBe(0);
    expect(trackedBytes(CLASS_TSAPI)).toBe(0);
    const text = rendered();
    expect(text.includes("foo.c:88")).toBe(false);
    expect(text.includes("- |       - |              - | plugins' TSmalloc alive: not known")).toBe(true);
    expect(text.includes("Suspects: 0 with unexplained growth\n")).toBe(true);
    arm(CLASS_TSAPI);
    expect(ageOf(leaky)).toBe(0);
    for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) disarm(cls);
    expect(rendered().includes("Suspects")).toBe(false);
  });

  test("is reported for its row, and not again for its owner, in the sample that finds it", () => {
    fresh();
    const leaky = pluginSite(CLASS_TSAPI, "foo.so handler (foo.c:88)", owner("foo.so"));
    let warnings = 0;
    for (let i: u64 = 0; i < 150; ++i) {
      settleOne(leaky, i * 2, i * 2048, 0, 0);
      sample(500 + i * 10, i * 1000);
      for (let length = nextWarning(); length; length = nextWarning()) {
        ++warnings;
        expect(textFrom(output, length).startsWith("new suspect: memory/plugin/foo.so handler (foo.c:88): +")).toBe(true);
      }
    }
    expect(warnings).toBe(1);
  });

  test("is one suspect with all rows of its function below it, and is reported once", () => {
    fresh();
    setHeaderNumber(FACT_LEVEL, 1);
    const foo = owner("foo.so");
    const first = pluginSite(CLASS_TSAPI, "foo.so handler (foo.c:88)", foo);
    const second = pluginSite(CLASS_HEAP, "foo.so handler (foo.c:90)", foo);
    const objects = pluginSite(CLASS_OBJECT, "foo.so handler (foo.c:87)", foo, KIND_MBUFFER);
    const other = pluginSite(CLASS_TSAPI, "foo.so cleaner (foo.c:12)", foo);
    for (let i: u64 = 0; i < 150; ++i) {
      grown(first);
      grown(first);
      grown(second);
      grown(other);
      addAlloc(siteAt(objects), 0);
      addAlloc(siteAt(objects), 0);
      collect();
      applyBaseline();
      sample(500 + i * 10, i * 1000);
    }
    expect(rankSuspects()).toBe(2);
    expect(rankedCount()).toBe(4);
    const text = rendered();
    expect(text.includes("\nSuspects: 2 with unexplained growth\n")).toBe(true);
    const lines = text.slice(text.indexOf("\nSuspects: ") + 1).split("\n");
    const starts: string[] = [];
    for (let i = 3; i < 8; ++i) starts.push(lines[i].slice(41, lines[i].indexOf("/h for ")));
    expect(starts).toStrictEqual([
      "memory/plugin/foo.so handler (3 rows): +2.1 MiB",
      "  - memory/plugin/foo.so handler (foo.c:88): +1.4 MiB",
      "  - memory/plugin/foo.so handler (foo.c:90): +720 KiB",
      "  - memory/plugin/foo.so handler (foo.c:87): +720 objects",
      "memory/plugin/foo.so cleaner (foo.c:12): +720 KiB",
    ]);
    expect(text.includes("suspect: foo.so handler (foo.c:88) and 2 more rows: +894 KiB in 24 min (+2.1 MiB/h)\n")).toBe(
      true,
      text.slice(0, 2000),
    );
    expect(text.includes(" | " + "memory/plugin/foo.so handler (foo.c:88)".padEnd(64) + " | tsapi            | ")).toBe(true, text);
    expect(text.includes(" | " + "memory/plugin/foo.so handler (foo.c:87)".padEnd(64) + " | TSMBuffer        | ")).toBe(true, text);
    expect(textFrom(output, nextWarning()).startsWith("new suspect: memory/plugin/foo.so handler (3 rows): +2.1 MiB/h for ")).toBe(
      true,
    );
    expect(textFrom(output, nextWarning()).startsWith("new suspect: memory/plugin/foo.so cleaner (foo.c:12): ")).toBe(true);
    expect(nextWarning()).toBe(0);
  });

  test("in many files of OpenSSL is one suspect of the owner", () => {
    fresh();
    const foo = owner("foo.so");
    const rows: u32[] = [];
    for (let line: u32 = 1; line <= 3; ++line) {
      rows.push(register(0x9000, attributes(CLASS_OPENSSL, line, foo), put("../ssl/ssl_lib.c"), foo, NAME_VIA));
      rows.push(opensslSite("../ssl/own.c", line, 0xa000));
    }
    setHeaderNumber(FACT_LEVEL, 2);
    for (let i: u64 = 0; i < 150; ++i) {
      for (let n = 0; n < rows.length; ++n) grown(rows[n]);
      collect();
      applyBaseline();
      sample(500 + i * 10, i * 1000);
    }
    expect(rankSuspects()).toBe(2);
    const text = rendered();
    expect(text.includes("| memory/OpenSSL [via foo.so] (3 rows): +2.1 MiB/h for ")).toBe(true, text);
    expect(text.includes("| memory/OpenSSL (3 rows): +2.1 MiB/h for ")).toBe(true, text);
  });

  test("is a note if little memory is at stake, and a warning once it has grown or would fill memory within a year", () => {
    fresh();
    const leaky = site("memory/plugin/foo.so handler (foo.c:88)");
    const far: u64 = 1 << 40; // 165 years at 720 KiB an hour
    expect(severityAfter(leaky, 0, 150, far)).toBe(LINE_NOTE);
    expect(severityAfter(leaky, 150, 320, far)).toBe(LINE_NOTE);
    expect(severityAfter(leaky, 320, 800, far)).toBe(LINE_WARNING, "more than a MiB");
    forgetAll();
    expect(severityAfter(leaky, 0, 150, 2 << 30)).toBe(LINE_WARNING, "60 days");
  });

  test("that is undecided is named in the summary, with the time of its verdict", () => {
    fresh();
    const leaky = site("memory/plugin/foo.so handler (foo.c:88)");
    setHeaderNumber(FACT_LEVEL, 1);
    setMeasure(MEASURE_INTERVAL, 10);
    // More than a cache may keep of 1,000 requests, so the verdict needs 384 samples. The time of the verdict must be the announced one.
    let said = "";
    let judged: u64 = 0;
    for (let i: u64 = 0; i < 600 && !judged; ++i) {
      settleOne(leaky, i * 20, i * 20480, 0, 0);
      sample(500 + i * 10, i * 100);
      if (i == 40) {
        const early = rendered();
        expect(
          early.includes("(foo.c:88): +800 KiB since arming, 0 of 800 freed, too few samples; verdict in 8 min at the earliest\n"),
        ).toBe(true, early);
      }
      if (i == 200) said = rendered();
      if (rankSuspects()) judged = i;
    }
    expect(said.includes("memtrack summary: no suspect so far; ")).toBe(true, said);
    expect(said.includes("; 1 growing row is undecided, no row is too new to judge\n")).toBe(true, said);
    const start = said.indexOf("verdict in ") + 11;
    const minutes = U64.parseInt(said.slice(start, said.indexOf(" min at the earliest", start)));
    const took = ((judged - 200) * 10) / 60;
    expect(judged).toBeGreaterThan(384);
    expect(minutes <= took && took <= minutes + 2).toBe(true, `said ${minutes} min, took ${took} min`);
    expect(said.includes('memtrack summary: read next: "Growth since" ')).toBe(true);
  });

  test("without a verdict is no all-clear: the summary says how fast it grows, and how much memory is in no row", () => {
    fresh();
    const leaky = site("memory/plugin/foo.so handler (foo.c:88)");
    setHeaderNumber(FACT_LEVEL, 1);
    arm(1);
    settleOne(leaky, 0, 0, 0, 0);
    sample(500, 0);
    mark("before", 500);
    for (let i: u64 = 1; i <= 60; ++i) {
      settleOne(leaky, i * 20, i * 20480, 0, 0);
      sample(500 + i * 10, i * 100);
    }
    setMeasure(MEASURE_INTERVAL, 10);
    setMeasure(MEASURE_NOW, 1100);
    setMeasure(MEASURE_RSS, 100 << 20);
    setMeasure(MEASURE_RSS_FILES, 20 << 20);
    const text = rendered();
    const lines = text.slice(text.indexOf("memtrack summary: ")).split("\n");
    for (let i = 0; i < 4; ++i) expect(lines[i].length).toBeLessThan(170);
    expect(lines[0].slice(18)).toBe(
      "dump 0 at 1970-01-01T00:00:00Z: 100 MiB resident: 1.2 MiB in rows, 20.0 MiB programs and idle memory, 78.8 MiB (79 %) not accounted",
    );
    expect(lines[1].slice(18)).toBe(
      "no suspect so far; change of resident memory not known, coverage -; no growing row is undecided, 1 row is too new to judge",
    );
    expect(lines[2].slice(18)).toBe(
      "largest undecided: foo.so handler (foo.c:88): +1.2 MiB in 10 min (+7.0 MiB/h), 0 of 1,200 freed, too few samples; " +
        "verdict in 4 min at the earliest",
    );
    expect(lines[3].slice(18)).toBe('read next: "Growth since" for what grows and why it is undecided');
  });

  test("that seems to level off is named too: it is undecided, and is judged again with each sample", () => {
    fresh();
    const row = site("memory/plugin/foo.so handler (foo.c:88)");
    setHeaderNumber(FACT_LEVEL, 1);
    let size: u64 = 0;
    for (let i: u64 = 0; i < 400; ++i) {
      size += 40000 / (10 + i); // a logarithmic growth
      settleOne(row, 1 + size, 1024 * (1 + size), 0, 0);
      sample(500 + i * 10, i * 10);
    }
    const text = rendered();
    expect(text.includes("\nfilling  | levels off | ")).toBe(true, text);
    expect(text.includes("; 1 growing row is undecided, no row is too new to judge\n")).toBe(true, text);
    expect(text.includes(" MiB since arming, 0 of 150,335 freed, levels off; judged again with each sample\n")).toBe(true, text);
  });

  test("in many rows is reported at most ten times an hour", () => {
    fresh();
    const rows: u32[] = [];
    for (let n = 0; n < 40; ++n) rows.push(site(`memory/plugin/foo.so f${n}`));
    for (let i: u64 = 0; i < 300; ++i) {
      for (let n = 0; n < rows.length; ++n) grown(rows[n]);
      collect();
      applyBaseline();
      sample(500 + i * 10, i * 10000);
    }
    expect(rankSuspects()).toBe(40);
    let said = 0;
    while (nextWarning()) ++said;
    expect(said).toBe(10);
  });
});
