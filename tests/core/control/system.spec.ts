// SPDX-License-Identifier: Apache-2.0
//
// Memory figures parsed from the system's files, and texts without a figure.

import { MEASURE_RSS, MEASURE_RSS_FILES, MEASURE_SWAP, MEASURE_THREADS, QUESTION_MAX } from "../../../assembly/abi";
import { answerNumber } from "../../../assembly/base/answer";
import { limitPath, readMeasure, readObjectSize, smallerLimit } from "../../../assembly/control/system";
import { input } from "../../../assembly/base/memory";
import { answered, freshControl, put, Random, seed } from "../support";

/** -1 if the text has no figure. */
function measure(which: u32, text: string): i64 {
  return readMeasure(which, put(text)) ? answerNumber() : -1;
}

function limit(text: string, smallest: u64): u64 {
  smallerLimit(put(text), smallest);
  return answerNumber();
}

function paths(line: string): string[] {
  const found: string[] = [];
  for (let up: u32 = 0; up < 20; ++up) {
    const length = limitPath(put(line), up);
    if (!length) break;
    found.push(answered(length));
  }
  return found;
}

const STATUS =
  "Name:\ttraffic_server\nVmPeak:\t 900 kB\nVmRSS:\t  1234 kB\nRssAnon:\t 1000 kB\nRssFile:\t\t 234 kB\nVmSwap:\t 8 kB\nThreads:\t17\n";

describe("the status of the process", () => {
  test("has the resident memory, and the part that is backed by files", () => {
    freshControl();
    expect(measure(MEASURE_RSS, STATUS)).toBe(1234 * 1024);
    expect(measure(MEASURE_RSS_FILES, STATUS)).toBe(234 * 1024);
    expect(measure(MEASURE_RSS, "VmRSS:0")).toBe(0);
  });

  test("has what is in the swap, and the number of threads", () => {
    freshControl();
    expect(measure(MEASURE_SWAP, STATUS)).toBe(8192);
    expect(measure(MEASURE_THREADS, STATUS)).toBe(17);
    expect(measure(MEASURE_THREADS, "Name:\tThreads:\n")).toBe(-1);
  });

  test("gives nothing without such a line, or without a number in it", () => {
    freshControl();
    expect(measure(MEASURE_RSS, "")).toBe(-1);
    expect(measure(MEASURE_RSS, "VmRSS:")).toBe(-1);
    expect(measure(MEASURE_RSS, "VmRSS: kB\nVmRSS: -5 kB\n")).toBe(-1);
    expect(measure(MEASURE_RSS, "xVmRSS: 5 kB\nvmrss: 5 kB\n")).toBe(-1);
    expect(measure(MEASURE_RSS, "VmRSS:\n 5 kB")).toBe(-1);
    expect(measure(MEASURE_RSS_FILES, "VmRSS: 5 kB")).toBe(-1);
  });

  test("with a number beyond all memory gives no negative figure", () => {
    freshControl();
    expect(measure(MEASURE_RSS, "VmRSS: 99999999999999999999999 kB")).toBeGreaterThan(1 << 60);
  });

  test("that is too long is read at its beginning", () => {
    freshControl();
    memory.fill(input, 0x41, QUESTION_MAX);
    put("VmRSS: 5 kB\n");
    expect(readMeasure(MEASURE_RSS, u64.MAX_VALUE)).toBe(1);
    expect(answerNumber()).toBe(5 * 1024);
    expect(readMeasure(MEASURE_RSS_FILES, u64.MAX_VALUE)).toBe(0);
  });
});

describe("a control group", () => {
  test("has its own limit and those of its ancestors", () => {
    freshControl();
    expect(paths("0::/a/b\n")).toStrictEqual(["/a/b/memory.max", "/a/memory.max", "/memory.max"]);
    expect(paths("0::/\n")).toStrictEqual(["//memory.max", "/memory.max"]);
    expect(paths("11:memory:/a")).toStrictEqual(["/memory/a/memory.limit_in_bytes", "/memory/memory.limit_in_bytes"]);
    expect(paths("3:cpu,memory:/a\n")).toStrictEqual([]);
    expect(paths("12:cpu:/a\n")).toStrictEqual([]);
    expect(paths("1:name=systemd:/\n")).toStrictEqual([]);
    expect(paths("0::\n")).toStrictEqual([]);
    expect(paths("")).toStrictEqual([]);
  });

  test("has the smallest of these; text that is no number, or is beyond all memory, is no limit", () => {
    freshControl();
    expect(limit("5000000\n", 0)).toBe(5000000);
    expect(limit("5000000\n", 4000000)).toBe(4000000);
    expect(limit(" 5000000", 6000000)).toBe(5000000);
    expect(limit("max\n", 7)).toBe(7);
    expect(limit("", 7)).toBe(7);
    expect(limit("-5", 7)).toBe(7);
    expect(limit("0", 7)).toBe(7);
    expect(limit("9223372036854771712\n", 0)).toBe(0);
    expect(limit("99999999999999999999999999", 0)).toBe(0);
  });
});

describe("texts of random bytes", () => {
  test("are not read beyond their end", () => {
    freshControl();
    const random = new Random(seed());
    const alphabet = "0::/memory: VmRSS:TOTAL|19 \n\t\0";
    for (let i = 0; i < 20000; ++i) {
      const size = random.below(80);
      for (let k: u32 = 0; k < size; ++k) store<u8>(input + k, <u8>alphabet.charCodeAt(random.below(alphabet.length)));
      readMeasure(MEASURE_RSS, size);
      smallerLimit(size, 0);
      for (let up: u32 = 0; up < 100; up += 7) assert(limitPath(size, up) <= size + 32);
    }
  });
});

/** Of 9.2, and of 10.2. */
const LISTS =
  "     Allocated      |        In-Use      | Type Size  |   Free List Name\n" +
  "--------------------|--------------------|------------|----------------------------------\n" +
  "             163840 |               2560 |        160 | memory/INKContAllocator\n" +
  "             262144 |             262144 |       2048 | memory/hdrHeap\n" +
  "             425984 |             264704 |            | TOTAL\n";
const LISTS_10 =
  " Allocated | Allocated Count | In-Use | In-Use Count | Type Size  | Chunk Size | HP Fails |   Free List Name\n---|---\n" +
  "    163840 |            1024 |   2560 |           16 |        176 |        128 |        0 | memory/INKContAllocator\n";

function objectSize(name: string, table: string): i64 {
  readObjectSize(name.length, put(name + table));
  return answerNumber();
}

describe("the server's table of freelists", () => {
  test("has the size of a list's objects in the column with that name", () => {
    freshControl();
    expect(objectSize("INKContAllocator", LISTS)).toBe(160);
    expect(objectSize("hdrHeap", LISTS)).toBe(2048);
    expect(objectSize("INKContAllocator", LISTS_10)).toBe(176);
  });

  test("gives nothing for a list that it lacks, or for a part of a name", () => {
    freshControl();
    expect(objectSize("hdr", LISTS)).toBe(0);
    expect(objectSize("hdrHeap2", LISTS)).toBe(0);
    expect(objectSize("TOTAL", LISTS)).toBe(0);
    expect(objectSize("hdrHeap", LISTS_10)).toBe(0);
    expect(objectSize("a", "")).toBe(0);
    expect(objectSize("a", "| Type Size\n1 | memory/a")).toBe(0);
    expect(objectSize("a", " Type Size | Name\n99999999999 | memory/a\n")).toBe(0);
    expect(objectSize("a", " Type Size | Name\n 8 | memory/a")).toBe(8);
  });
});
