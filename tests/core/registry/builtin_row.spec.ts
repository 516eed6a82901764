// SPDX-License-Identifier: Apache-2.0
//
// Parses rows of the built-in tracker's table, and ignores the lines around them.

import { CLASS_IOBUFFER, INPUT_SIZE, SITE_FIRST, SITE_OTHER, SITE_UNKNOWN } from "../../../assembly/abi";
import { input } from "../../../assembly/base/memory";
import { siteCount } from "../../../assembly/registry/registry";
import { builtinAllocs, builtinFrees, builtinInUse, registerBuiltinRow } from "../../../assembly/registry/builtin_row";
import { fresh, nameOf, put, Random, seed, site } from "../support";

function numbers(): i64[] {
  return [builtinAllocs(), builtinFrees(), builtinInUse()];
}

function isRow(line: string): bool {
  return registerBuiltinRow(put(line)) != SITE_UNKNOWN;
}

describe("a row of the built-in tracker's table", () => {
  test("has three numbers and a site, found by its name", () => {
    fresh();
    const known = site("memory/IOBuffer/HttpSM.cc:6495");
    const line = "       201 |        200 |                 4096 |       4096 | memory/IOBuffer/HttpSM.cc:6495        ";
    expect(registerBuiltinRow(put(line))).toBe(known);
    expect(numbers()).toStrictEqual([201, 200, 4096]);
    const other = registerBuiltinRow(put("1 | 2 | -4096 | -4096 | memory/IOBuffer/B.cc:1\n9 | 9 | 9 | 9 | memory/IOBuffer/C.cc:1"));
    expect(nameOf(other)).toBe("memory/IOBuffer/B.cc:1");
    expect(numbers()).toStrictEqual([1, 2, -4096]);
    expect(siteCount()).toBe(SITE_FIRST + 2);
  });

  test("may have a name with spaces and bars, which cannot break a line", () => {
    fresh();
    expect(nameOf(registerBuiltinRow(put("1 | 1 | 1 | 1 | a b | c  ")))).toBe("a b | c");
    expect(nameOf(registerBuiltinRow(put("1 | 1 | 1 | 1 | a\x1b\rb")))).toBe("a??b");
    expect(nameOf(registerBuiltinRow(put("1 | 1 | 1 | 1 |")))).toBe("(no location)");
  });

  test("is not found in the lines around it", () => {
    fresh();
    expect(isRow("")).toBe(false);
    expect(isRow("\n1 | 1 | 1 | 1 | a")).toBe(false);
    expect(isRow("Allocs     | Frees      | Size In-use          | Avg Size   | Location")).toBe(false);
    expect(isRow("-----------|------------|----------------------|------------|-------")).toBe(false);
    expect(isRow("                                         65536 |            | TOTAL")).toBe(false);
    expect(isRow("1 | 1 | 1 | a")).toBe(false);
    expect(isRow("1 | 1 | 1 | - | a")).toBe(false);
    expect(isRow("1 1 | 1 | 1 | a")).toBe(false);
    expect(isRow("1 |\0 1 | 1 | 1 | a")).toBe(false);
    expect(siteCount()).toBe(SITE_FIRST);
  });

  test("with numbers beyond 64 bits gets the largest values", () => {
    fresh();
    expect(isRow("99999999999999999999 | -99999999999999999999 | 9223372036854775807 | 0 | a")).toBe(true);
    expect(numbers()).toStrictEqual([i64.MAX_VALUE, -i64.MAX_VALUE, i64.MAX_VALUE]);
  });

  test("of any length is read within its region; a full table gives (other)", () => {
    fresh();
    memory.fill(input, 0x61, INPUT_SIZE);
    put("1 | 1 | 1 | 1 | ");
    store<u8>(input + 16, 0x61);
    expect(nameOf(registerBuiltinRow(u64.MAX_VALUE)).length).toBe(127);
    for (let i = 0; i < 63; ++i) expect(isRow("1 | 1 | 1 | 1 | b" + i.toString())).toBe(true);
    expect(registerBuiltinRow(put("1 | 1 | 1 | 1 | c"))).toBe(SITE_OTHER + CLASS_IOBUFFER);
  });

  test("of random bytes is a row or none", () => {
    fresh();
    const random = new Random(seed());
    const alphabet = "0123456789  || -ab\n\0";
    for (let i = 0; i < 20000; ++i) {
      const size = random.below(60);
      for (let k: u32 = 0; k < size; ++k) store<u8>(input + k, <u8>alphabet.charCodeAt(random.below(alphabet.length)));
      const found = registerBuiltinRow(size);
      assert(found == SITE_UNKNOWN || nameOf(found).length > 0);
    }
  });
});
