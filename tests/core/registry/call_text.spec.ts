// SPDX-License-Identifier: Apache-2.0
//
// The text of a plugin's call, composed of parts of any length.

import { CLASS_HEAP, CLASS_TSAPI, INPUT_SIZE, NAME_MAX, NAME_VIA } from "../../../assembly/abi";
import { input } from "../../../assembly/base/memory";
import { lengthOf } from "../../../assembly/registry/name";
import { siteCount } from "../../../assembly/registry/registry";
import { registerCall, renameCall } from "../../../assembly/registry/call_text";
import { attributes, fresh, nameOf, owner, put } from "../support";

/** The name of a new site. */
function call(module: string, offset: u64, file: string, key: u32, flags: u32 = 0): string {
  put(module + file);
  const length = <u32>String.UTF8.byteLength(module);
  const site = registerCall(
    0x1000 + siteCount(),
    attributes(CLASS_TSAPI, 0, key),
    length,
    offset,
    String.UTF8.byteLength(file),
    key,
    flags,
  );
  return nameOf(site);
}

function renamed(site: u32, module: string, name: string, file: string, called: string = ""): string {
  put(module + name + file + called);
  const length = (text: string): u32 => String.UTF8.byteLength(text);
  const result = renameCall(site, length(module), 0x1a2b, length(name), length(file), length(called));
  return result == 0 ? nameOf(site) : "";
}

describe("the text of a call", () => {
  test("is the module and the address in it, and the file if known", () => {
    fresh();
    const foo = owner("foo.so");
    expect(call("foo.so", 0x1a2b, "", foo)).toBe("memory/plugin/foo.so+0x1a2b");
    expect(call("foo.so", 0x1a2b, "foo.c:88", foo)).toBe("memory/plugin/foo.so+0x1a2b (foo.c:88)");
    expect(call("lib.so#2", 0, "", foo, NAME_VIA)).toBe("memory/plugin/lib.so#2+0x0 [via foo.so]");
    expect(call("", u64.MAX_VALUE, "", foo, NAME_VIA)).toBe("memory/plugin/0xffffffffffffffff [via foo.so]");
    expect(call("foo.so", 1, "f".repeat(100), foo)).toBe("memory/plugin/foo.so+0x1 (" + "f".repeat(60) + ")");
    expect(call("a\nb", 1, "c\x1b[2J:1", foo)).toBe("memory/plugin/a?b+0x1 (c?[2J:1)");
  });

  test("is the function, once known", () => {
    fresh();
    const foo = owner("foo.so");
    call("foo.so", 1, "", foo);
    const site = siteCount() - 1;
    expect(renamed(site, "foo.so", "handler (foo.c:88)", "")).toBe("memory/plugin/foo.so handler (foo.c:88)");
    expect(renamed(site, "foo.so", "handler", "foo.c:88")).toBe("memory/plugin/foo.so handler (foo.c:88)");
    expect(renamed(site, "foo.so", "handler+0x1a", "", "inflate")).toBe("memory/plugin/foo.so handler+0x1a calls inflate");
    expect(renamed(site, "foo.so", "", "", "inflate")).toBe("memory/plugin/foo.so+0x1a2b calls inflate");
    expect(renamed(site, "foo.so", "f", "")).toBe("memory/plugin/foo.so f", "nothing is left of a longer one");
    expect(renamed(site + 1, "foo.so", "f", "")).toBe("");
    expect(renamed(0, "foo.so", "f", "")).toBe("");
  });

  test("fits into the name, whatever the length of its parts", () => {
    fresh();
    const foo = owner("foo.so");
    memory.fill(input, 0x61, INPUT_SIZE);
    const site = registerCall(1, attributes(CLASS_HEAP, 0, foo), u32.MAX_VALUE, u64.MAX_VALUE, u32.MAX_VALUE, foo, 0);
    expect(lengthOf(site)).toBe(NAME_MAX);
    expect(nameOf(site).endsWith("a+0xffffffffffffffff")).toBe(true, nameOf(site));
    memory.fill(input, 0x62, INPUT_SIZE);
    expect(renameCall(site, INPUT_SIZE, 1, INPUT_SIZE, INPUT_SIZE, INPUT_SIZE)).toBe(0);
    expect(lengthOf(site)).toBe(NAME_MAX);
    memory.fill(input, 0x63, INPUT_SIZE);
    expect(renameCall(site, 1, 1, 1, u32.MAX_VALUE, u32.MAX_VALUE)).toBe(0);
    expect(nameOf(site).startsWith("memory/plugin/c c (ccc")).toBe(true);
    expect(nameOf(site).endsWith("ccc)")).toBe(true);
  });
});
