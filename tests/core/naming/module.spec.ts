// SPDX-License-Identifier: Apache-2.0
//
// What a module's name tells, and what the owner of one that is loaded is called.

import { LOADS_MAX, MODULE_NAME_LEFT_ALONE, MODULE_NAME_LIBRARY, MODULE_NAME_SERVER } from "../../../assembly/abi";
import { answerNumber } from "../../../assembly/base/answer";
import { moduleKind, nameLoad } from "../../../assembly/naming/module";
import { answered, freshControl, put } from "../support";

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

/** What the owner of a plugin that is loaded is called. */
function loaded(name: string, byRemap: bool = false): string {
  return answered(nameLoad(put(name), byRemap));
}

describe("a plugin that is loaded", () => {
  test("has its file's name, and the number of its load from the second one on", () => {
    freshControl();
    expect(loaded("foo.so")).toBe("foo.so");
    expect(loaded("foo.so")).toBe("foo.so#2");
    expect(loaded("foo.so.1")).toBe("foo.so.1");
    expect(loaded("fo")).toBe("fo");
    expect(loaded("foo.so")).toBe("foo.so#3");
  });

  test("by remap.config alone has the same names", () => {
    freshControl();
    expect(loaded("foo.so", true)).toBe("foo.so");
    expect(loaded("foo.so", true)).toBe("foo.so#2");
  });

  test("by remap.config, and by plugin.config before, is (remap), with numbers of its own", () => {
    freshControl();
    expect(loaded("foo.so")).toBe("foo.so");
    expect(loaded("foo.so", true)).toBe("foo.so(remap)");
    expect(loaded("foo.so", true)).toBe("foo.so(remap)#2");
    expect(loaded("foo.so")).toBe("foo.so#2");
    expect(loaded("foo.so", true)).toBe("foo.so(remap)#3");
    expect(loaded("bar.so", true)).toBe("bar.so");
  });

  test("by plugin.config after remap.config is another load of the name; what remap.config loads then is (remap)", () => {
    freshControl();
    expect(loaded("foo.so", true)).toBe("foo.so");
    expect(loaded("foo.so")).toBe("foo.so#2");
    expect(loaded("foo.so", true)).toBe("foo.so(remap)");
  });

  test("under a long name is counted by the name's beginning, and shows as much of it as an owner's name has room for", () => {
    freshControl();
    const long = "a".repeat(51);
    expect(loaded(long + "b.so")).toBe(long + "b.so");
    expect(loaded(long + "c.so")).toBe(long + "c.so#2");
    expect(loaded(long, true)).toBe(long + "(remap)");
    expect(loaded("b".repeat(200))).toBe("b".repeat(90));
    expect(loaded("b".repeat(200), true)).toBe("b".repeat(90) + "(remap)");
  });

  test("under a further name than there is room for has its file's name each time, and those of the others go on", () => {
    freshControl();
    for (let i: u32 = 0; i < LOADS_MAX; ++i) assert(loaded("plugin" + i.toString()) == "plugin" + i.toString());
    expect(answerNumber()).toBe(1);
    expect(loaded("one.so")).toBe("one.so");
    expect(answerNumber()).toBe(0);
    expect(loaded("one.so", true)).toBe("one.so");
    expect(loaded("plugin7")).toBe("plugin7#2");
    expect(answerNumber()).toBe(2);
  });
});
