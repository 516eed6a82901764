// SPDX-License-Identifier: Apache-2.0
//
// What a module's name tells, and how often one of that name has been loaded.

import { LOADS_MAX, MODULE_NAME_LEFT_ALONE, MODULE_NAME_LIBRARY, MODULE_NAME_SERVER } from "../../../assembly/abi";
import { countLoad, moduleKind } from "../../../assembly/naming/module";
import { freshControl, put } from "../support";

describe("a module's name", () => {
  test("tells the server's modules, and those in which nothing is redirected", () => {
    freshControl();
    expect(moduleKind(put("/proc/self/exe"))).toBe(MODULE_NAME_SERVER);
    expect(moduleKind(put("/usr/lib/trafficserver/libtscore.so.9"))).toBe(MODULE_NAME_SERVER);
    expect(moduleKind(put("/lib/x86_64-linux-gnu/libc.so.6"))).toBe(MODULE_NAME_LEFT_ALONE);
    expect(moduleKind(put("/lib64/ld-linux-x86-64.so.2"))).toBe(MODULE_NAME_LEFT_ALONE);
    expect(moduleKind(put("linux-vdso.so.1"))).toBe(MODULE_NAME_LEFT_ALONE);
    expect(moduleKind(put("libjemalloc.so.2"))).toBe(MODULE_NAME_LEFT_ALONE);
  });

  test("is its last part alone", () => {
    freshControl();
    expect(moduleKind(put("/libc.so/libz.so.1"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put("/opt/proc/self/exe"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put("/usr/lib/libcrypto.so.3"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put("libtscore"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put("/lib/"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put(""))).toBe(MODULE_NAME_LIBRARY);
  });
});

describe("loads", () => {
  test("are counted by name", () => {
    freshControl();
    expect(countLoad(put("foo.so"))).toBe(1);
    expect(countLoad(put("foo.so"))).toBe(2);
    expect(countLoad(put("foo.so.1"))).toBe(1);
    expect(countLoad(put("fo"))).toBe(1);
    expect(countLoad(put("foo.so"))).toBe(3);
  });

  test("of long names are counted by their beginning", () => {
    freshControl();
    const long = "a".repeat(55);
    expect(countLoad(put(long + "b.so"))).toBe(1);
    expect(countLoad(put(long + "c.so"))).toBe(2);
    expect(countLoad(put(long))).toBe(3);
  });

  test("of a further name than there is room for are not counted, and those of the others are", () => {
    freshControl();
    for (let i: u32 = 0; i < LOADS_MAX; ++i) assert(countLoad(put("plugin" + i.toString())) == 1);
    expect(countLoad(put("one.so"))).toBe(0);
    expect(countLoad(put("one.so"))).toBe(0);
    expect(countLoad(put("plugin7"))).toBe(2);
  });
});
