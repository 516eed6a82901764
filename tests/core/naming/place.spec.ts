// SPDX-License-Identifier: Apache-2.0
//
// The place of a call in a site's name, truncated to its space; and conclusions from a name or a path alone.

import { ANSWER_MAX, QUESTION_MAX } from "../../../assembly/abi";
import { input } from "../../../assembly/base/memory";
import { writeDistance, writeFunction, writeLine } from "../../../assembly/naming/place";
import { isAllocatorName, isSystemPath } from "../../../assembly/naming/rules";
import { answered, freshControl, put, Random, seed } from "../support";

function line(name: string, path: string, line: i32, most: u32 = 255): string {
  put(name + path);
  return answered(writeLine(String.UTF8.byteLength(name), String.UTF8.byteLength(path), line, most));
}

function distance(name: string, bytes: u64, most: u32 = 255): string {
  return answered(writeDistance(put(name), bytes, most));
}

describe("a place", () => {
  test("with a line has the file name without folders", () => {
    freshControl();
    expect(line("handler", "/src/plugins/foo.cc", 123)).toBe("handler (foo.cc:123)");
    expect(line("handler", "foo.cc", 0)).toBe("handler (foo.cc:0)");
    expect(line("handler", "../foo.cc", -1)).toBe("handler (foo.cc:-1)");
    expect(line("", "foo.cc", 1)).toBe("?? (foo.cc:1)");
    expect(line("handler", "", 1)).toBe("handler (:1)");
    expect(line("handler", "/src/", 1)).toBe("handler (:1)");
    expect(line("", "", i32.MIN_VALUE)).toBe("?? (:-2147483648)");
    expect(line("f", "a\n\x1b[2J\x7fb.c", 1)).toBe("f (a??[2J?b.c:1)");
    expect(line("f", "x".repeat(300), 1, 1000)).toBe("f (" + "x".repeat(255) + ":1)");
  });

  test("without a line has the offset in the function", () => {
    freshControl();
    expect(distance("handler", 0)).toBe("handler+0x0");
    expect(distance("handler", 0x1a2b)).toBe("handler+0x1a2b");
    expect(distance("handler", u64.MAX_VALUE)).toBe("handler+0xffffffffffffffff");
    expect(distance("", 16)).toBe("+0x10");
  });

  test("truncates the function's name if there is no space for both", () => {
    freshControl();
    expect(line("abcdefghij", "f.c", 1, 18)).toBe("abcdefghij (f.c:1)");
    expect(line("abcdefghij", "f.c", 1, 17)).toBe("abcdef... (f.c:1)");
    expect(line("abcdefghij", "f.c", 1, 12)).toBe("a... (f.c:1)");
    expect(line("abcdefghij", "f.c", 1, 11)).toBe("abc (f.c:1)");
    expect(line("abcdefghij", "f.c", 1, 8)).toBe(" (f.c:1)");
    expect(line("abcdefghij", "f.c", 1, 5)).toBe(" (f.c");
    expect(line("abcdefghij", "f.c", 1, 0)).toBe("");
    expect(answered(writeFunction(put("abcdefghij"), 10))).toBe("abcdefghij");
    expect(answered(writeFunction(put("abcdefghij"), 9))).toBe("abcdef...");
    expect(answered(writeFunction(put("abcdefghij"), 3))).toBe("abc");
    expect(answered(writeFunction(put(""), 3))).toBe("");
  });

  test("of any length is written within its space", () => {
    freshControl();
    memory.fill(input, 0x61, QUESTION_MAX);
    expect(writeLine(u64.MAX_VALUE, u64.MAX_VALUE, 1, u32.MAX_VALUE)).toBe(ANSWER_MAX / 2);
    expect(writeLine(1, u64.MAX_VALUE, 1, u32.MAX_VALUE)).toBe(1 + 2 + 255 + 3);
    expect(writeDistance(u64.MAX_VALUE, 1, 255)).toBe(255);
    expect(writeFunction(u64.MAX_VALUE, 255)).toBe(255);
    const random = new Random(seed());
    for (let i = 0; i < 20000; ++i) {
      const size = random.below(80);
      for (let k: u32 = 0; k < size; ++k) store<u8>(input + k, <u8>random.below(256));
      const name = random.below(size + 1);
      const most = random.below(60);
      assert(writeLine(name, size - name, random.below(100000), most) <= most);
      assert(writeDistance(name, random.next(), most) <= most);
      assert(writeFunction(name, most) == min(name, most));
    }
  });
});

function isSystem(path: string): bool {
  return isSystemPath(put(path)) == 1;
}

function isAllocator(name: string): bool {
  return isAllocatorName(put(name)) == 1;
}

describe("a path", () => {
  test("of a header of the system or of the C++ library is recognized by its folders", () => {
    freshControl();
    expect(isSystem("/usr/include/stdlib.h")).toBe(true);
    expect(isSystem("/usr/include/c++/12/bits/new_allocator.h")).toBe(true);
    expect(isSystem("/opt/gcc/include/c++/12/vector")).toBe(true);
    expect(isSystem("/usr/local/include/x.h")).toBe(true);
    expect(isSystem("/usr/lib/llvm-14/lib/clang/14.0.6/include/stdarg.h")).toBe(true);
    expect(isSystem("/usr/lib64/gcc/include/x.h")).toBe(true);
    expect(isSystem("/usr/lib/foo.c")).toBe(false);
    expect(isSystem("/home/x/usr/include/x.h")).toBe(false);
    expect(isSystem("include/c++/vector")).toBe(false);
    expect(isSystem("/usr/include")).toBe(false);
    expect(isSystem("foo.cc")).toBe(false);
    expect(isSystem("")).toBe(false);
  });
});

describe("a function's name", () => {
  test("is an allocator's if it ends like one, in upper or lower case", () => {
    freshControl();
    const names = [
      "malloc",
      "xmalloc",
      "my_alloc",
      "Alloc",
      "MALLOC",
      "Arena::allocate",
      "reallocarray",
      "posix_memalign",
      "xStrDup",
      "dup",
    ];
    for (let i = 0; i < names.length; ++i) expect(isAllocator(names[i])).toBe(true, names[i]);
    const others = ["", "lloc", "allocator", "alloc_", "up", "handler", "memalign64", "all@c"];
    for (let i = 0; i < others.length; ++i) expect(isAllocator(others[i])).toBe(false, others[i]);
  });
});
