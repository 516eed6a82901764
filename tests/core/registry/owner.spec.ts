// SPDX-License-Identifier: Apache-2.0
//
// Owners are added and retired: a key is used once, a slot many times, and every key has an owner.

import { CLASS_HEAP, CLASS_TSAPI, FACT_LEVEL, INPUT_SIZE, OWNER_CORE, OWNER_OTHER, OWNERS_MAX } from "../../../assembly/abi";
import { OWNER_SLOT_BITS, OWNER_TEXT_MAX } from "../../../assembly/abi";
import { input } from "../../../assembly/base/memory";
import { freeSite, registerOwner, retireOwner, version } from "../../../assembly/index";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { ownerOfSite } from "../../../assembly/registry/name";
import { isOwner, isRetired, ownerKey, ownerLength, ownerOf, ownerText } from "../../../assembly/registry/owner";
import { begin, fresh, owner, pluginSite, rendered, sumUp, textFrom } from "../support";

function text(slot: u32): string {
  return textFrom(ownerText(slot), ownerLength(slot));
}

/** Takes every free slot. Returns the last key. */
function fill(): u32 {
  let key: u32 = 0;
  for (let slot: u32 = OWNER_OTHER + 1; slot < OWNERS_MAX; ++slot) key = owner("p" + slot.toString() + ".so");
  return key;
}

describe("the owners", () => {
  test("are the server and (other plugins) at first", () => {
    fresh();
    expect(text(OWNER_CORE)).toBe("core");
    expect(text(OWNER_OTHER)).toBe("(other plugins)");
    expect(ownerOf(OWNER_CORE)).toBe(OWNER_CORE);
    expect(ownerOf(OWNER_OTHER)).toBe(OWNER_OTHER);
    expect(isOwner(OWNER_OTHER + 1)).toBe(false);
  });

  test("have unique keys, by which their slot is found", () => {
    fresh();
    const foo = owner("foo.so");
    const bar = owner("bar.so");
    expect(foo).not.toBe(bar);
    expect(text(ownerOf(foo))).toBe("foo.so");
    expect(text(ownerOf(bar))).toBe("bar.so");
    expect(ownerKey(ownerOf(bar))).toBe(bar);
    expect(owner("foo.so")).not.toBe(foo, "a second load is another owner, though its text be the same");
  });

  test("are (other plugins) for unknown keys", () => {
    fresh();
    const foo = owner("foo.so");
    expect(ownerOf(foo + 1)).toBe(OWNER_OTHER);
    expect(ownerOf(foo + OWNERS_MAX)).toBe(OWNER_OTHER, "the next incarnation");
    expect(ownerOf(ownerOf(foo))).toBe(OWNER_OTHER, "a slot is no key");
    expect(ownerOf(u32.MAX_VALUE)).toBe(OWNER_OTHER);
    expect(ownerOf(OWNERS_MAX)).toBe(OWNER_OTHER, "a further incarnation of the server");
  });

  test("become (other plugins) when all slots are taken, until a slot is free again", () => {
    fresh();
    const last = fill();
    expect(last & (OWNERS_MAX - 1)).toBe(OWNERS_MAX - 1);
    expect(owner("late.so")).toBe(OWNER_OTHER);
    expect(owner("later.so")).toBe(OWNER_OTHER);
    expect(text(OWNER_OTHER)).toBe("(other plugins)");
    expect(ownerOfSite(pluginSite(CLASS_TSAPI, "late.so+0x10", OWNER_OTHER))).toBe(OWNER_OTHER);
    expect(retireOwner(last)).toBe(0);
    expect(owner("latest.so")).toBe(last + (1 << OWNER_SLOT_BITS));
    expect(owner("too late.so")).toBe(OWNER_OTHER);
  });

  test("get a new key when they reuse a slot, a thousand times; the old keys are (other plugins)", () => {
    fresh();
    const keys = new Set<u32>();
    let before: u32 = 0;
    for (let load = 0; load < 1000; ++load) {
      const key = owner("foo.so#" + load.toString());
      if (keys.has(key)) expect(key).toBe(0, "given twice");
      keys.add(key);
      if (before && ownerOf(before) != OWNER_OTHER) expect(before).toBe(0, "an old key leads to the new owner");
      expect(retireOwner(key)).toBe(0);
      before = key;
    }
    expect(keys.size).toBe(1000);
    expect(<i32>(before & (OWNERS_MAX - 1))).toBe(OWNER_OTHER + 1);
  });

  test("keep their slot and key while they keep a site", () => {
    fresh();
    const foo = owner("foo.so");
    const site = pluginSite(CLASS_TSAPI, "foo.so+0x10", foo);
    expect(retireOwner(foo)).toBe(0);
    const slot = ownerOf(foo);
    expect(slot).not.toBe(OWNER_OTHER);
    expect(isRetired(slot)).toBe(true);
    const late = pluginSite(CLASS_HEAP, "foo.so+0x20", foo);
    expect(ownerOfSite(late)).toBe(slot, "a call that was under way when the module went");
    expect(owner("bar.so") & (OWNERS_MAX - 1)).not.toBe(slot);
    expect(freeSite(site)).toBe(0);
    expect(isOwner(slot)).toBe(true);
    expect(freeSite(late)).toBe(0);
    expect(isOwner(slot)).toBe(false);
    expect(ownerOf(foo)).toBe(OWNER_OTHER);
  });

  test("cannot be retired twice or by a wrong key; the server and (other plugins) cannot be retired", () => {
    fresh();
    const foo = owner("foo.so");
    pluginSite(CLASS_TSAPI, "foo.so+0x10", foo);
    expect(retireOwner(foo)).toBe(0);
    expect(retireOwner(foo)).toBe(-1);
    const bar = owner("bar.so");
    expect(retireOwner(bar + (1 << OWNER_SLOT_BITS))).toBe(-1);
    expect(retireOwner(bar & (OWNERS_MAX - 1))).toBe(-1);
    expect(retireOwner(OWNER_CORE)).toBe(-1);
    expect(retireOwner(OWNER_OTHER)).toBe(-1);
    expect(retireOwner(u32.MAX_VALUE)).toBe(-1);
    expect(retireOwner(5)).toBe(-1);
    expect(isRetired(ownerOf(bar))).toBe(false);
    expect(retireOwner(bar)).toBe(0);
    expect(retireOwner(bar)).toBe(-1, "its slot is free now");
  });

  test("have a text truncated to its slot, with control characters as question marks and no byte of a neighbour", () => {
    fresh();
    const long = owner("x".repeat(OWNER_TEXT_MAX + 1));
    const next = owner("a\nb\x1b.so");
    const empty = owner("");
    memory.fill(input, 0x79, INPUT_SIZE);
    const longest = registerOwner(u32.MAX_VALUE);
    expect(text(ownerOf(long))).toBe("x".repeat(OWNER_TEXT_MAX));
    expect(text(ownerOf(next))).toBe("a?b?.so");
    expect(text(ownerOf(empty))).toBe("");
    expect(text(ownerOf(longest))).toBe("y".repeat(OWNER_TEXT_MAX));
  });

  test("change the version when one is added or retired, so that models copy them again", () => {
    fresh();
    const none = version();
    const foo = owner("foo.so");
    const one = version();
    expect(one).not.toBe(none);
    retireOwner(foo);
    expect(version()).not.toBe(one);
  });

  test("fit into a dump of the smallest table when all slots are taken, and do not affect the header", () => {
    fresh();
    for (let slot: u32 = OWNER_OTHER + 1; slot < OWNERS_MAX; ++slot) owner("y".repeat(OWNER_TEXT_MAX));
    setHeaderNumber(FACT_LEVEL, 2);
    begin();
    sumUp();
    for (let turn = 0; turn < 2; ++turn) {
      const dump = rendered();
      expect(dump.startsWith("memtrack format=2 dump=0 time=1970-01-01T00:00:00Z reason=signal level=2 ")).toBe(true);
      expect(dump.split(" | " + "y".repeat(OWNER_TEXT_MAX) + " | loaded  | ").length).toBe(OWNERS_MAX - 1);
      expect(dump.endsWith("\nmemtrack end dump=0 rows=0\n")).toBe(true);
    }
  });
});
