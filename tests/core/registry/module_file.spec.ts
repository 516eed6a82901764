// SPDX-License-Identifier: Apache-2.0
//
// The files of modules: one entry per name, a fixed number of entries, and a free entry again after a plugin's owner is gone.

import { FILES_MAX, FILE_SIZE, INPUT_SIZE, OWNER_CORE, OWNER_NONE } from "../../../assembly/abi";
import { registerFile, retireOwner, version } from "../../../assembly/index";
import { fileAt, idOf, nameOf, pathOf } from "../../../assembly/registry/module_file";
import { file, fresh, owner, textFrom } from "../support";

/** The content of an entry. */
function entry(number: u32): string {
  const at = fileAt(number);
  const name = textFrom(nameOf(at), at.nameLength);
  return name + "|" + textFrom(idOf(at), at.idLength) + "|" + textFrom(pathOf(at), at.pathLength);
}

describe("files of modules", () => {
  test("are stored by name: build id, if there is one, and path", () => {
    fresh();
    const before = version();
    expect(file("core", "00ff", "/usr/bin/traffic_server", OWNER_CORE)).toBe(0);
    expect(file("foo.so", "", "/lib/foo.so", owner("foo.so"))).toBe(0);
    expect(entry(0)).toBe("core|00ff|/usr/bin/traffic_server");
    expect(entry(1)).toBe("foo.so||/lib/foo.so");
    expect(fileAt(2).nameLength).toBe(0);
    expect(version()).not.toBe(before);
  });

  test("of the same library are replaced by the last, also if the library turns out to be a plugin", () => {
    fresh();
    file("libz.so.1", "01", "/a/libz.so.1", OWNER_NONE);
    file("libz.so.1", "02", "/b/libz.so.1", OWNER_NONE);
    expect(entry(0)).toBe("libz.so.1|02|/b/libz.so.1");
    const key = owner("libz.so.1");
    file("libz.so.1", "03", "/c/libz.so.1", key);
    expect(entry(0)).toBe("libz.so.1|03|/c/libz.so.1");
    expect(fileAt(0).owner).toBe(key);
    file("libz.so.1", "04", "/d/libz.so.1", OWNER_NONE);
    expect(entry(1)).toBe("libz.so.1|04|/d/libz.so.1");
  });

  test("of a plugin that is gone free their entry; those of the server and of libraries stay", () => {
    fresh();
    file("core", "", "/server", OWNER_CORE);
    file("libz.so.1", "", "/libz.so.1", OWNER_NONE);
    const key = owner("foo.so");
    file("foo.so", "", "/foo.so", key);
    retireOwner(key);
    file("bar.so", "", "/bar.so", owner("bar.so"));
    expect([entry(0), entry(1), entry(2)]).toStrictEqual(["core||/server", "libz.so.1||/libz.so.1", "bar.so||/bar.so"]);
  });

  test("are refused when the table is full", () => {
    fresh();
    for (let i: u32 = 0; i < FILES_MAX; ++i) assert(file("lib" + i.toString(), "", "/lib", OWNER_NONE) == 0);
    expect(file("one", "", "/lib", OWNER_NONE)).toBe(-1);
    expect(file("lib7", "77", "/again", OWNER_NONE)).toBe(0);
    expect(entry(7)).toBe("lib7|77|/again");
  });

  test("with long parts are truncated: a path keeps its end, a name and a build id their beginning", () => {
    fresh();
    file("n".repeat(200), "a".repeat(50), "/folder".repeat(100) + "/x.so", OWNER_NONE);
    const at = fileAt(0);
    expect(textFrom(nameOf(at), at.nameLength)).toBe("n".repeat(112));
    expect(textFrom(idOf(at), at.idLength)).toBe("a".repeat(40));
    const path = textFrom(pathOf(at), at.pathLength);
    expect(path.startsWith("...")).toBe(true);
    expect(path.endsWith("/folder/x.so")).toBe(true);
    expect(pathOf(at) + at.pathLength).toBe(changetype<usize>(at) + FILE_SIZE);
  });

  test("with control characters become printable; impossible lengths are refused", () => {
    fresh();
    file("a\nb.so", "", "/x\x1b[31m", OWNER_NONE);
    expect(entry(0)).toBe("a?b.so||/x?[31m");
    expect(registerFile(0, 0, 5, OWNER_NONE)).toBe(-1);
    expect(registerFile(1, INPUT_SIZE, 0, OWNER_NONE)).toBe(-1);
    expect(registerFile(1, u32.MAX_VALUE, 1, OWNER_NONE)).toBe(-1);
  });
});
