// SPDX-License-Identifier: Apache-2.0
//
// Verify mode reports agreement with the built-in tracker, or each row that differs.

import { FACT_VERIFY, SITE_FIRST, SITES_MIN } from "../../../assembly/abi";
import { output } from "../../../assembly/base/memory";
import { begin as write } from "../../../assembly/base/writer";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { applyBaseline, arm } from "../../../assembly/model/model";
import { verifyCompare, verifyMark, verifyRow, verifyStart } from "../../../assembly/model/verify";
import { renderVerify } from "../../../assembly/report/verify_section";
import { fresh, opensslSite, site, sumOne, written } from "../support";

const HEAD =
  "Allocs     | Frees      | Size In-use          | Accountant | Location\n" +
  "-----------|------------|----------------------|------------|------------------------------\n";

function section(): string {
  write(output, output + 8192);
  renderVerify();
  return written(output);
}

const OLDER: string = "; without 300 B of buffers from before counting began";

function title(differing: u32, compared: u32, more: string = ""): string {
  return (
    "\nVerify: IOBuffer events counted by memtrack and by the built-in tracker, " +
    differing.toString() +
    " of " +
    compared.toString() +
    " rows differ" +
    more +
    "\n"
  );
}

describe("verify mode", () => {
  test("agrees if both have the same row", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    sumOne(a, 10, 1000, 4, 400);
    verifyStart();
    expect(verifyRow(a, 10, 4, 600)).toBe(0);
    expect(verifyCompare()).toBe(0);
    applyBaseline();
    expect(section()).toBe(
      title(0, 1) +
        HEAD +
        "        10 |          4 |                  600 | memtrack   | TOTAL\n" +
        "        10 |          4 |                  600 | built-in   | TOTAL\n",
    );
  });

  test("compares no row without counts on both sides", () => {
    fresh();
    site("memory/IOBuffer/A.cc:1");
    verifyStart();
    expect(verifyCompare()).toBe(0);
    expect(section().startsWith(title(0, 0))).toBe(true);
  });

  test("shows a row if any of the three counts differs, with the counts of both sides", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    sumOne(a, 10, 1000, 4, 400);
    verifyStart();
    verifyRow(a, 10, 5, 600);
    expect(verifyCompare()).toBe(1);
    applyBaseline();
    expect(section()).toBe(
      title(1, 1) +
        HEAD +
        "        10 |          4 |                  600 | memtrack   | TOTAL\n" +
        "        10 |          5 |                  600 | built-in   | TOTAL\n" +
        "        10 |          4 |                  600 | memtrack   | memory/IOBuffer/A.cc:1\n" +
        "        10 |          5 |                  600 | built-in   | memory/IOBuffer/A.cc:1\n",
    );
    verifyStart();
    verifyRow(a, 9, 4, 600);
    sumOne(a, 10, 1000, 4, 400);
    expect(verifyCompare()).toBe(1);
    verifyStart();
    verifyRow(a, 10, 4, 599);
    expect(verifyCompare()).toBe(1);
  });

  test("shows a row that only one side has", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    const b = site("memory/IOBuffer/B.cc:1");
    sumOne(a, 1, 10, 0, 0);
    verifyStart();
    verifyRow(b, 1, 0, 10);
    expect(verifyCompare()).toBe(2);
    applyBaseline();
    expect(section().startsWith(title(2, 2))).toBe(true);
    expect(section().endsWith("         1 |          0 |                   10 | built-in   | memory/IOBuffer/B.cc:1\n")).toBe(true);
  });

  test("combines the built-in tracker's rows of one name, truncated as it truncates them", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    const again = site("memory/IOBuffer/A.cc:1");
    sumOne(a, 5, 50, 2, 20);
    verifyStart();
    verifyRow(a, 3, 1, 20);
    verifyRow(again, 2, 1, 10);
    expect(verifyCompare()).toBe(0);
  });

  test("discards the built-in tracker's counts of the dump before", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    sumOne(a, 1, 10, 0, 0);
    verifyStart();
    verifyRow(a, 1, 0, 10);
    expect(verifyCompare()).toBe(0);
    verifyStart();
    expect(verifyCompare()).toBe(1);
  });

  test("refuses a row of a site unknown to the model", () => {
    fresh();
    expect(verifyRow(SITE_FIRST, 1, 1, 1)).toBe(-1);
    expect(verifyRow(u32.MAX_VALUE, 1, 1, 1)).toBe(-1);
    expect(verifyRow(SITE_FIRST + SITES_MIN, 1, 1, 1)).toBe(-1);
  });

  test("ignores differences from before it was switched on, and reports every later one", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    sumOne(a, 100, 10000, 50, 5000);
    verifyStart();
    verifyRow(a, 7, 9, -200);
    verifyMark();
    expect(verifyCompare()).toBe(0);
    sumOne(a, 101, 10100, 52, 5200);
    verifyStart();
    verifyRow(a, 8, 11, -300);
    expect(verifyCompare()).toBe(0);
    applyBaseline();
    expect(section()).toBe(
      title(0, 1, OLDER) +
        HEAD +
        "         8 |         11 |                    0 | memtrack   | TOTAL\n" +
        "         8 |         11 |                    0 | built-in   | TOTAL\n",
    );
    verifyStart();
    verifyRow(a, 8, 10, -200);
    sumOne(a, 101, 10100, 52, 5200);
    expect(verifyCompare()).toBe(1);
  });

  test("can be switched on again, with a new offset", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    for (let turn = 0; turn < 3; ++turn) {
      sumOne(a, 10 + turn, 100, 0, 0);
      verifyStart();
      verifyRow(a, turn * turn, 0, 7 * turn);
      verifyMark();
      expect(verifyCompare()).toBe(0);
    }
  });

  test("is not affected by an arming, nor by releases of older memory", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    sumOne(a, 5, 500, 1, 100);
    arm(0);
    sumOne(a, 5, 500, 8, 800);
    verifyStart();
    verifyRow(a, 5, 8, -300);
    expect(verifyCompare()).toBe(0);
    applyBaseline();
    expect(section().startsWith(title(0, 1, OLDER))).toBe(true);
  });

  test("shows no negative number, but the correct difference", () => {
    fresh();
    const a = site("memory/IOBuffer/A.cc:1");
    sumOne(a, 5, 500, 8, 800);
    verifyStart();
    verifyRow(a, 5, 8, -280);
    expect(verifyCompare()).toBe(1);
    applyBaseline();
    const text = section();
    expect(text.startsWith(title(1, 1, OLDER))).toBe(true);
    expect(text.includes("                    0 | memtrack   | memory/IOBuffer/A.cc:1\n")).toBe(true, text);
    expect(text.includes("                   20 | built-in   | memory/IOBuffer/A.cc:1\n")).toBe(true, text);
  });

  test("omits OpenSSL, which the built-in tracker does not count", () => {
    fresh();
    const block = opensslSite("a.c", 1, 0x1000);
    sumOne(block, 5, 500, 0, 0);
    verifyStart();
    expect(verifyCompare()).toBe(0);
    applyBaseline();
    expect(section().startsWith(title(0, 0))).toBe(true);
    setHeaderNumber(FACT_VERIFY, 0);
  });
});
