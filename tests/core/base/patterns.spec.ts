// SPDX-License-Identifier: Apache-2.0
//
// Lists of patterns, and what matches them.

import { ARGUMENT_MAX } from "../../../assembly/abi";
import { input } from "../../../assembly/base/memory";
import { Fault, faultOf, from, length, matches, matchesAny, next, open } from "../../../assembly/base/patterns";
import { fresh, put, textFrom } from "../support";

const FOO = "memory/plugin/foo.so Cache<int, char>::insert (foo.cc:120)";

/** The patterns of a list, each in brackets. */
function parts(list: string): string {
  fresh();
  let all = "";
  open(input, put(list));
  while (next()) all += "[" + textFrom(from, length) + "]";
  return all;
}

/** Puts the text, and the pattern behind it. */
function isMatch(pattern: string, text: string = FOO): bool {
  fresh();
  put(text + pattern);
  return matches(input, text.length, input + text.length, pattern.length);
}

function fault(pattern: string): Fault {
  fresh();
  return faultOf(input, put(pattern));
}

describe("a list of patterns", () => {
  test("is separated by commas, without the blanks around", () => {
    expect(parts("")).toBe("");
    expect(parts(" \t")).toBe("");
    expect(parts("a")).toBe("[a]");
    expect(parts(" a b , c")).toBe("[a b][c]");
    expect(parts("a,,b,")).toBe("[a][][b][]");
    expect(parts(",")).toBe("[][]");
  });

  test("matches what one of them matches", () => {
    fresh();
    const size = put("abc,x, bc ");
    expect(matchesAny(input, 3, input + 4, size - 4)).toBe(true);
    expect(matchesAny(input, 3, input + 4, 1)).toBe(false);
    expect(matchesAny(input, 3, input + 4, 0)).toBe(false);
  });
});

describe("a pattern", () => {
  test("matches the texts that contain it, byte for byte", () => {
    expect(isMatch("foo.so")).toBe(true);
    expect(isMatch(FOO)).toBe(true);
    expect(isMatch("m")).toBe(true);
    expect(isMatch(")")).toBe(true);
    expect(isMatch("foo,so")).toBe(false);
    expect(isMatch("Foo.so")).toBe(false);
    expect(isMatch(FOO + ")")).toBe(false);
    expect(isMatch("x", "")).toBe(false);
  });

  test("has stars that stand for anything, in order", () => {
    expect(isMatch("Cache<int*char>")).toBe(true);
    expect(isMatch("foo.so *::insert*foo.cc")).toBe(true);
    expect(isMatch("*foo.so*")).toBe(true);
    expect(isMatch("memory**plugin")).toBe(true);
    expect(isMatch("foo.cc*foo.so")).toBe(false);
    expect(isMatch("insert*insert")).toBe(false);
  });

  test("of nothing matches nothing, and has a fault", () => {
    expect(fault("")).toBe(Fault.EMPTY);
    expect(fault("* *")).toBe(Fault.EMPTY);
    expect(fault("a\x1b")).toBe(Fault.CONTROL);
    expect(fault("x".repeat(ARGUMENT_MAX + 1))).toBe(Fault.LONG);
    expect(fault("x".repeat(ARGUMENT_MAX))).toBe(Fault.NONE);
    expect(isMatch("*")).toBe(false);
    expect(isMatch("")).toBe(false);
  });
});
