// SPDX-License-Identifier: Apache-2.0
//
// The rows of the server's freelists: the table is read as every version of the server prints it, a row holds what its list has in use
// and no other row holds, and its counts are the sums of what it rose and fell.

import {
  CLASS_FREELIST,
  CLASS_OBJECT,
  EXPLAINED_BY_LOAD,
  FACT_LEVEL,
  FREELISTS_MAX,
  INPUT_SIZE,
  KIND_CONT,
  KIND_HELD_TRANSACTION,
  KIND_MBUFFER,
  KIND_MUTEX,
  MEASURE_CONNECTIONS,
  SITE_FIRST,
  SITE_FREELIST,
  SITE_OTHER,
  VERDICT_FILLING,
  VERDICT_LEAK,
} from "../../../assembly/abi";
import { oldBytesOfRow } from "../../../assembly/analysis/age";
import { sample } from "../../../assembly/analysis/sample";
import { canBeRamCache } from "../../../assembly/analysis/series";
import { verdictOf } from "../../../assembly/analysis/verdict";
import { input } from "../../../assembly/base/memory";
import {
  applyBaseline,
  areFreelistsRead,
  arm,
  beginFreelists,
  disarm,
  freelistNameLength,
  freelistsIdle,
  readFreelist,
  registerFreelist,
  reclaim,
  siteCount,
  sitesInUse,
} from "../../../assembly/index";
import { clearMeasures, setMeasure } from "../../../assembly/model/environment";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { stateOf } from "../../../assembly/model/history";
import { hasBirths, isRow, mergeAllocs, sumRows } from "../../../assembly/model/model";
import { sortRows } from "../../../assembly/model/order";
import { allocs, frees, inUse } from "../../../assembly/model/sums";
import { adoptNames, begin, fresh, nameOf, owner, pluginSite, put, rendered, site, stage, unstage } from "../support";

const HEADS =
  "     Allocated      |        In-Use      | Type Size  |   Free List Name\n" +
  "--------------------|--------------------|------------|----------------------------------\n";
const HEADS_10 =
  "     Allocated      |   Allocated Count  |        In-Use      |    In-Use Count    | Type Size  | Chunk Size | HP Fails |   Free List Name\n" +
  "--------------------|--------------------|--------------------|--------------------|------------|------------|----------|----------------------------------\n";
const RULE = "-----------------------------------------------------------------------------------------\n";

/** A line of version 9.2. */
function line(name: string, allocated: u64, used: u64, size: u32): string {
  return ` ${allocated} | ${used * size} | ${size} | memory/${name}\n`;
}

function table(lines: string): string {
  return HEADS + lines + "   67108864 |             512000 |            | TOTAL\n" + RULE;
}

/** Passes the lines of a table once. Returns the number of lists without a row, which get one. */
function pass(text: string, isLast: bool): u32 {
  let unknown: u32 = 0;
  const lines = text.split("\n");
  beginFreelists();
  for (let i = 0; i < lines.length; ++i) {
    if (!readFreelist(put(lines[i]), isLast ? 1 : 0)) continue;
    ++unknown;
    registerFreelist(freelistNameLength());
  }
  return unknown;
}

/** Reads a table and sums the rows, as a host does before a dump. */
function read(text: string): bool {
  if (pass(text, false)) {
    adoptNames();
    pass(text, true);
  }
  sum();
  return areFreelistsRead() == 1;
}

function sum(): void {
  begin();
  sumRows();
  applyBaseline();
}

/** "allocs/frees/in use" of a list; "-" if it has no row. */
function row(name: string): string {
  for (let at: u32 = 0; at < SITE_FIRST; ++at) {
    if (isRow(at) && nameOf(at) == "memory/freelist/" + name) return `${allocs(at)}/${frees(at)}/${inUse(at)}`;
  }
  return "-";
}

describe("the server's table of freelists", () => {
  test("is read as version 9.2 prints it", () => {
    fresh();
    expect(read(table(line("httpSMAllocator", 100000, 4, 9472) + line("netVCAllocator", 5000, 0, 960)))).toBe(true);
    expect(row("httpSMAllocator")).toBe("4/0/37888");
    expect(row("netVCAllocator")).toBe("-", "nothing of it was ever in use");
    expect(freelistsIdle()).toBe(100000 - 37888 + 5000);
  });

  test("is read as version 10 prints it", () => {
    fresh();
    const lines = "  393216 | 32 | 98304 | 8 | 12288 | 32 | 0 | memory/httpSMAllocator\n";
    expect(read(HEADS_10 + lines + "  393216 | 98304 |            | TOTAL\n" + RULE)).toBe(true);
    expect(row("httpSMAllocator")).toBe("8/0/98304");
    expect(freelistsIdle()).toBe(393216 - 98304);
  });

  test("is not understood without its heads, a list and its last line", () => {
    fresh();
    const lists = line("httpSMAllocator", 100000, 4, 9472);
    expect(read("")).toBe(false);
    expect(read(table(""))).toBe(false);
    expect(read(HEADS + lists)).toBe(false, "it ends early");
    expect(read(lists + "5 | 4 | | TOTAL\n")).toBe(false, "no heads");
    expect(read(table(lists).replace("In-Use ", "Used   "))).toBe(false);
    expect(read(table(lists).replace("Type Size", "Size of it"))).toBe(false);
    expect(read(table(lists))).toBe(true);
    expect(row("httpSMAllocator")).toBe("8/4/37888");
  });

  test("may have any other lines", () => {
    fresh();
    const odd =
      "\n|||\n | | | \n-5 | 5 | 5 | memory/a\n5 | -5 | 5 | memory/b\n5 | 5 | 0 | memory/c\n5 | 5 | 5 | d\n5 | 5 | 5 | memory/\n5 | 5\n";
    expect(read(table(odd + line("e", 50, 2, 5) + "99999999999999999999 | 99999999999999999999 | 5 | memory/f\n"))).toBe(true);
    expect(row("e")).toBe("2/0/10");
    expect(sitesInUse()).toBe(0);
    for (let i: u32 = 0; i < INPUT_SIZE; ++i) store<u8>(input + i, 0x7c);
    expect(readFreelist(u64.MAX_VALUE, 1)).toBe(0);
  });

  test("tells two lists of one name as one", () => {
    fresh();
    read(table(line("same", 100, 2, 10) + line("same", 100, 3, 10)));
    expect(row("same")).toBe("5/0/50");
  });
});

describe("a freelist's row", () => {
  test("counts what its list rose and fell", () => {
    fresh();
    read(table(line("a", 1000, 4, 10)));
    read(table(line("a", 1000, 9, 10)));
    read(table(line("a", 1000, 2, 10)));
    expect(row("a")).toBe("9/7/20");
    read(table(line("a", 1000, 0, 10)));
    expect(row("a")).toBe("9/9/0");
    sum();
    expect(row("a")).toBe("9/9/0", "sums without a reading change nothing");
    expect(reclaim(0)).toBe(0);
  });

  test("takes no number of a site, and is numbered as its list was first seen", () => {
    fresh();
    site("memory/IOBuffer/A.cc:1");
    read(table(line("a", 1000, 4, 10) + line("b", 1000, 4, 10)));
    site("memory/IOBuffer/B.cc:1");
    read(table(line("c", 1000, 4, 10) + line("b", 1000, 5, 10) + line("a", 1000, 6, 10)));
    expect(nameOf(SITE_FREELIST)).toBe("memory/freelist/a");
    expect(nameOf(SITE_FREELIST + 1)).toBe("memory/freelist/b");
    expect(nameOf(SITE_FREELIST + 2)).toBe("memory/freelist/c");
    expect(row("a") + " " + row("b") + " " + row("c")).toBe("6/0/60 5/0/50 4/0/40");
    expect(siteCount()).toBe(SITE_FIRST + 2);
    expect(sortRows(CLASS_FREELIST)).toBe(3);
  });

  test("is that of (other) for lists beyond the room", () => {
    fresh();
    let lines = "";
    for (let i: u32 = 0; i < FREELISTS_MAX + 3; ++i) lines += line("list" + i.toString(), 1000, 4, 10);
    expect(read(table(lines))).toBe(true);
    expect(row("list0")).toBe("4/0/40");
    expect(row("list" + (FREELISTS_MAX - 1).toString())).toBe("4/0/40");
    expect(row("list" + FREELISTS_MAX.toString())).toBe("-");
    expect(row("(other)")).toBe("12/0/120");
    read(table(lines));
    expect(row("(other)")).toBe("12/0/120");
    expect(nameOf(SITE_OTHER + CLASS_FREELIST)).toBe("memory/freelist/(other)");
  });

  test("begins anew when the class is armed, with all that is in use", () => {
    fresh();
    read(table(line("a", 1000, 4, 10)));
    disarm(CLASS_FREELIST);
    read(table(line("a", 1000, 7, 10)));
    expect(row("a")).toBe("-");
    arm(CLASS_FREELIST);
    sum();
    expect(row("a")).toBe("0/0/0", "nothing has been read since");
    read(table(line("a", 1000, 5, 10)));
    expect(row("a")).toBe("5/0/50");
  });

  test("has no ages", () => {
    fresh();
    read(table(line("a", 1000, 4, 10)));
    expect(hasBirths(SITE_FREELIST)).toBe(false);
    expect(oldBytesOfRow(SITE_FREELIST)).toBe(0);
  });

  test("can be part of the RAM cache only if it describes what is in it", () => {
    fresh();
    read(
      table(line("RamCacheCLFUSEntry", 1000, 4, 10) + line("ioDataAllocator", 1000, 4, 10) + line("httpSMAllocator", 1000, 4, 10)),
    );
    expect(canBeRamCache(SITE_FREELIST)).toBe(true);
    expect(canBeRamCache(SITE_FREELIST + 1)).toBe(true);
    expect(canBeRamCache(SITE_FREELIST + 2)).toBe(false);
  });
});

describe("the growth of a freelist", () => {
  test("of transactions that are never let go is a leak, that of connections is explained by connections", () => {
    fresh();
    for (let i: u64 = 0; i < 520; ++i) {
      const lists =
        line("httpSMAllocator", 0, 8 + 3 * i, 9472) + line("netVCAllocator", 0, 8 + 3 * i, 960) + line("io", 0, 8 + i / 2, 240);
      read(table(lists));
      clearMeasures();
      setMeasure(MEASURE_CONNECTIONS, 8 + 3 * i);
      sample(500 + i * 10, i * 1000);
    }
    expect(verdictOf(SITE_FREELIST)).toBe(VERDICT_LEAK, "httpSMAllocator");
    expect(verdictOf(SITE_FREELIST + 1)).toBe(VERDICT_FILLING, "netVCAllocator");
    expect(stateOf(SITE_FREELIST + 1).explanation).toBe(<u8>EXPLAINED_BY_LOAD);
    expect(verdictOf(SITE_FREELIST + 2)).not.toBe(VERDICT_LEAK, "fewer than a thread keeps for itself");
    setHeaderNumber(FACT_LEVEL, 1);
    const text = rendered();
    expect(text.includes("\nFreelists of the server\nAllocs ")).toBe(true);
    expect(text.includes("suspect: memory/freelist/httpSMAllocator: +")).toBe(true);
    expect(text.includes(": +9.8 MiB/h for ")).toBe(true, text);
    expect(text.includes(", 1,565 in use")).toBe(true, "the evidence has no events");
  });
});

describe("the evidence of a freelist", () => {
  test("names the plugin that holds what is in use", () => {
    fresh();
    const held = pluginSite(CLASS_OBJECT, "foo.so hold+0x1", owner("foo.so"), KIND_HELD_TRANSACTION);
    const other = pluginSite(CLASS_OBJECT, "bar.so delay+0x1", owner("bar.so"), KIND_HELD_TRANSACTION);
    for (let i: u64 = 0; i < 520; ++i) {
      if (pass(table(line("httpSMAllocator", 0, 8 + 3 * i, 9472)), false)) {
        adoptNames();
        pass(table(line("httpSMAllocator", 0, 8 + 3 * i, 9472)), true);
      }
      begin();
      unstage();
      stage(held, 3 * i, 0);
      stage(other, 5, 0);
      mergeAllocs(siteCount());
      sumRows();
      applyBaseline();
      clearMeasures();
      sample(500 + i * 10, i * 1000);
    }
    setHeaderNumber(FACT_LEVEL, 1);
    const text = rendered();
    expect(text.includes(", 1,565 in use, 1,557 held by memory/plugin/foo.so hold+0x1")).toBe(true, text);
  });
});

describe("a byte", () => {
  test("of an IOBuffer's data stands in the IOBuffer's row alone", () => {
    fresh();
    read(table(line("ioBufAllocator[5]", 524288, 25, 4096) + line("ioBlockAllocator", 1000, 5, 64)));
    expect(row("ioBufAllocator[5]")).toBe("-");
    expect(row("ioBlockAllocator")).toBe("5/0/320");
    expect(freelistsIdle()).toBe(524288 - 25 * 4096 + 1000 - 320, "what is not in use is idle all the same");
  });

  test("of a plugin's object stands in the object's row alone", () => {
    fresh();
    const key = owner("foo.so");
    const mutex = pluginSite(CLASS_OBJECT, "foo.so+0x1", key, KIND_MUTEX);
    const buffer = pluginSite(CLASS_OBJECT, "foo.so+0x2", key, KIND_MBUFFER);
    const cont = pluginSite(CLASS_OBJECT, "foo.so+0x3", key, KIND_CONT);
    read(
      table(
        line("hdrStrHeap", 9000, 3, 2048) +
          line("mutexAllocator", 9000, 50, 80) +
          line("hdrHeap", 9000, 2, 2048) +
          line("INKContAllocator", 9000, 3, 160),
      ),
    );
    begin();
    stage(mutex, 40, 40 * 80);
    stage(buffer, 2, 3 * 2048);
    stage(cont, 4, 4 * 160);
    mergeAllocs(siteCount());
    sumRows();
    applyBaseline();
    expect(row("mutexAllocator")).toBe("50/40/800", "40 of 50 are in the plugin's row");
    expect(row("hdrHeap")).toBe("2/2/0", "the first of two lists, as far as it goes");
    expect(row("hdrStrHeap")).toBe("3/1/4096", "and the rest from the next");
    expect(row("INKContAllocator")).toBe("3/3/0", "never less than nothing");
    expect(inUse(mutex) + inUse(buffer) + inUse(cont)).toBe(40 * 80 + 3 * 2048 + 4 * 160);
    sum();
    expect(row("mutexAllocator")).toBe("90/40/4000", "the objects were destroyed before the list was read again");
  });

  test("of an untracked plugin's object is in the freelist's row", () => {
    fresh();
    const mutex = pluginSite(CLASS_OBJECT, "foo.so+0x1", owner("foo.so"), KIND_MUTEX);
    disarm(CLASS_OBJECT);
    read(table(line("mutexAllocator", 9000, 50, 80)));
    begin();
    stage(mutex, 40, 40 * 80);
    mergeAllocs(siteCount());
    sumRows();
    applyBaseline();
    expect(row("mutexAllocator")).toBe("50/0/4000");
  });
});
