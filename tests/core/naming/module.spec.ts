// SPDX-License-Identifier: Apache-2.0
//
// Conclusions from a module's name, and the owner's name of a loaded plugin.

import { LOADS_MAX, MODULE_NAME_LEFT_ALONE, MODULE_NAME_LIBRARY, MODULE_NAME_SERVER } from "../../../assembly/abi";
import { answerNumber } from "../../../assembly/base/answer";
import { copiedPath, moduleKind, nameLoad } from "../../../assembly/naming/module";
import { answered, freshControl, put } from "../support";

describe("a module's name", () => {
  test("identifies the server's modules, and modules in which nothing is redirected", () => {
    freshControl();
    expect(moduleKind(put("/proc/self/exe"))).toBe(MODULE_NAME_SERVER);
    expect(moduleKind(put("/usr/lib/trafficserver/libtscore.so.9"))).toBe(MODULE_NAME_SERVER);
    const libraries = ["libtsapi.so", "libtsutil.so.10.2.0", "libtscore.so"]; // of 10
    for (let i = 0; i < libraries.length; ++i) {
      expect(moduleKind(put(`/opt/ts/lib/${libraries[i]}`))).toBe(MODULE_NAME_SERVER, libraries[i]);
    }
    expect(moduleKind(put("/opt/ts/lib/libtscppapi.so"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put("/lib/x86_64-linux-gnu/libc.so.6"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put("/lib64/ld-linux-x86-64.so.2"))).toBe(MODULE_NAME_LEFT_ALONE);
    expect(moduleKind(put("linux-vdso.so.1"))).toBe(MODULE_NAME_LEFT_ALONE);
    expect(moduleKind(put("libjemalloc.so.2"))).toBe(MODULE_NAME_LEFT_ALONE);
  });

  test("is only the last part of its path", () => {
    freshControl();
    expect(moduleKind(put("/libjemalloc.so/libz.so.1"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put("/opt/proc/self/exe"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put("/usr/lib/libcrypto.so.3"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put("libtscore"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put("/lib/"))).toBe(MODULE_NAME_LIBRARY);
    expect(moduleKind(put(""))).toBe(MODULE_NAME_LIBRARY);
  });
});

describe("the path of a server's copy of a plugin", () => {
  test("ends with the plugin's own path", () => {
    freshControl();
    const copy = "/var/run/5db726f1-e37f-4db1-9c13-6415681cea41";
    expect(copiedPath(put(copy + "/opt/foo.so"))).toBe(copy.length);
    expect(copiedPath(put("/5DB726F1-e37f-4db1-9c13-6415681cea41/f"))).toBe(37);
  });

  test("is another path otherwise", () => {
    freshControl();
    expect(copiedPath(put("/usr/lib/trafficserver/modules/foo.so"))).toBe(0);
    expect(copiedPath(put("/run/5db726f1-e37f-4db1-9c13-6415681cea41"))).toBe(0, "nothing follows");
    expect(copiedPath(put("/run/5db726f1-e37f-4db1-9c13-6415681cea4/f.so"))).toBe(0, "too short");
    expect(copiedPath(put("/run/5db726f1-e37f-4db1-9c13-6415681cea411/f.so"))).toBe(0, "too long");
    expect(copiedPath(put("/run/5db726f10e37f-4db1-9c13-6415681cea41/f.so"))).toBe(0, "no dash there");
    expect(copiedPath(put("/run/5db726f1-e37f-4db1-9c13-6415681ceaxx/f.so"))).toBe(0, "not hexadecimal");
    expect(copiedPath(put(""))).toBe(0);
  });
});

/** The owner's name of a loaded plugin. */
function loaded(name: string, byRemap: bool = false): string {
  return answered(nameLoad(put(name), byRemap));
}

describe("a loaded plugin", () => {
  test("has its file's name, with the number of the load from the second load on", () => {
    freshControl();
    expect(loaded("foo.so")).toBe("foo.so");
    expect(loaded("foo.so")).toBe("foo.so#2");
    expect(loaded("foo.so.1")).toBe("foo.so.1");
    expect(loaded("fo")).toBe("fo");
    expect(loaded("foo.so")).toBe("foo.so#3");
  });

  test("has the same names if only remap.config loads it", () => {
    freshControl();
    expect(loaded("foo.so", true)).toBe("foo.so");
    expect(loaded("foo.so", true)).toBe("foo.so#2");
  });

  test("is (remap), with its own numbers, if remap.config loads it after plugin.config", () => {
    freshControl();
    expect(loaded("foo.so")).toBe("foo.so");
    expect(loaded("foo.so", true)).toBe("foo.so(remap)");
    expect(loaded("foo.so", true)).toBe("foo.so(remap)#2");
    expect(loaded("foo.so")).toBe("foo.so#2");
    expect(loaded("foo.so", true)).toBe("foo.so(remap)#3");
    expect(loaded("bar.so", true)).toBe("bar.so");
  });

  test("loaded by plugin.config after remap.config is a further load; later loads by remap.config are (remap)", () => {
    freshControl();
    expect(loaded("foo.so", true)).toBe("foo.so");
    expect(loaded("foo.so")).toBe("foo.so#2");
    expect(loaded("foo.so", true)).toBe("foo.so(remap)");
  });

  test("with a long name is counted by the beginning of the name, and shows as much of it as fits", () => {
    freshControl();
    const long = "a".repeat(51);
    expect(loaded(long + "b.so")).toBe(long + "b.so");
    expect(loaded(long + "c.so")).toBe(long + "c.so#2");
    expect(loaded(long, true)).toBe(long + "(remap)");
    expect(loaded("b".repeat(200))).toBe("b".repeat(90));
    expect(loaded("b".repeat(200), true)).toBe("b".repeat(90) + "(remap)");
  });

  test("beyond the table of names has its file's name each time, and the other names continue their numbers", () => {
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
